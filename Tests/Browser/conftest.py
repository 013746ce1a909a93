"""Starts the server and the browser that the tests of the page share.

MILLRACE_BINARY  the server to start; .build/release/millrace without it
MILLRACE_URL     a server that already runs, instead
CHROMIUM         the browser; looked for on the path without it
"""
import os
import pathlib
import shutil
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "System"))
import harness  # noqa: E402

SCREENSHOTS = harness.ROOT / ".build" / "screenshots"


class Served:
    """A server on a data directory and a port of its own, which can be stopped and started again."""

    def __init__(self, url, data=None):
        self.url, self.data, self.running = url, data, None

    def start(self):
        self.running = harness.Server(
            self.data, "--feed", "synthetic", "--rate", "200", listen=self.url.removeprefix("http://")).wait_ready()

    def stop(self):
        self.running.stop()


def skip(reason: str) -> None:
    # A skip that nobody sees is a test that nobody has.
    print(f"\n*** SKIPPED: the page was not tested in a browser: {reason} ***", file=sys.stderr, flush=True)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    if url := os.environ.get("MILLRACE_URL"):
        yield Served(url.rstrip("/"))
        return
    if not pathlib.Path(harness.BINARY).exists():
        skip(f"{harness.BINARY} does not exist; `make build` makes it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = Served(f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("data"))
    own.start()
    yield own
    own.stop()


@pytest.fixture(scope="session")
def browser():
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        skip("no Chromium on the path; `apt-get install chromium` brings it")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        running.close()


class Watched:
    """A page, what its console and its network said, and what it sent over its sockets."""

    def __init__(self, page):
        self.page, self.errors, self.requests, self.sent = page, [], [], []
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self.watch_socket)

    def watch_socket(self, socket):
        self.requests.append(socket.url)
        socket.on("framesent", lambda frame: self.sent.append(frame))


@pytest.fixture
def watched(browser, server):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    result = Watched(page)
    page.goto(server.url)
    page.wait_for_selector("#prices tbody tr", timeout=20_000)
    yield result
    context.close()
