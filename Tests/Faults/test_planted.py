"""Each campaign finds its bug: the same campaigns on a debug build that is told to have one of the classic bugs."""

import os
import random

import pytest

from test_damage import damage
from test_power import Disk, loss, mounted, problem
from victim import ROOT, Ledger, check

PLANTED = os.environ.get("MILLRACE_PLANTED_VICTIM", str(ROOT / ".build/debug/log-victim"))

pytestmark = pytest.mark.skipif(
    not os.path.exists(PLANTED), reason="SKIP: no debug build of log-victim, which alone can have planted bugs")


# The losses of odd numbers fall between rolls and checkpoints, those of even ones between nothing but appends.
@pytest.mark.parametrize("bug, kind, first, options", [
    ("noSync", "ext4", 0, {}), ("unsyncedRename", "xfs", 1, {}), ("checkpointBeforeOutputs", "ext4", 1, {}),
    # The moment between the two is short: a victim that does nothing but append is in it most of the time.
    ("acknowledgeBeforeSync", "ext4", 0, {"fold_every": 1_000_000, "in_flight": 200})])
def test_power_finds(bug, kind, first, options, tmp_path):
    if reason := problem(kind):
        pytest.skip(f"SKIP: no power loss on {kind}: {reason}")
    rng, disk = random.Random(5), Disk(tmp_path, kind)
    for number in range(first, 40, 2):
        disk.make()
        ledger = Ledger()
        loss(disk, ledger, number, rng, plant=bug, binary=PLANTED, **options)
        with mounted(disk) as data:
            status, output = check(data, ledger, tmp_path)
        if status != 0:
            print(f"\n{bug}: found by power loss {number // 2 + 1}: {output.splitlines()[0]}")
            return
    raise AssertionError(f"twenty power losses on {kind} do not find {bug}")


def test_flipped_bits_find_a_cut_at_the_first_bad_checksum(memory):
    done = damage("flip", memory, binary=PLANTED, stride=1511, plant="truncateAtFirstBadChecksum")
    assert done.returncode == 1 and "cutAt" in done.stdout, done.stdout[-500:] + done.stderr[-500:]
