"""Tests of the release binary against a real Kafka: where BOOTSTRAP points, as `make test-kafka` sets it."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "System"))

from cluster import Cluster


@pytest.fixture(scope="session")
def cluster():
    bootstrap = os.environ.get("BOOTSTRAP")
    if not bootstrap:
        pytest.skip("no BOOTSTRAP: the commands are NOT tested against Kafka; make test-kafka")
    return Cluster(bootstrap)
