"""Options of the fault campaigns; each has a smoke, which `make test` runs, and a full length, `make faults`."""

import os
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="the lengths that the README claims, not the smoke")


@pytest.fixture
def full(request):
    return request.config.getoption("--full")


@pytest.fixture
def memory():
    """A directory in memory, for faults that need no disk: syncs are free there."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="millrace-faults-", dir=parent) as path:
        yield pathlib.Path(path)
