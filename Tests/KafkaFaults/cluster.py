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
    """Brokers are numbered from 1."""

    def __init__(self, brokers, port):
        self.directory = tempfile.mkdtemp(prefix="millrace-faults-")
        self.environment = {
            **os.environ, "KAFKA_DIR": self.directory, "KAFKA_PORT": str(port), "KAFKA_HEAP": "384m"}
        self.bootstrap = self.run("start", "--brokers", str(brokers)).split()[-1]

    def run(self, *words, check=True):
        done = subprocess.run(
            [SCRIPT, *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0 or not check, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def close(self):
        self.run("clean", check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
