"""An independent reader of committed records, and the judge of what it read.

The judge is `millrace verify` on an embedded log: input and derived topics are imported there as they were read, and
every derived record is held against a fold of that input from nothing. A record lost, doubled or out of order is a
difference; so is one that the fold gives and nobody wrote.
"""

import base64
import json
import re
import threading

from confluent_kafka import Consumer, KafkaError, TopicPartition

from harness import command

INPUT = "prices.ticks.v1"
DERIVED = ["prices.latest.v1", "prices.candles.v1", "prices.ticks.dead.v1"]


class Reader:
    """Reads all partitions of the topics from their beginning, while everything else goes on."""

    def __init__(self, bootstrap, partitions):
        self.bootstrap = bootstrap
        self.records = {(topic, index): [] for topic in [INPUT, *DERIVED] for index in range(partitions)}
        self.problems = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _consumer(self):
        return Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": "auditor", "enable.auto.commit": False,
            "isolation.level": "read_committed", "auto.offset.reset": "error", "log_level": 0})

    def _read(self):
        consumer = self._consumer()
        consumer.assign([TopicPartition(topic, index, 0) for topic, index in self.records])
        while not self.stopping.is_set():
            for message in consumer.consume(1000, 0.2):
                if message.error():
                    if not message.error().retriable() and message.error().code() != KafkaError._TRANSPORT:
                        self.problems.append(str(message.error()))
                    continue
                records = self.records[(message.topic(), message.partition())]
                if records and message.offset() <= records[-1][0]:
                    self.problems.append(f"{message.topic()} went back to {message.offset()}")
                records.append((message.offset(), message.timestamp()[1], message.key(), message.value()))
        consumer.close()

    def position(self, partition):
        records = self.records[partition]
        return records[-1][0] + 1 if records else 0

    def ends(self):
        consumer = self._consumer()
        ends = {
            (topic, index): consumer.get_watermark_offsets(TopicPartition(topic, index), timeout=20)[1]
            for topic, index in self.records}
        consumer.close()
        return ends

    def count(self, topic):
        return sum(len(records) for (name, _), records in self.records.items() if name == topic)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        assert not self.problems, self.problems[:5]


def lines(records, partitions):
    """What the reader read, in the form of `log import`. Offsets of derived records are counted anew: transactions
    leave gaps in them."""
    for (topic, index), content in records.items():
        is_derived = topic != INPUT
        numbered = [
            (place if is_derived else offset, *rest) for place, (offset, *rest) in enumerate(content)]
        end = numbered[-1][0] + 1 if numbered else 0
        yield {"topic": topic, "partition": index, "partitions": partitions, "derived": is_derived,
               "startOffset": 0, "endOffset": end}
        expected = 0
        for offset, timestamp, key, value in numbered:
            if offset > expected:
                yield {"gapStart": expected, "gapEnd": offset}
            expected = offset + 1
            yield {"offset": offset, "timestampMillis": timestamp, "key": None if key is None else key.decode(),
                   "value": None if value is None else base64.b64encode(value).decode()}


def judge(records, partitions, topology, directory):
    """Raises unless the derived records are exactly those that the input gives. Returns how many there are."""
    path = directory / "read.ndjson"
    with open(path, "w") as file:
        for line in lines(records, partitions):
            file.write(json.dumps(line) + "\n")
    data = directory / "judged"
    command("log", "import", path, "--data", data, check=0)
    done = command("verify", "--topology", topology, "--log", "embedded", "--data", data, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    missing = re.findall(r"(\S+): \d+ records, (\d+) not stored", done.stdout)
    assert not missing, f"the fold gives more than was written: {missing}"
    found = sum(int(count) for count in re.findall(r": (\d+) records, sha256", done.stdout))
    assert found == sum(len(content) for (topic, _), content in records.items() if topic != INPUT)
    return found
