"""Where the fault campaigns find what they share."""

import os
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


@pytest.fixture
def memory():
    """A directory in memory, for faults that need no disk: syncs are free there."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="millrace-faults-", dir=parent) as path:
        yield pathlib.Path(path)
