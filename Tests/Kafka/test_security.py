"""TLS, client certificates, PLAIN and SCRAM, with the system's librdkafka and with a current one."""

import glob
import json
import os
import pathlib
import time

import confluent_kafka
import pytest

from harness import command

SECRETS = ["plain-secret", "scram-secret", "key-secret", "not-the-password"]


@pytest.fixture(params=["system", "current"])
def library(request, monkeypatch):
    """Which librdkafka the binary runs with."""
    if request.param == "current":
        package = pathlib.Path(confluent_kafka.__file__).parents[1]
        monkeypatch.setenv("LD_PRELOAD", glob.glob(f"{package}/confluent_kafka.libs/librdkafka-*.so.1")[0])
    return request.param


@pytest.fixture
def plan(tmp_path):
    """Runs `topics plan` against a listener; no password may be in what it says."""

    def run(servers, **section):
        if not servers:
            pytest.skip("BOOTSTRAP_SECURE and BOOTSTRAP_MTLS are not set: security is NOT tested; make test-kafka")
        file = tmp_path / "topology.yaml"
        kafka = {"bootstrapServers": servers, "requestTimeoutMillis": 5000, **section}
        file.write_text(json.dumps({"log": {"kafka": kafka}}))
        done = command("topics", "plan", "--topology", file)
        described = command("describe", "--topology", file, check=0)
        for text in (done.stdout, done.stderr, described.stdout):
            assert not [secret for secret in SECRETS if secret in text]
        return done

    return run


@pytest.fixture
def login(tmp_path):
    def section(mechanism, password=None):
        user = "plain" if mechanism == "PLAIN" else "scram"
        file = tmp_path / "password"
        file.write_text((password or f"{user}-secret") + "\n")
        return {"mechanism": mechanism, "user": user, "passwordFile": str(file)}

    return section


def is_connected(done):
    return done.returncode in (0, 1, 65) and "Kafka:" not in done.stderr


SECURE = os.environ.get("BOOTSTRAP_SECURE")
MTLS = os.environ.get("BOOTSTRAP_MTLS")
AUTHORITIES = {"authorities": os.environ.get("SECURE_CA")}


def certificate(tmp_path):
    file = tmp_path / "key-password"
    file.write_text("key-secret\n")
    return {**AUTHORITIES, "certificate": os.environ.get("MTLS_CERTIFICATE"), "key": os.environ.get("MTLS_KEY"),
            "keyPasswordFile": str(file)}


def test_a_password_over_tls(library, plan, login):
    assert is_connected(plan(SECURE, tls=AUTHORITIES, sasl=login("PLAIN")))


def test_a_password_from_the_environment(library, plan, login, monkeypatch):
    sasl = login("PLAIN")
    del sasl["passwordFile"]
    done = plan(SECURE, tls=AUTHORITIES, sasl=sasl)
    assert done.returncode == 65 and "MILLRACE_KAFKA_PASSWORD" in done.stderr
    monkeypatch.setenv("MILLRACE_KAFKA_PASSWORD", "plain-secret")
    assert is_connected(plan(SECURE, tls=AUTHORITIES, sasl=sasl))


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_scram_needs_a_library_that_can_do_it(library, plan, login, mechanism):
    started = time.monotonic()
    done = plan(SECURE, tls=AUTHORITIES, sasl=login(mechanism))
    version = confluent_kafka.libversion()[1] if library == "current" else system_version()
    if version >= 0x020601FF:
        assert is_connected(done)
    else:
        assert done.returncode == 65 and "2.6.1 or later" in done.stderr and "invalid credentials" in done.stderr
        assert time.monotonic() - started < 3


def system_version():
    import ctypes

    return ctypes.CDLL("librdkafka.so.1").rd_kafka_version()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_said_at_once(library, plan, login, mechanism):
    started = time.monotonic()
    done = plan(SECURE, tls=AUTHORITIES, sasl=login(mechanism, "not-the-password"))
    assert done.returncode == 65, done.stderr
    if mechanism == "PLAIN" or library == "current":
        assert "authentication" in done.stderr.lower(), done.stderr
    assert time.monotonic() - started < 4


def test_a_password_is_never_sent_readable(library, plan, login, cluster):
    done = plan(cluster.bootstrap, sasl=login("PLAIN"))
    assert done.returncode == 65 and "without TLS" in done.stderr


def test_a_client_certificate(library, plan, tmp_path):
    assert is_connected(plan(MTLS, tls=certificate(tmp_path)))


def test_without_a_client_certificate(library, plan):
    done = plan(MTLS, tls=AUTHORITIES)
    assert done.returncode == 65 and "alert" in done.stderr, done.stderr


def test_brokers_that_nobody_vouches_for(library, plan, login):
    started = time.monotonic()
    done = plan(SECURE, tls={}, sasl=login("PLAIN"))
    assert done.returncode == 65 and "certificate verify failed" in done.stderr, done.stderr
    assert time.monotonic() - started < 4


def test_a_wrong_key_password(library, plan, tmp_path):
    section = certificate(tmp_path)
    (tmp_path / "key-password").write_text("not-the-password")
    done = plan(MTLS, tls=section)
    assert done.returncode == 65, done.stderr


def test_no_broker_there(library, plan):
    done = plan("127.0.0.1:1")
    assert done.returncode == 69 and "Connection refused" in done.stderr
