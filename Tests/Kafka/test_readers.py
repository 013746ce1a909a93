"""Any client of Kafka reads our topics: confluent-kafka's own Avro deserializer, with the edge as its schema registry."""

import base64
import decimal
import json
import time

import pytest
from confluent_kafka import DeserializingConsumer, KafkaError, OFFSET_BEGINNING, TopicPartition
from confluent_kafka.error import ConsumeError
from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext, StringDeserializer

from harness import Server

SUBJECTS = {
    "prices.ticks.v1-value", "prices.latest.v1-value", "prices.candles.v1-value", "sources.status.v1-value",
    "prices.ticks.dead.v1-value"}
TOPOLOGY = """
log: {{kafka: {{bootstrapServers: "{bootstrap}"}}, partitions: 3}}
feeds:
  - {{kind: synthetic, ratePerSecond: 500, dropOutsPerMillion: 5000}}
"""
# Compared at most of each topic: the edge answers in pages.
RECORDS_MAX = 500


class Kafka:
    """What `edge` serves, and what a client of Kafka reads with the schemas that it has from there or from `registry`."""

    def __init__(self, bootstrap, edge, registry=None):
        self.bootstrap = bootstrap
        self.edge = edge
        self.registry = SchemaRegistryClient({"url": registry or edge.base})

    def records(self, topic):
        """{(partition, offset): (key, value)} of all that is committed now."""
        consumer = DeserializingConsumer({
            "bootstrap.servers": self.bootstrap, "group.id": "reader", "enable.auto.commit": False,
            "isolation.level": "read_committed", "enable.partition.eof": True,
            "key.deserializer": StringDeserializer(), "value.deserializer": AvroDeserializer(self.registry)})
        partitions = set(consumer.list_topics(topic, 10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        records, deadline = {}, time.monotonic() + 30
        while partitions:
            assert time.monotonic() < deadline, (topic, partitions)
            try:
                message = consumer.poll(1)
            except ConsumeError as error:
                assert error.code == KafkaError._PARTITION_EOF, error
                partitions.discard(error.kafka_message.partition())
                continue
            if message is not None:
                records[message.partition(), message.offset()] = (message.key(), message.value())
        consumer.close()
        return records

    def answers(self, topic):
        """{(partition, offset): (key, value)} of what the edge replays first."""
        status, body, _ = self.edge.get(f"/v1/streams/{topic.removesuffix('.v1')}?from=earliest&limit={RECORDS_MAX}")
        assert status == 200, body
        lines = [json.loads(line, parse_float=decimal.Decimal) for line in body.splitlines()]
        data = [line for line in lines if line["type"] == "data"]
        return {tuple(map(int, line["pos"].split(":"))): (line["key"], line["value"]) for line in data}


@pytest.fixture(scope="module")
def kafka(cluster, tmp_path_factory):
    cluster.remove_ours()
    directory = tmp_path_factory.mktemp("readers")
    topology = directory / "topology.yaml"
    topology.write_text(TOPOLOGY.format(bootstrap=cluster.bootstrap))
    with Server(directory / "data", "--topology", topology) as server:
        kafka = Kafka(cluster.bootstrap, server)
        bury(kafka)
        yield kafka


def bury(kafka):
    """Sends prices of yesterday until one of them is a dead letter: it is late only to a fold that has seen today."""
    yesterday = int(time.time() - 86400) * 1000
    tick = {"instrument": "BTC/USD", "source": "mine", "price": "64123.5", "volume": "0.25", "eventTime": yesterday}
    deadline = time.monotonic() + 30
    while not kafka.answers("prices.ticks.dead.v1"):
        assert time.monotonic() < deadline, "no dead letter"
        assert kafka.edge.ingest([tick])[0] == 200
        time.sleep(0.5)


MOMENTS = {"eventTime", "appendTime", "start", "since"}


def plain(value):
    """A value as the edge writes it: moments in whole milliseconds, bytes in base64."""
    if isinstance(value, dict):
        return {name: plain(held // 1_000_000 if name in MOMENTS else held) for name, held in value.items()}
    if isinstance(value, list):
        return [plain(element) for element in value]
    return base64.urlsafe_b64encode(value).decode().rstrip("=") if isinstance(value, bytes) else value


@pytest.mark.parametrize("subject", sorted(SUBJECTS))
def test_the_edge_says_what_the_deserializer_reads(kafka, subject):
    compare(kafka, subject.removesuffix("-value"))


def compare(kafka, topic):
    """Holds what the edge says of the records of a topic against what the deserializer reads there."""
    answers = kafka.answers(topic)
    records = kafka.records(topic)
    assert answers and set(answers) <= set(records)
    for position, (key, served) in answers.items():
        read_key, read = records[position]
        assert read_key == key, position
        read = plain(read)
        if "intervalSeconds" in read:
            seconds = {"m": 60, "h": 3600, "d": 86400}[served["interval"][-1]] * int(served["interval"][:-1])
            assert read.pop("intervalSeconds") == seconds, position
        # What the edge says of all that it read, but for what it takes from the key.
        assert {name: served[name] for name in read} == read, position
        assert set(served) - set(read) <= {"instrument", "source", "interval", "key"}, position


def test_the_registry_answers_all_that_its_client_asks(kafka):
    registry = kafka.registry
    assert set(registry.get_subjects()) == SUBJECTS
    assert set(registry.get_subjects(subject_prefix="prices.ticks")) == {s for s in SUBJECTS if "ticks" in s}
    assert registry.get_subjects(deleted_only=True) == []
    pages = [registry.get_subjects(offset=offset, limit=2) for offset in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0] and set(sum(pages, [])) == SUBJECTS
    for subject in SUBJECTS:
        assert registry.get_versions(subject) == [1]
        latest = registry.get_latest_version(subject)
        assert registry.get_version(subject, 1).schema_id == latest.schema_id
        assert registry.get_schema(latest.schema_id, subject).schema_str == latest.schema.schema_str
        assert registry.get_subjects_by_schema_id(latest.schema_id) == [subject]
        versions = registry.get_schema_versions(latest.schema_id)
        assert [(version.subject, version.version) for version in versions] == [(subject, 1)]


@pytest.mark.parametrize("ask, code", [
    (lambda registry: registry.get_schema(99), 40403),
    (lambda registry: registry.get_subjects_by_schema_id(99), 40403),
    (lambda registry: registry.get_latest_version("nobody-value"), 40401),
    (lambda registry: registry.get_version("prices.ticks.v1-value", 2), 40402),
])
def test_what_is_not_there_is_said_in_the_registry_s_words(kafka, ask, code):
    with pytest.raises(SchemaRegistryError) as raised:
        ask(kafka.registry)
    assert (raised.value.http_status_code, raised.value.error_code) == (404, code)


def test_nothing_can_be_registered(kafka):
    latest = kafka.registry.get_latest_version("prices.ticks.v1-value")
    with pytest.raises(SchemaRegistryError) as raised:
        kafka.registry.register_schema("mine-value", latest.schema)
    assert (raised.value.http_status_code, raised.value.error_code) == (422, 42205)
    # But what is there is found, and who registers it is told its id.
    assert kafka.registry.lookup_schema("prices.ticks.v1-value", latest.schema).schema_id == latest.schema_id
    assert kafka.registry.register_schema("prices.ticks.v1-value", latest.schema) == latest.schema_id


def test_a_dead_letter_holds_its_original(kafka):
    deserialize = AvroDeserializer(kafka.registry)
    originals = kafka.records("prices.ticks.v1")
    for key, letter in kafka.records("prices.ticks.dead.v1").values():
        original = deserialize(letter["value"], SerializationContext(letter["topic"], MessageField.VALUE))
        assert originals[letter["partition"], letter["offset"]] == (key, original)
        assert original["source"] == "mine" and letter["reason"] == "late"
