"""Options of the system tests, which drive the release binary from outside."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="the lengths that the README claims, not the smoke")


@pytest.fixture
def full(request):
    return request.config.getoption("--full")
