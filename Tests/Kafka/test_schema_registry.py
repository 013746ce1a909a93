"""A registry that the topology names: any client reads the topics through it, on a real broker, and a copy brings topics there."""

import json
import time

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from harness import Server, command, replay
from registry import FIRST_ID, Registry
from test_readers import SUBJECTS, TOPOLOGY, Kafka, bury, compare

LOGIN = ("millrace", "s3cret")


@pytest.fixture(scope="module")
def registry():
    with Registry(login=LOGIN) as registry:
        yield registry


@pytest.fixture(scope="module")
def topology(cluster, registry, tmp_path_factory):
    directory = tmp_path_factory.mktemp("registry")
    (directory / "password").write_text(LOGIN[1])
    topology = directory / "topology.yaml"
    section = {"url": registry.url, "basicAuth": {"user": LOGIN[0], "passwordFile": str(directory / "password")}}
    topology.write_text(TOPOLOGY.format(bootstrap=cluster.bootstrap) + f"schemaRegistry: {json.dumps(section)}\n")
    return topology


@pytest.fixture(scope="module")
def kafka(cluster, registry, topology):
    """A system that was started a second time, when it could only look the schemas up."""
    cluster.remove_ours()
    data = topology.parent / "data"
    with Server(data, "--topology", topology) as server:
        time.sleep(1)
        assert server.stop()[0] == 0, server.output()
    registry.is_read_only = True
    with Server(data, "--topology", topology) as server:
        login = f"http://{':'.join(LOGIN)}@" + registry.url.removeprefix("http://")
        kafka = Kafka(cluster.bootstrap, server, login)
        bury(kafka)
        yield kafka


@pytest.mark.parametrize("subject", sorted(SUBJECTS))
def test_the_deserializer_reads_through_that_registry(kafka, subject):
    compare(kafka, subject.removesuffix("-value"))


def test_the_edge_tells_the_same_ids(kafka, registry):
    edge = SchemaRegistryClient({"url": kafka.edge.base})
    assert set(edge.get_subjects()) == SUBJECTS == set(registry.ids())
    for subject, id in registry.ids().items():
        assert edge.get_latest_version(subject).schema_id == id
        schemas = [json.loads(asked.get_schema(id).schema_str) for asked in (edge, kafka.registry)]
        assert schemas[0] == schemas[1]


def stored_ids(cluster, subject):
    """The ids in front of all values of a topic, as they lie on Kafka."""
    topic = subject.removesuffix("-value")
    partitions = cluster.admin.list_topics(topic, 10).topics[topic].partitions
    values = [record[3] for partition in partitions for record in cluster.records(topic, partition)]
    return {int.from_bytes(value[1:5], "big") for value in values if value is not None}


def test_a_copy_brings_topics_of_before_under_its_ids(kafka, cluster, registry, topology, tmp_path):
    kafka.edge.stop()
    ids = registry.ids()
    assert min(ids.values()) == FIRST_ID
    assert {subject: stored_ids(cluster, subject) for subject in SUBJECTS} == {subject: {ids[subject]} for subject in SUBJECTS}
    done = command("verify", "--log", cluster.log, "--data", tmp_path)
    assert done.returncode == 65 and "schemaRegistry" in done.stderr, done.stderr
    command("verify", "--topology", topology, "--data", tmp_path, check=0)
    # Out of Kafka under our own ids, and back into topics of the registry's.
    command("copy", topology, tmp_path / "own", check=0)
    before = {name: replay(tmp_path / "own", name.removesuffix(".v1-value")) for name in SUBJECTS}
    cluster.remove_ours()
    command("copy", tmp_path / "own", topology, check=0)
    assert stored_ids(cluster, "prices.ticks.v1-value") == {ids["prices.ticks.v1-value"]}
    command("copy", topology, tmp_path / "again", check=0)
    assert replay(tmp_path / "again", "prices.ticks") == before["prices.ticks.v1-value"]
