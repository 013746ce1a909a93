"""System calls of one thread of the victim: counted, killed at, made to fail. By strace, which counts per thread."""

import collections
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from victim import Run

# Whatever changes what is on disk, under the names that the C library may use.
CALLS = ("write", "pwrite64", "writev", "fdatasync", "fsync", "rename", "ftruncate", "unlink", "fallocate")

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="SKIP: strace is not installed")


def writer_thread(process):
    """The log's own thread, by its name, which it gives itself when it begins to run."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
            if (task / "comm").read_text().startswith("log-writer"):
                return task.name
    raise AssertionError("the victim has no log-writer thread")


def traced(thread, data, output, strace, environment=None, **options):
    """A victim of which one thread is traced: `main` from its first call on, `writer` from its first append on."""
    command = ["strace", "-qq", "-ttt", "-s", "40", "-o", str(output), *strace]
    if thread == "main":
        run = Run(data, wrapper=command, environment=environment, gate=1, **options)
        if run.wait_for("ready\n"):
            run.go()
        return run
    run = Run(data, environment=environment, gate=1, **options)
    assert run.wait_for("ready\n"), run.errors
    tracer = subprocess.Popen(
        [*[word for word in command if word != "-qq"], "-p", writer_thread(run.process)], stderr=subprocess.PIPE)
    # It says so when it has attached.
    assert b"attached" in tracer.stderr.readline()
    run.go()
    run.tracer = tracer
    return run


def finish(run, ledger):
    """The victim's exit status, and strace gone as well."""
    status = run.end(ledger)
    if hasattr(run, "tracer"):
        run.tracer.wait(10)
        run.tracer.stderr.close()
    return status


def counts(thread, data, output, **options):
    """How often the thread makes each of CALLS in an undisturbed run."""
    run = traced(thread, data, output, ["-e", "trace=" + ",".join(CALLS)], **options)
    assert finish(run, None) == 0, run.text() + run.errors.decode()
    return collections.Counter(re.findall(r"^[\d.]+ (\w+)\(", output.read_text(), re.M))


def moment(line):
    return float(line.split(" ", 1)[0])
