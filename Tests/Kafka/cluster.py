"""A Kafka cluster as an independent client sees it, and records to put into logs."""

import base64
import json
import random
import secrets

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

OURS = ["prices.ticks.v1", "prices.latest.v1", "prices.candles.v1", "sources.status.v1", "prices.ticks.dead.v1"]


class Cluster:
    def __init__(self, bootstrap, **settings):
        self.bootstrap = bootstrap
        self.log = f"kafka:{bootstrap}"
        self.settings = {"bootstrap.servers": bootstrap, **settings}
        self.admin = AdminClient(self.settings)

    def remove_ours(self):
        """Deletes what Millrace made under its own names, so that a test begins with none of it."""
        names = set(self.admin.list_topics(timeout=30).topics) & {*OURS, "millrace.copies.v1"}
        for future in self.admin.delete_topics(list(names), operation_timeout=30).values() if names else []:
            future.result()
        while set(self.admin.list_topics(timeout=30).topics) & names:
            pass

    def create(self, name, partitions=1, **config):
        self.admin.create_topics([NewTopic(name, partitions, config=config)])[name].result()

    def settings_of(self, topic):
        resource = ConfigResource(ResourceType.TOPIC, topic)
        entries = self.admin.describe_configs([resource])[resource].result()
        return {name: entry.value for name, entry in entries.items()}

    def records(self, topic, partition, start=0, count=None):
        """Committed records from `start` on: offset, timestamp, key, value, headers."""
        consumer = Consumer({
            **self.settings, "group.id": "test-" + secrets.token_hex(4), "isolation.level": "read_committed",
            "enable.auto.commit": False, "auto.offset.reset": "error", "enable.partition.eof": True,
        })
        consumer.assign([TopicPartition(topic, partition, start)])
        found = []
        while count is None or len(found) < count:
            for message in consumer.consume(1000, timeout=1):
                if message.error():
                    consumer.close()
                    assert message.error().code() == -191, message.error()  # the end of the partition
                    return found
                found.append((message.offset(), message.timestamp()[1], message.key(), message.value(),
                              message.headers() or []))
        consumer.close()
        return found[:count]


def fresh_name(stem):
    return f"test-{secrets.token_hex(5)}-{stem}"


def write_export(path, topic, count, partitions=1, seed=1, derived=False):
    """What `log import` takes: records of every kind, with times in no order. Returns them by partition, as
    `Cluster.records` has them but without their offsets."""
    draw = random.Random(seed)
    records = []
    with open(path, "w") as file:
        for partition in range(partitions):
            print(json.dumps({
                "topic": topic, "partition": partition, "partitions": partitions, "derived": derived,
                "startOffset": 0, "endOffset": count}), file=file)
            records.append([])
            for offset in range(count):
                key = None if draw.random() < 0.1 else "k%d" % draw.randrange(100)
                value = None if draw.random() < 0.1 else b"%d:%d" % (partition, offset)
                headers = [("h", b"%d" % offset), ("none", None), ("h", b"")] if offset % 5 == 0 else []
                time = draw.randrange(1, 1_800_000_000_000)
                line = {"offset": offset, "timestampMillis": time, "key": key, "value": base64_text(value)}
                if headers:
                    line["headers"] = [{"key": name, "value": base64_text(value)} for name, value in headers]
                print(json.dumps(line), file=file)
                records[-1].append((time, None if key is None else key.encode(), value, headers))
    return records


def base64_text(value):
    return None if value is None else base64.b64encode(value).decode()
