"""Topics whose values are text: kcat reads and writes them, and everything of ours goes on as with Avro."""

import decimal
import json
import shutil
import subprocess
import time

import pytest

from cluster import OURS
from harness import Server, command, replay
from test_readers import plain

TOPICS = {name.removesuffix(".v1"): {"encoding": "json"} for name in OURS}
PRICE = "64123.000000000000000001"
TICK = '{{"kind":"trade","side":"buy","eventTime":{now},"appendTime":{now},"source":"theirs","price":%s,"volume":0.25}}' % PRICE


def write_topology(path, cluster, topics, **more):
    path.write_text(json.dumps({
        "log": {"kafka": {"bootstrapServers": cluster.bootstrap}, "topics": topics},
        "feeds": [{"kind": "synthetic", "ratePerSecond": 500, "dropOutsPerMillion": 5000}], **more}))
    return path


@pytest.fixture(scope="module")
def kcat(cluster):
    if not shutil.which("kcat"):
        pytest.skip("no kcat: topics in text are NOT read by another client")
    return lambda *words, **options: subprocess.run(
        ["kcat", "-b", cluster.bootstrap, *words], capture_output=True, text=True, check=True, timeout=60,
        **options).stdout


@pytest.fixture(scope="module")
def text(cluster, kcat, tmp_path_factory):
    """A system that ran for a while with all topics in text: its topology, and what its edge said of each stream."""
    cluster.remove_ours()
    directory = tmp_path_factory.mktemp("text")
    topology = write_topology(directory / "topology.yaml", cluster, TOPICS)
    with Server(directory / "data", "--topology", topology) as server:
        subjects = server.get_json("/subjects")
        kcat("-P", "-t", "prices.ticks.v1", "-k", "TEXT/USD", input=TICK.format(now=time.time_ns()))
        deadline = time.monotonic() + 30
        while server.get("/v1/prices/TEXT%2FUSD")[0] != 200:
            assert time.monotonic() < deadline, server.output()
            time.sleep(0.2)
        assert PRICE in server.get("/v1/prices/TEXT%2FUSD")[1].decode()
        streams = {}
        for stream in TOPICS:
            status, body, _ = server.get(f"/v1/streams/{stream}?from=earliest&limit=300")
            assert status == 200, body
            streams[stream] = [json.loads(line, parse_float=decimal.Decimal) for line in body.splitlines()]
        status, _ = server.stop()
        assert status == 0, server.output()
    return topology, subjects, streams


def test_kcat_reads_what_the_edge_says(text, kcat):
    _, subjects, streams = text
    # No value of these topics is of a schema's bytes.
    assert subjects == []
    for stream, lines in streams.items():
        output = kcat("-C", "-t", stream + ".v1", "-o", "beginning", "-e", "-q", "-f", "%p:%o\\t%k\\t%s\\n")
        read = {}
        for line in output.splitlines():
            position, key, value = line.split("\t")
            read[position] = key, plain(json.loads(value, parse_float=decimal.Decimal))
        served = [line for line in lines if line["type"] == "data"]
        assert served or stream.endswith("dead")
        for line in served:
            key, value = read[line["pos"]]
            assert key == (line["key"] or "")
            # What the edge says of it as interval.
            value.pop("intervalSeconds", None)
            assert {name: line["value"][name] for name in value} == value, line


def test_another_encoding_is_refused_and_a_copy_brings_it(text, cluster, tmp_path):
    topology, _, _ = text
    avro = write_topology(tmp_path / "avro.yaml", cluster, {})
    done = command("run", "--topology", avro, "--data", tmp_path / "other")
    assert done.returncode == 65 and "prices.ticks.v1 holds JSON" in done.stderr, done.stderr
    assert "log.topics.prices.ticks.encoding" in done.stderr
    # From text to Avro to text: the same, and each readable as what it is.
    command("copy", topology, tmp_path / "avro", check=0)
    mixed = tmp_path / "mixed.yaml"
    mixed.write_text(json.dumps({"log": {"directory": str(tmp_path / "mixed"), "topics": TOPICS}}))
    command("copy", tmp_path / "avro", mixed, check=0)
    for stream in TOPICS:
        lines = replay(tmp_path / "avro", stream)
        assert lines or stream.endswith("dead")
        assert command("replay", stream, "--topology", mixed, check=0).stdout.splitlines() == lines
    done = command("replay", "prices.ticks", "--data", tmp_path / "mixed")
    assert done.returncode == 65 and "holds JSON" in done.stderr


def test_verify_judges_what_is_on_kafka(text, cluster, kcat, tmp_path):
    topology, _, _ = text
    data = tmp_path / "elsewhere"
    done = command("verify", "--topology", topology, "--data", data, check=0)
    assert "prices.candles.v1:" in done.stdout and "not stored yet" not in done.stdout
    other = write_topology(tmp_path / "other.yaml", cluster, TOPICS, processors={"latest": {"unknownWeight": 0.25}})
    done = command("verify", "--topology", other, "--data", data)
    assert done.returncode == 1 and "another record than the input gives" in done.stderr, done.stderr
    kcat("-P", "-t", "prices.candles.v1", "-k", "BTC/USD", input="{}")
    done = command("verify", "--topology", topology, "--data", data)
    assert done.returncode == 1 and "a record that the input does not give" in done.stderr, done.stderr
