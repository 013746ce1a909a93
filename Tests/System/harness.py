"""A running millrace, seen from outside: its process, its HTTP edge, its command line."""

import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("MILLRACE_BINARY", str(ROOT / ".build/release/millrace"))


class Server:
    """One `millrace run`. Its stderr is kept; the port is the one it reports."""

    def __init__(self, data, *options, listen="127.0.0.1:0", binary=BINARY):
        self.data = str(data)
        self.lines = []
        self.base = None
        command = [binary, "run", "--data", self.data, "--listen", listen, *map(str, options)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.listening = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            match = re.search(r"listening on (http://[0-9.]+:\d+)", line)
            if match and not self.base:
                self.base = match.group(1)
                self.listening.set()
        self.listening.set()

    def wait_ready(self, seconds=30):
        assert self.listening.wait(seconds) and self.base, self.output()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output()
            try:
                if self.get("/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError("not ready: " + self.output())

    def output(self):
        return "\n".join(self.lines[-40:])

    def get(self, path, timeout=30):
        return self.request("GET", path, None, {}, timeout)

    def get_json(self, path):
        status, body, _ = self.get(path)
        assert status == 200, (status, body[:500])
        return json.loads(body)

    def readiness(self):
        return json.loads(self.get("/readyz")[1])

    def metric(self, name):
        """The value of a metric without labels."""
        return float(re.search(rf"^{name} (\S+)$", self.get("/metrics")[1].decode(), re.M).group(1))

    def request(self, method, path, body, headers, timeout=30):
        request = urllib.request.Request(self.base + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)

    def ingest(self, ticks, timeout=30):
        body = "\n".join(json.dumps(tick) for tick in ticks).encode()
        return self.request(
            "POST", "/v1/ingest/prices.ticks", body, {"Content-Type": "application/x-ndjson"}, timeout)

    @property
    def websocket_url(self):
        return self.base.replace("http", "ws", 1) + "/v1/stream"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=10):
        """Ctrl-C; returns the exit status and the seconds it took."""
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("did not stop: " + self.output())
        return status, time.monotonic() - started

    def __enter__(self):
        return self.wait_ready()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


def command(*words, timeout=120, check=None):
    """One command line; returns the finished process with text output."""
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=timeout)
    if check is not None:
        assert done.returncode == check, (done.returncode, done.stdout[-500:], done.stderr[-2000:])
    return done


def replay(data, stream, *options):
    """The records of a stream as their exact lines."""
    return command("replay", stream, "--data", data, *options, check=0).stdout.splitlines()
