"""What docker/ holds, read as its readers do; images and compose themselves cannot run here."""

import json
import pathlib
import re
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
sys.path.insert(0, str(ROOT / "Tests/System"))


def instructions(stage):
    """The instructions of a stage of the Dockerfile, as (name, the rest of its line)."""
    text = re.sub(r"^\s*#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    stages = re.split(r"^(?=FROM )", text, flags=re.M)[1:]
    assert len(stages) == 2, "build and run"
    return [tuple(line.split(None, 1)) for line in stages[stage].splitlines() if line.strip()]


BUILD, RUN = instructions(0), instructions(1)


def installed(stage):
    """The Debian packages that a stage installs."""
    words = [w for name, rest in stage if name == "RUN" for w in re.findall(r"apt-get install ([^&]*)", rest)]
    return {word for line in words for word in line.split() if not word.startswith("-")}


def environment(stage):
    """What ENV sets in a stage."""
    return dict(word.split("=", 1) for name, rest in stage if name == "ENV" for word in rest.split())


@pytest.fixture(scope="session")
def compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


@pytest.fixture(scope="session")
def services(compose):
    return compose["services"]


@pytest.fixture(scope="session")
def ours(services):
    """The services that run our own image."""
    return {name: service for name, service in services.items() if "build" in service}


@pytest.fixture(scope="session")
def dashboard():
    return json.loads((DOCKER / "grafana/millrace.json").read_text())
