"""A real Kafka of our own, in a directory of its own, that brokers can be killed and frozen in."""

import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = pathlib.Path(os.environ.get("KAFKA", ROOT.parent / "shared/kafka")) / "bin/kafka"


def absence():
    """Why there is no Kafka to test against, or None."""
    if not os.access(SCRIPT, os.X_OK):
        return f"no {SCRIPT}: set KAFKA to a directory with bin/kafka"
    return None if shutil.which("java") else "no java"


class Cluster:
    """Brokers are numbered from 1. With a `proxy`, a single one, there is also a way to it through that."""

    def __init__(self, brokers, port, proxy=None):
        self.directory = tempfile.mkdtemp(prefix="millrace-faults-")
        self.environment = {
            **os.environ, "KAFKA_DIR": self.directory, "KAFKA_PORT": str(port), "KAFKA_HEAP": "384m"}
        settings = []
        if proxy:
            # Where the script would have its listener with TLS.
            proxy.upstream = port + 1
            direct = f"PLAINTEXT://127.0.0.1:{port}"
            settings = [
                f"listeners={direct},HELD://127.0.0.1:{port + 1},CONTROLLER://127.0.0.1:{port + 2}",
                f"advertised.listeners={direct},HELD://127.0.0.1:{proxy.port}",
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,HELD:PLAINTEXT"]
        options = [word for setting in settings for word in ("--set", setting)]
        self.bootstrap = self.run("start", "--brokers", str(brokers), *options).split()[-1]

    def run(self, *words, check=True):
        done = subprocess.run(
            [SCRIPT, *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0 or not check, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def close(self):
        self.run("clean", check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
