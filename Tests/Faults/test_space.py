"""A disk that fills up and grows again; files that must not grow; descriptors that run out."""

import contextlib
import os
import resource
import shutil
import subprocess
import time

import pytest

from victim import Ledger, Run, assert_sound


@contextlib.contextmanager
def small_disk(directory, mebibytes):
    if os.geteuid() != 0:
        pytest.skip("SKIP: no disk to fill: not root")
    directory.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", directory], capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"SKIP: no disk to fill: {done.stderr.decode().strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def processor_seconds(process):
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_full_disk(tmp_path, full):
    options = {"batch": 100, "segment_bytes": 300_000, "checkpoint_records": 2000}
    ledger = Ledger()
    with small_disk(tmp_path / "disk", 4) as disk:
        run = Run(disk / "log", seed=6, patience=60, **options)
        assert run.wait_for("refused diskFull", 60), run.text()[-300:] + run.errors.decode()
        # It waits for space, and does not burn the processor while it does.
        before, seconds = processor_seconds(run.process), 10 if full else 1.5
        time.sleep(seconds)
        assert run.process.poll() is None, run.text()[-500:]
        share = (processor_seconds(run.process) - before) / seconds
        assert share < 0.5, f"{share:.0%} of a core while the disk is full"
        for size in (16, 24):
            acknowledged = run.text().count("\na ")
            subprocess.run(["mount", "-o", f"remount,size={size}m", disk], check=True)
            deadline = time.monotonic() + 5
            while run.text().count("\na ") < acknowledged + 1000:
                assert run.process.poll() is None, run.text()[-500:] + run.errors.decode()
                assert time.monotonic() < deadline, "no ingest within 5 s of new space"
                time.sleep(0.02)
            if size == 16:
                refusals = run.text().count("refused diskFull")
                deadline = time.monotonic() + 60
                while run.text().count("refused diskFull") == refusals and time.monotonic() < deadline:
                    time.sleep(0.02)
        run.kill()
        ledger.take(run.text())
        # What was refused to the folds is folded now.
        subprocess.run(["mount", "-o", "remount,size=256m", disk], check=True)
        assert_sound(disk / "log", ledger, tmp_path, "full disk and resume")
    print(f"\n{len(ledger.acknowledged)} events acknowledged around {len(ledger.notes)} refusals")


def test_file_size_limit(memory, full):
    options = {"batch": 20, "segment_bytes": 64 << 20, "checkpoint_records": 500}
    for limit in range(2_000, 200_000, 9_000) if full else (3_000, 60_000):
        data, ledger = memory / f"log{limit}", Ledger()
        run = Run(data, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
                  events=8000, seed=limit, **options)
        # A checkpoint or a derived record that has no room ends the run; what was acknowledged stays.
        assert run.end(ledger) in (0, 3, 4), run.text()[-300:]
        assert any("diskFull" in note for note in ledger.notes), ledger.notes[-3:]
        assert_sound(data, ledger, memory, f"files of at most {limit} bytes")


def test_descriptors(memory, full):
    sound = 0
    for limit in range(3, 48) if full else (4, 11, 14, 19, 24, 40):
        data, ledger = memory / "log", Ledger()
        shutil.rmtree(data, ignore_errors=True)
        run = Run(data, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)), events=2000,
                  seed=limit, batch=20, segment_bytes=9000, checkpoint_records=300)
        # 127: the program itself could not be loaded.
        status = run.end(ledger)
        assert status in (0, 3, 4, 127), f"{limit} descriptors: {status} {run.text()[-300:]} {run.errors[-300:]}"
        sound += status == 0
        assert_sound(data, ledger, memory, f"{limit} descriptors")
    assert sound
