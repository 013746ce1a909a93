"""compose.yaml and the files that it mounts: names, ports, files and flags that one takes from another exist there."""

import os
import re
import subprocess

import pytest
import yaml

from conftest import DOCKER, ROOT, RUN, environment
from harness import command

PROFILES = {"small", "full"}
LINTERS = os.environ.get("MILLRACE_LINTERS")


def in_profile(services, profile):
    return {name for name, service in services.items() if profile in service["profiles"]}


def upstreams():
    words = re.search(r"^\s*reverse_proxy ([^{]*)\{", (DOCKER / "Caddyfile").read_text(), re.M).group(1)
    return [tuple(word.split(":")) for word in words.split()]


def targets():
    jobs = yaml.safe_load((DOCKER / "prometheus.yaml").read_text())["scrape_configs"]
    return [tuple(target.split(":")) for job in jobs for group in job["static_configs"] for target in group["targets"]]


def our_port():
    return environment(RUN)["MILLRACE_LISTEN"].rsplit(":", 1)[1]


def test_each_service_is_in_a_profile_with_all_it_needs(services):
    for name, service in services.items():
        assert service["profiles"] and PROFILES.issuperset(service["profiles"]), name
        for needed in service.get("depends_on", {}):
            assert set(service["profiles"]) <= set(services[needed]["profiles"]), (name, needed)
    for profile in PROFILES:
        published = [p for name in in_profile(services, profile) for p in services[name].get("ports", [])]
        assert len(published) == len(set(published)), (profile, published)
        assert all(port.startswith("127.0.0.1:") for port in published), published


def test_images_are_pinned(services):
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+[\w.-]*$", service["image"]), (name, service["image"])
    assert services["kafka"]["image"].startswith("apache/kafka:4.")


def test_what_is_mounted_exists(compose, services):
    used = set()
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source, target, *mode = volume.split(":")
            assert target.startswith("/"), (name, volume)
            if source.startswith("."):
                assert (DOCKER / source).is_file() and mode == ["ro"], (name, volume)
            else:
                used.add(source)
    assert used == set(compose["volumes"])
    mounted = {v.split(":")[0].removeprefix("./") for s in services.values() for v in s.get("volumes", []) if v[0] == "."}
    build = {"Dockerfile", "Dockerfile.dockerignore", "compose.yaml", "probe"}
    present = {str(path.relative_to(DOCKER)) for path in DOCKER.rglob("*") if path.is_file()}
    assert present - build == mounted, "a file that nothing reads, or the other way round"


def test_networks_and_conditions(compose, services):
    for name, service in services.items():
        assert set(service.get("networks", [])) <= set(compose["networks"]), name
        needs = service.get("depends_on", {})
        for needed, how in needs.items() if isinstance(needs, dict) else []:
            if how["condition"] == "service_healthy":
                assert "test" in services[needed]["healthcheck"], (name, needed)
            else:
                assert how["condition"] == "service_completed_successfully", (name, needed)
                assert services[needed]["restart"] != "unless-stopped", (name, needed)


def test_the_commands_are_ours(ours):
    for name, service in ours.items():
        words = service["command"]
        verbs = [word for word in words if not word.startswith("-")][:2 if words[0] == "topics" else 1]
        known = set(re.findall(r"--[a-z-]+", command(*verbs, "--help", check=0).stdout))
        flags = {word for word in words if word.startswith("--")}
        assert flags and flags <= known, (name, flags - known)


def test_the_roles_together_are_the_whole_system(services):
    roles = {}
    for name in in_profile(services, "full"):
        words = services[name].get("command", [])
        if "--roles" in words:
            roles.setdefault(words[words.index("--roles") + 1], []).append(name)
    assert {role: len(names) for role, names in roles.items()} == {"feeds": 1, "processors": 2, "edge": 2}
    assert sorted(host for host, _ in upstreams()) == sorted(roles["edge"])
    assert sorted(host for host, _ in targets()) == sorted(name for names in roles.values() for name in names)
    assert {port for _, port in upstreams() + targets()} == {our_port()}


def test_each_process_has_data_of_its_own(ours):
    data = environment(RUN)["MILLRACE_DATA"]
    volumes = [v.split(":")[0] for s in ours.values() for v in s["volumes"] if v.split(":")[1] == data]
    assert len(volumes) == len(set(volumes)) == sum(s["command"][0] == "run" for s in ours.values())
    for name, service in ours.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name


def test_the_topology_leads_to_the_broker(services, ours, tmp_path):
    topology = DOCKER / "topology.yaml"
    for name, service in ours.items():
        path = service["command"][service["command"].index("--topology") + 1]
        assert any(v.startswith("./topology.yaml:" + path + ":") for v in service["volumes"]), name
    described = command("describe", "--topology", topology, check=0).stdout
    servers = re.search(r"log.kafka.bootstrapServers: (\S+)", described).group(1)
    advertised = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert "INSIDE://" + servers in advertised
    partitions = int(re.search(r"log.partitions: (\d+)", described).group(1))
    assert partitions >= 2, "two processors share them"


def test_the_broker_listens_on_what_it_advertises(services):
    settings = services["kafka"]["environment"]
    listeners = dict(item.split("://:") for item in settings["KAFKA_LISTENERS"].split(","))
    advertised = dict(item.split("://") for item in settings["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert set(listeners) == {item.split(":")[0] for item in settings["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")}
    for name, address in advertised.items():
        assert address.rsplit(":", 1)[1] == listeners[name]
    assert settings["KAFKA_INTER_BROKER_LISTENER_NAME"] in advertised
    assert settings["KAFKA_CONTROLLER_QUORUM_VOTERS"].endswith(":" + listeners["CONTROLLER"])
    published = {port.split(":", 1)[1] for port in services["kafka"]["ports"]}
    assert published == {f"{listeners['OUTSIDE']}:{listeners['OUTSIDE']}"}
    assert any(volume.endswith(":" + settings["KAFKA_LOG_DIRS"]) for volume in services["kafka"]["volumes"])


@pytest.mark.skipif(not LINTERS, reason="NOT checked by Caddy and Prometheus themselves: make test-docker does")
def test_caddy_and_prometheus_take_their_files(tmp_path):
    for words in (
        ["caddy", "validate", "--adapter", "caddyfile", "--config", DOCKER / "Caddyfile"],
        ["promtool", "check", "config", DOCKER / "prometheus.yaml"],
        ["promtool", "check", "rules", DOCKER / "alerts.yaml"],
    ):
        done = subprocess.run(
            [ROOT / LINTERS / words[0], *words[1:]], capture_output=True, text=True,
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]})
        assert done.returncode == 0, (words, done.stdout, done.stderr)
