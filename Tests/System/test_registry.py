"""The schema registry that the topology names: asked before anything is written, and said plainly when it cannot be used."""

import base64
import json
import re
import signal
import subprocess
import time

import pytest

from harness import BINARY, ROOT, Server, command, replay
from registry import FIRST_ID, Registry

TOPICS = [f"{name}.v1" for name in ("prices.ticks", "prices.latest", "prices.candles", "sources.status", "prices.ticks.dead")]
SUBJECTS = {f"{topic}-value" for topic in TOPICS}
LOGIN = ("millrace", "s3cret: of:colons")


def write_topology(path, registry, **log):
    path.write_text(json.dumps({"log": log, "schemaRegistry": registry, "feeds": []}))
    return path


def stored_ids(data, topic):
    """The schema ids in front of the values as they lie on disk."""
    lines = map(json.loads, command("log", "export", topic, "--data", data, check=0).stdout.splitlines())
    values = [base64.b64decode(line["value"]) for line in lines if line.get("value")]
    assert all(value[0] == 0 for value in values)
    return {int.from_bytes(value[1:5], "big") for value in values}


def fill(data, *options):
    """A system that takes in a tick and shows its price, until it is stopped. Returns its edge's schema ids."""
    with Server(data, *options) as server:
        assert server.ingest([{"instrument": "BTC/USD", "source": "mine", "price": "64123.5", "volume": "0.25"}])[0] == 200
        deadline = time.monotonic() + 30
        while server.get("/v1/prices/BTC%2FUSD")[0] != 200:
            assert time.monotonic() < deadline, server.output()
            time.sleep(0.05)
        subjects = server.get_json("/subjects")
        ids = {subject: server.get_json(f"/subjects/{subject}/versions/latest")["id"] for subject in subjects}
        assert server.stop()[0] == 0, server.output()
    return ids


def test_values_are_under_the_registry_s_ids(tmp_path):
    with Registry() as registry:
        topology = write_topology(tmp_path / "topology.yaml", registry.url)
        ids = fill(tmp_path / "data", "--topology", topology)
        assert ids == registry.ids() and set(ids) == SUBJECTS and min(ids.values()) == FIRST_ID
        for topic in ("prices.ticks.v1", "prices.latest.v1", "prices.candles.v1"):
            assert stored_ids(tmp_path / "data", topic) == {ids[f"{topic}-value"]}, topic
        for topic in TOPICS:
            sent = json.loads((ROOT / "schemas" / f"{topic}.avsc").read_text())
            assert json.loads(registry.subjects[f"{topic}-value"][0][2]) == sent
        # The next start finds them, with the right to read alone, and goes on where the first one was.
        registry.is_read_only = True
        registry.requests.clear()
        assert fill(tmp_path / "data", "--topology", topology) == ids
        assert {(method, path.count("/")) for method, path, _ in registry.requests} == {("POST", 2)}
        for words in (["replay", "prices.latest"], ["verify"]):
            command(*words, "--topology", topology, "--data", tmp_path / "data", check=0)
    # Without the registry nothing is guessed.
    done = command("verify", "--data", tmp_path / "data")
    other = re.search(r"(\S+) holds Avro with schema id (\d+), and the topology says Avro with schema id \d:", done.stderr)
    assert done.returncode == 65 and "schemaRegistry" in done.stderr, done.stderr
    assert int(other[2]) == ids[f"{other[1]}-value"]


def test_topics_of_before_are_refused_and_a_copy_brings_them(tmp_path):
    own = fill(tmp_path / "own", "--feed", "none")
    assert sorted(own.values()) == [1, 2, 3, 4, 5]
    with Registry() as registry:
        topology = write_topology(tmp_path / "topology.yaml", registry.url, directory=str(tmp_path / "new"))
        done = command("run", "--topology", topology, "--data", tmp_path / "own", "--listen", "127.0.0.1:0")
        assert done.returncode == 65, done.stderr
        assert re.search(r"holds Avro with schema id \d, and the topology says Avro with schema id 1002", done.stderr)
        assert "millrace copy" in done.stderr
        command("copy", tmp_path / "own", topology, check=0)
        for topic in TOPICS:
            assert stored_ids(tmp_path / "new", topic) <= {registry.ids()[f"{topic}-value"]}
            stream = topic.removesuffix(".v1")
            copied = command("replay", stream, "--topology", topology, check=0).stdout.splitlines()
            assert copied == replay(tmp_path / "own", stream)
        assert stored_ids(tmp_path / "new", "prices.ticks.v1")
        # And back: the same bytes as at first.
        command("copy", topology, tmp_path / "back", check=0)
    for topic in TOPICS:
        exports = [command("log", "export", topic, "--data", tmp_path / name, check=0).stdout for name in ("own", "back")]
        assert exports[0] == exports[1]


def test_a_schema_that_differs_in_its_documentation_keeps_its_id(tmp_path):
    with Registry() as registry:
        for topic in TOPICS:
            text = (ROOT / "schemas" / f"{topic}.avsc").read_text()
            registry.register(f"{topic}-value", json.dumps(json.loads(re.sub(r'"doc": "[^"]*",?', "", text))))
        known = registry.ids()
        ids = fill(tmp_path / "data", "--topology", write_topology(tmp_path / "topology.yaml", registry.url))
        assert ids == known == registry.ids()


def test_a_login_and_a_certificate_of_its_own(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    password = tmp_path / "password"
    password.write_text(LOGIN[1] + "\n")
    with Registry(login=LOGIN, certificate=(certificate, key)) as registry:
        section = {
            "url": registry.url + "/", "tls": {"authorities": str(certificate)},
            "basicAuth": {"user": LOGIN[0], "passwordFile": str(password)}}
        topology = write_topology(tmp_path / "topology.yaml", section)
        ids = fill(tmp_path / "data", "--topology", topology)
        assert set(ids) == SUBJECTS and {user for _, _, user in registry.requests} == {LOGIN}
        assert LOGIN[1] not in command("describe", "--topology", topology, check=0).stdout

        def refusal(remedy, **changes):
            write_topology(tmp_path / "wrong.yaml", {name: held for name, held in {**section, **changes}.items() if held})
            done = command("run", "--topology", tmp_path / "wrong.yaml", "--data", tmp_path / "wrong")
            assert done.returncode in (65, 66) and remedy in done.stderr, done.stderr
            assert LOGIN[1] not in done.stderr and not (tmp_path / "wrong").exists()

        refusal("schemaRegistry.tls.authorities", tls=None)
        refusal("give schemaRegistry.basicAuth", basicAuth=None)
        refusal("does not accept the user and password", basicAuth={**section["basicAuth"], "user": "other"})
        refusal("cannot read a password", basicAuth={"user": "me", "passwordFile": str(tmp_path / "none")})
        refusal("MILLRACE_REGISTRY_PASSWORD", basicAuth={"user": "me"})
        refusal("cannot read", tls={"authorities": str(tmp_path / "none")})


@pytest.mark.parametrize("trouble, remedy", [
    ((403, 40301, "denied Read"), "does not let this user read"),
    ((409, 409, "incompatible"), "is not compatible"),
    ((422, 42201, "Invalid schema"), "does not accept schemas/prices.ticks.v1.avsc"),
    ((404, 404, "no such page"), "schemaRegistry.url must be the root"),
])
def test_what_a_registry_refuses_is_said_before_anything_is_written(tmp_path, trouble, remedy):
    with Registry() as registry:
        registry.trouble = trouble
        topology = write_topology(tmp_path / "topology.yaml", registry.url)
        done = command("run", "--topology", topology, "--data", tmp_path / "data", "--listen", "127.0.0.1:0")
        assert done.returncode == 65 and remedy in done.stderr and trouble[2] in done.stderr, done.stderr
        assert registry.url in done.stderr and not (tmp_path / "data").exists()


def test_the_right_to_read_is_not_enough_for_what_is_not_there(tmp_path):
    with Registry() as registry:
        registry.is_read_only = True
        topology = write_topology(tmp_path / "topology.yaml", registry.url)
        done = command("run", "--topology", topology, "--data", tmp_path / "data")
        assert done.returncode == 65 and "register schemas/prices.ticks.v1.avsc under it first" in done.stderr


def test_one_id_for_two_schemas_is_refused(tmp_path):
    with Registry() as registry:
        registry.register = lambda *_: 7
        topology = write_topology(tmp_path / "topology.yaml", registry.url)
        done = command("run", "--topology", topology, "--data", tmp_path / "data")
        assert done.returncode == 65 and "has id 7 for prices.ticks.v1 and prices.latest.v1" in done.stderr, done.stderr


def test_a_registry_that_comes_up_later_is_waited_for(tmp_path):
    with Registry() as registry:
        registry.trouble = (503, 50301, "starting")
        topology = write_topology(tmp_path / "topology.yaml", registry.url)
        server = Server(tmp_path / "data", "--topology", topology)
        try:
            deadline = time.monotonic() + 10
            while not any("trying again" in line for line in server.lines):
                assert time.monotonic() < deadline, server.output()
                time.sleep(0.02)
            registry.trouble = None
            server.wait_ready()
        finally:
            server.kill()


def test_a_signal_ends_the_wait(tmp_path):
    with Registry() as registry:
        registry.trouble = (503, 50301, "starting")
        topology = write_topology(tmp_path / "topology.yaml", registry.url)
        process = subprocess.Popen(
            [BINARY, "run", "--topology", topology, "--data", tmp_path / "data"], stderr=subprocess.PIPE, text=True)
        while "trying again" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(2) == 75 and "stopped while waiting for the schema registry" in process.stderr.read()
