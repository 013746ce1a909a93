"""Errors at the n-th call: nothing is acknowledged after a failed write or sync, and the failure is soon known."""

import re
import shutil

import pytest

from tracing import finish, moment, needs_strace, traced
from victim import Ledger, assert_sound

SCRIPT = {"events": 600, "seed": 3, "batch": 8, "segment_bytes": 6000, "index_bytes": 500, "in_flight": 2,
          "checkpoint_records": 150}
FINAL = [("fdatasync", "EIO"), ("pwrite64", "EIO"), ("fsync", "EIO"), ("rename", "EIO"), ("ftruncate", "EIO"),
         ("fdatasync", "EINTR"), ("fdatasync", "ENOSPC")]
PASSING = [("pwrite64", "ENOSPC"), ("pwrite64", "EINTR"), ("pwrite64", "EDQUOT")]


def numbers(full):
    return range(1, 51) if full else (1, 2, 7, 23)


def inject(thread, call, error, when, memory):
    """One run with the error; returns (exit status, trace lines, the injected one's index or None, run)."""
    data, ledger, trace = memory / "data", Ledger(), memory / "trace"
    shutil.rmtree(data, ignore_errors=True)
    run = traced(thread, data, trace, ["-e", f"trace=write,{call}", "-e", f"inject={call}:error={error}:when={when}"],
                 **SCRIPT)
    status = finish(run, ledger)
    lines = trace.read_text().splitlines()
    at = next((index for index, line in enumerate(lines) if "(INJECTED)" in line), None)
    return status, lines, at, run, ledger, data


@needs_strace
@pytest.mark.parametrize("call, error", FINAL)
def test_errors_that_are_final(call, error, memory, full):
    met = 0
    for n in numbers(full):
        for when in (f"{n}", f"{n}+"):
            status, lines, at, run, ledger, data = inject("writer", call, error, when, memory)
            where = f"{error} at {call} number {when}"
            if at is None:
                assert status == 0, where
                continue
            met += 1
            late = [line for line in lines[at:] if re.search(r'write\(1, "a ', line)]
            assert not late, f"{where}: acknowledged afterwards: {late[:2]}"
            assert status in (3, 4), f"{where}: {status} {run.text()[-300:]}"
            assert moment(lines[-1]) - moment(lines[at]) < 1, f"{where}: took more than a second to end"
            assert_sound(data, ledger, memory, where)
    assert met or call == "ftruncate", f"no run met {error} at {call}"


@needs_strace
@pytest.mark.parametrize("call, error", PASSING)
def test_errors_that_can_pass(call, error, memory, full):
    for n in numbers(full):
        status, lines, at, run, ledger, data = inject("writer", call, error, n, memory)
        where = f"{error} at {call} number {n}"
        assert at is not None, where
        assert status == 0 if error == "EINTR" else status in (0, 4), f"{where}: {status} {run.text()[-500:]}"
        assert_sound(data, ledger, memory, where)


@needs_strace
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync", "fsync", "rename"])
def test_errors_of_opening_and_checkpoints(call, memory, full):
    for n in numbers(full):
        for error in ("EIO", "ENOSPC"):
            status, lines, at, run, ledger, data = inject("main", call, error, n, memory)
            if at is None:
                break
            # How far the log is on disk is noted where there is space: without, recovery believes less, and loses
            # nothing. Only a new partition is not made without a first note.
            passes = error == "ENOSPC" and '"MRDE' in lines[at]
            assert status in ((0, 4) if passes else (3, 4)), f"{error} at main's {call} number {n}: {status}"
            assert_sound(data, ledger, memory, f"{error} at main's {call} number {n}")
