"""The Dockerfile: its packages, targets and user exist; its steps are run here, up to a root directory as the image has it."""

import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, DOCKER, ROOT, RUN, environment, installed
from harness import BINARY, Server

STATIC = ROOT / ".build/static/release/millrace"
# What a slim Debian holds that the binary may use without naming it.
BASE = {"libc6", "libgcc-s1"}


def make(*words, check=True):
    return subprocess.run(["make", "-C", ROOT, *map(str, words)], check=check, capture_output=True, text=True)


def test_images_are_pinned():
    for stage, pattern in ((BUILD, r"swift:6\.3\.\d+-bookworm AS build$"), (RUN, r"debian:bookworm-slim$")):
        assert stage[0][0] == "FROM" and re.match(pattern, stage[0][1]), stage[0]


def test_packages_exist():
    for package in installed(BUILD) | installed(RUN):
        assert subprocess.run(["apt-cache", "show", package], capture_output=True).returncode == 0, package


def test_the_build_is_made_of_targets():
    steps = [rest for name, rest in BUILD if name == "RUN"]
    targets = re.findall(r"\bmake ([a-z-]+)((?: [A-Z]+=\S+)*)", " && ".join(steps))
    assert [target for target, _ in targets] == ["libraries", "static", "install"]
    for target, variables in targets:
        make("--dry-run", target, *variables.split())
    assert str(STATIC.relative_to(ROOT)) in dict(targets)["install"]
    others = re.sub(r"\bmake [^&]+|apt-get [^&]+|rm -rf /var/lib/apt/lists/\*|&&|\s", "", "".join(steps))
    assert others == "", others


def test_nobody_is_root():
    users = [rest for name, rest in RUN if name == "USER"]
    assert users and users[-1].split(":")[0].isdigit() and users[-1].split(":")[0] != "0"
    created = next(rest for name, rest in RUN if name == "RUN")
    assert f"--uid {users[-1].split(':')[0]} " in created
    assert [rest for name, rest in RUN if name == "VOLUME"] == [environment(RUN)["MILLRACE_DATA"]]
    assert f"--home-dir {environment(RUN)['MILLRACE_DATA']} " in created


def test_the_port_is_the_one_that_is_exposed_and_probed():
    port = environment(RUN)["MILLRACE_LISTEN"].rsplit(":", 1)[1]
    assert [rest for name, rest in RUN if name == "EXPOSE"] == [port]
    probe = next(rest for name, rest in RUN if name == "HEALTHCHECK")
    assert f'["millrace-probe", "{port}", "/healthz"]' in probe


def test_what_is_installed_runs(tmp_path):
    make("install", f"BINARY={BINARY}", f"DESTDIR={tmp_path}")
    held = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    topology = environment(RUN)["MILLRACE_TOPOLOGY"]
    assert held == {"usr/local/bin/millrace", "usr/local/bin/millrace-probe", topology.lstrip("/")}
    done = subprocess.run(
        [tmp_path / "usr/local/bin/millrace", "describe"], capture_output=True, text=True,
        env={**environment(RUN), "MILLRACE_TOPOLOGY": str(tmp_path) + topology})
    assert done.returncode == 0, done.stderr


def test_the_probe_tells_who_is_alive(tmp_path):
    with Server(tmp_path / "data", "--feed", "none") as server:
        port = server.base.rsplit(":", 1)[1]
        for path, status in (("/healthz", 0), ("/readyz", 0), ("/nothing", 1)):
            assert subprocess.run([DOCKER / "probe", port, path]).returncode == status, path
    assert subprocess.run([DOCKER / "probe", port, "/healthz"], capture_output=True).returncode != 0


def linked(binary):
    """The Debian packages of the libraries that a binary names."""
    wanted = set(re.findall(r"NEEDED.*\[(.+)\]", subprocess.check_output(["readelf", "-d", binary], text=True)))
    found = dict(re.findall(r"(\S+) => (\S+)", subprocess.check_output(["ldd", binary], text=True)))
    packages = set()
    for library in wanted - {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}:
        path = pathlib.Path(found[library]).resolve()
        owner = subprocess.check_output(["dpkg-query", "--search", f"*/{path.name}"], text=True)
        packages.add(owner.split(":")[0])
    return packages


@pytest.mark.skipif("not config.getoption('--full')", reason="NOT run: the static binary, by make test-docker")
def test_the_image_holds_what_the_binary_is_linked_against():
    assert linked(STATIC) - BASE == installed(RUN)


@pytest.mark.skipif("not config.getoption('--full')", reason="NOT run: the context of the build, by make test-docker")
def test_the_build_context_is_a_whole_package(tmp_path):
    kept = [line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in kept:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    done = subprocess.run(
        ["swift", "package", "--package-path", tmp_path, "describe"], capture_output=True, text=True)
    assert done.returncode == 0 and "error" not in done.stderr, done.stderr
    assert make("--dry-run", "-C", tmp_path, "libraries", "static", "install").returncode == 0
