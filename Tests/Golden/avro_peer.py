"""fastavro as the independent side of the events' codec.

avro_peer.py decode FILE: each line is topic, value (hexadecimal) and the expected fields as text, separated by tabs;
prints the lines that fastavro reads differently, and at the end how many it read.
avro_peer.py encode SEED COUNT: prints such lines for random records of every topic, extremes included.

A field as text: decimals by their unscaled value, bytes and strings in hexadecimal, null as `~`, items of an array
between brackets.
"""
import decimal
import io
import json
import pathlib
import random
import sys

import fastavro

decimal.getcontext().prec = 60
SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
REGISTRY = json.loads((SCHEMAS / "registry.json").read_text())
TOPICS = {}
for subject, entry in REGISTRY.items():
    schema = json.loads((SCHEMAS / entry["file"]).read_text())
    TOPICS[subject.removesuffix("-value")] = (entry["id"], schema, fastavro.parse_schema(schema))


def text(value):
    if value is None:
        return "~"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return str(int(value.scaleb(18)))
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return "[" + ";".join(",".join(text(field) for field in item.values()) for item in value) + "]"
    return str(value)


def kind(schema):
    return schema["type"] if isinstance(schema, dict) else schema


def fields(schema, record):
    result = []
    for field in schema["fields"]:
        value = record[field["name"]]
        result.append(as_text(field["type"], value))
    return result


def as_text(schema, value):
    """Strings in hexadecimal, enum symbols as they are: both are `str` to fastavro."""
    if isinstance(schema, list):
        return "~" if value is None else as_text(schema[1], value)
    if kind(schema) == "string":
        return value.encode().hex()
    if kind(schema) == "array":
        return "[" + ";".join(",".join(fields(schema["items"], item)) for item in value) + "]"
    return text(value)


def decode(path):
    count = 0
    for line in open(path):
        topic, value, *expected = line.rstrip("\n").split("\t")
        schema_id, schema, parsed = TOPICS[topic]
        raw = bytes.fromhex(value)
        stream = io.BytesIO(raw[5:])
        record = fastavro.schemaless_reader(stream, parsed)
        got = fields(schema, record)
        if raw[0] != 0 or int.from_bytes(raw[1:5], "big") != schema_id or got != expected or stream.read():
            print("differs:", topic, value, expected, got)
        count += 1
    print("read", count)


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def integer(self, bits):
        choice = self.random.randrange(6)
        if choice == 0:
            return self.random.choice([0, -1, 1, 63, 64, -64, -65, 2 ** (bits - 1) - 1, -2 ** (bits - 1)])
        return self.random.getrandbits(self.random.randrange(1, bits)) * self.random.choice([1, -1])

    def decimal(self):
        choice = self.random.randrange(8)
        if choice == 0:
            raw = self.random.choice([0, 1, -1, 127, 128, -128, -129, 10**38 - 1, 1 - 10**38, 2**63, -2**63, 2**64])
        else:
            raw = self.random.randrange(10 ** self.random.randrange(1, 39)) * self.random.choice([1, -1])
        return decimal.Decimal(raw).scaleb(-18)

    def string(self):
        alphabet = "abc/USD-0123456789é€😀\u0001\""
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randrange(1, 30)))

    def value(self, schema, name):
        if isinstance(schema, list):
            return None if self.random.random() < 0.4 else self.value(schema[1], name)
        if name == "intervalSeconds":
            return self.random.choice([60, 300, 900, 3600, 14400, 86400])
        if kind(schema) == "enum":
            return self.random.choice(schema["symbols"])
        if kind(schema) == "array":
            return [self.record(schema["items"]) for _ in range(self.random.randrange(6))]
        if kind(schema) == "bytes":
            if isinstance(schema, dict) and schema.get("logicalType") == "decimal":
                return self.decimal()
            return self.random.randbytes(self.random.randrange(40))
        return {
            "string": self.string,
            "boolean": lambda: self.random.random() < 0.5,
            "int": lambda: self.integer(32),
            "long": lambda: self.integer(64),
        }[kind(schema)]()

    def record(self, schema):
        return {field["name"]: self.value(field["type"], field["name"]) for field in schema["fields"]}


def encode(seed, count):
    maker = Maker(seed)
    for topic, (schema_id, schema, parsed) in TOPICS.items():
        for _ in range(count):
            record = maker.record(schema)
            stream = io.BytesIO()
            fastavro.schemaless_writer(stream, parsed, record)
            value = b"\0" + schema_id.to_bytes(4, "big") + stream.getvalue()
            print("\t".join([topic, value.hex(), *fields(schema, record)]))


if sys.argv[1] == "decode":
    decode(sys.argv[2])
else:
    encode(int(sys.argv[2]), int(sys.argv[3]))
