"""The victim seen from outside: its process, its ledger (which lives here and not there), the check of what is left."""

import os
import pathlib
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
VICTIM = os.environ.get("MILLRACE_VICTIM", str(ROOT / ".build/release/log-victim"))


class Ledger:
    """What was acknowledged, from all runs on one log; lines as the victim wrote them."""

    def __init__(self):
        self.acknowledged = []
        self.notes = []

    def take(self, text):
        # A line that a kill cut short told nobody of anything.
        for line in text[:text.rfind("\n") + 1].splitlines():
            (self.acknowledged if line.startswith("a ") else self.notes).append(line)


class Run:
    """One `log-victim run`, with options as keyword arguments (`checkpoint_records=100`)."""

    def __init__(self, data, wrapper=(), environment=None, preexec=None, binary=VICTIM, **options):
        command = [*map(str, wrapper), binary, "run", "--data", str(data), *words(options)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})}, preexec_fn=preexec)
        self.chunks = []
        self.errors = b""
        self.readers = [threading.Thread(target=self._read, daemon=True),
                        threading.Thread(target=self._read_errors, daemon=True)]
        for reader in self.readers:
            reader.start()

    def _read(self):
        while chunk := self.process.stdout.read1(1 << 16):
            self.chunks.append(chunk)

    def _read_errors(self):
        self.errors = self.process.stderr.read()

    def text(self):
        return b"".join(self.chunks).decode()

    def wait_for(self, text, seconds=30):
        """Until the ledger holds `text`; false when the victim ended before."""
        deadline = time.monotonic() + seconds
        while text not in self.text():
            if self.process.poll() is not None and not self.readers[0].is_alive():
                return text in self.text()
            assert time.monotonic() < deadline, f"no '{text}' within {seconds} s: {self.text()[-500:]}"
            time.sleep(0.002)
        return True

    def go(self):
        try:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # Killed already.

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        return self.end()

    def end(self, ledger=None, seconds=60):
        """The exit status, when all that the victim wrote was read."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the victim hangs: " + self.text()[-500:])
        for reader in self.readers:
            reader.join(10)
        if ledger:
            ledger.take(self.text())
        return status


def words(options):
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def check(data, ledger, scratch, binary=VICTIM, **options):
    """What `log-victim check` says: (exit status, output). Status 0: nothing lost, doubled, wrong or derived otherwise."""
    path = pathlib.Path(scratch) / "ledger"
    path.write_text("".join(line + "\n" for line in ledger.acknowledged))
    done = subprocess.run(
        [binary, "check", "--data", str(data), "--ledger", str(path), *words(options)], capture_output=True, text=True,
        timeout=300)
    return done.returncode, done.stdout + done.stderr[-2000:]


def assert_sound(data, ledger, scratch, where, **options):
    status, output = check(data, ledger, scratch, **options)
    assert status == 0, f"{where}: {output}"
    return output
