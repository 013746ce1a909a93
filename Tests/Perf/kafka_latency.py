"""How long it takes from a tick to what is derived from it, as seen by a client of Kafka that reads what is committed."""
import secrets
import struct
import threading
import time

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from runs import Missing

PROBE_TOPIC = "prices.ticks.v1"
ANSWER_SECONDS = 30


def first_answers(settings: dict, output: str, per_second: int, seconds: float) -> list:
    """Sends ticks at even distances, each of an instrument of its own, and returns the seconds from when each was due
    until the first committed record of its instrument was seen in `output`."""
    name = secrets.token_hex(3).upper()
    keys = [b"%s%d/USD" % (name.encode(), number) for number in range(round(per_second * seconds))]
    seen, ready = {}, threading.Event()
    reader = threading.Thread(target=_read, args=(settings, output, set(keys), seen, ready), daemon=True)
    reader.start()
    if not ready.wait(ANSWER_SECONDS):
        raise Missing(f"{output} cannot be read")
    producer = Producer({**settings, "linger.ms": 0, "acks": "all"})
    producer.list_topics(PROBE_TOPIC, timeout=30)
    due = []
    start = time.monotonic() + 0.5
    for number, key in enumerate(keys):
        due.append(start + number / per_second)
        time.sleep(max(0, due[-1] - time.monotonic()))
        now = time.time_ns()
        producer.produce(PROBE_TOPIC, tick(now), key, partition=0, timestamp=now // 1_000_000)
        producer.poll(0)
    producer.flush(30)
    reader.join(ANSWER_SECONDS)
    if len(seen) < len(keys):
        raise Missing(f"only {len(seen)} of {len(keys)} ticks were answered in {output}")
    return [seen[key] - moment for key, moment in zip(keys, due)]


def _read(settings, topic, keys, seen, ready):
    consumer = Consumer({
        **settings, "group.id": "bench", "isolation.level": "read_committed", "enable.auto.commit": False,
        "enable.partition.eof": True, "fetch.min.bytes": 1})
    consumer.assign([TopicPartition(topic, 0, OFFSET_END)])
    while len(seen) < len(keys):
        message = consumer.poll(ANSWER_SECONDS)
        now = time.monotonic()
        if message is None:
            return
        if message.error():
            ready.set()  # The end, so that it stands where nothing of ours can be before it.
        elif message.key() in keys:
            seen.setdefault(message.key(), now)
    consumer.close()


def tick(nanos: int) -> bytes:
    """A trade as schemas/prices.ticks.v1.avsc says."""
    source = b"bench"
    return (b"\0" + struct.pack(">i", 1) + _number(0) + _number(1) + 2 * _number(nanos) + _number(len(source)) + source
            + _decimal(100) + _decimal(1) + _number(0))


def _number(value: int) -> bytes:
    raw, encoded = value << 1 ^ value >> 63, bytearray()
    while raw >= 0x80:
        encoded.append(raw & 0x7f | 0x80)
        raw >>= 7
    return bytes([*encoded, raw])


def _decimal(value: int) -> bytes:
    raw = value * 10**18
    size = raw.bit_length() // 8 + 1
    return _number(size) + raw.to_bytes(size, "big")
