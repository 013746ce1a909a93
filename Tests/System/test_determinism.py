"""One input, one state: in processes with different hash seeds, optimised or not, from any checkpoint."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = [ROOT / ".build/release/simulate", ROOT / ".build/debug/simulate"]


def test_one_hash_in_ten_processes():
    present = [binary for binary in BINARIES if binary.exists()]
    if len(present) < len(BINARIES):
        pytest.skip(f"SKIP: not built: {sorted(set(map(str, BINARIES)) - set(map(str, present)))}")
    environment = {name: value for name, value in os.environ.items() if name != "SWIFT_DETERMINISTIC_HASHING"}
    lines = set()
    for binary in BINARIES:
        for _ in range(5):
            done = subprocess.run(
                [binary, "--hashes"], env=environment, capture_output=True, text=True, timeout=300, check=True
            )
            lines.add(done.stdout.strip())
    assert len(lines) == 1, lines
    assert int(lines.pop().split(" folds, ")[0]) > 100
