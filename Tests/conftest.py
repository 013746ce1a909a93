"""What the suites in Python share: each has a smoke, which `make test` runs, and a full length."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="the lengths that the README claims, not the smoke")


@pytest.fixture
def full(request):
    return request.config.getoption("--full")
