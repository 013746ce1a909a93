"""An independent walk over a log segment, written from Kafka's description of its format alone.

Usage: segment.py FILE...: checks every batch and prints one JSON line each.
"""
import json
import struct
import sys

import record_batch


def batches(path):
    """The batches of a segment file in order: their place, their offsets, and their records as
    [offset, timestamp, key, value], keys and values in hexadecimal or None. Asserts what must hold."""
    with open(path, "rb") as file:
        data = file.read()
    at, expected = 0, None
    while at < len(data):
        assert len(data) - at >= 61, f"{path}: byte {at}: half a header"
        base, length = struct.unpack_from(">qi", data, at)
        assert 49 <= length <= len(data) - at - 12, f"{path}: byte {at}: a length of {length}"
        assert expected is None or base == expected, f"{path}: byte {at}: offset {base}, not {expected}"
        batch = data[at:at + 12 + length]
        crc, attributes, last = struct.unpack_from(">IHi", batch, 17)
        records = record_batch.parse(batch)
        assert [record[0] for record in records] == list(range(base, base + last + 1)), f"{path}: byte {at}"
        yield {"byte": at, "bytes": len(batch), "firstOffset": base, "lastOffset": base + last, "crc32c": f"{crc:08x}",
               "compression": {0: "none", 3: "lz4"}[attributes & 7], "records": records}
        at, expected = at + len(batch), base + last + 1


if __name__ == "__main__":
    for path in sys.argv[1:]:
        for batch in batches(path):
            print(json.dumps(batch, separators=(",", ":")))
