"""Short writes at the n-th call: not an error, but the rest has to follow."""

import shutil
import subprocess

import pytest

from test_errors import SCRIPT, numbers
from victim import ROOT, Ledger, Run, assert_sound

COMPILER = next(filter(shutil.which, ("clang", "cc", "gcc")), None)


@pytest.mark.skipif(COMPILER is None, reason="SKIP: no C compiler for the preloaded library")
def test_short_writes(memory, full):
    library = memory / "short_writes.so"
    source = ROOT / "Tests/Faults/short_writes.c"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    for n in numbers(full):
        data, ledger = memory / "data", Ledger()
        run = Run(data, environment={"LD_PRELOAD": str(library), "SHORT_WRITE": str(n)}, **SCRIPT)
        assert run.end(ledger) == 0, f"short write {n}: {run.text()[-300:]}"
        assert len(ledger.acknowledged) == SCRIPT["events"], f"short write {n}"
        assert_sound(data, ledger, memory, f"short write {n}")
        shutil.rmtree(data)
