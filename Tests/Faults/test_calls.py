"""SIGKILL at every call that changes the disk, of a run with segment rolls, checkpoints, retention and compaction."""

import random
import shutil

from tracing import CALLS, counts, finish, needs_strace, traced
from victim import Ledger, assert_sound

SEED = 2
SCRIPT = {"events": 500, "seed": SEED, "batch": 12, "segment_bytes": 6000, "index_bytes": 500, "in_flight": 4,
          "checkpoint_records": 60}
# Old ticks go and the latest prices are compacted as well; the check knows what should have been there from the script.
SCRIPT |= {"maintain_every": 10, "retention_bytes": 7000}
CHECK = {"script": SEED, "retention_bytes": 7000}


def killed(thread, call, n, memory, binary=None):
    """Kills at the n-th such call and checks; false if the run got by with fewer."""
    data, ledger = memory / "data", Ledger()
    shutil.rmtree(data, ignore_errors=True)
    extra = {"binary": binary} if binary else {}
    run = traced(thread, data, memory / "trace", ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}"],
                 **SCRIPT, **extra)
    status = finish(run, ledger)
    where = f"killed at {thread}'s {call} number {n}"
    if status == 0:
        return False
    # strace ends as its tracee did.
    assert status in (-9, 137), f"{where}: {status} {run.text()[-300:]} {run.errors[-500:]}"
    assert_sound(data, ledger, memory, where, **CHECK, **extra)
    return True


def assert_happened(topics):
    """The undisturbed run had what is to be killed: rolls, a retention delete, a compaction."""
    ticks = sorted(path.name for path in (topics / "prices.ticks.v1-0").glob("*.log"))
    assert len(ticks) > 3 and ticks[0] != "00000000000000000000.log", ticks
    # Compaction gives a segment's file a generation.
    assert list((topics / "prices.latest.v1-0").glob("*.*.log")), "nothing was compacted"


@needs_strace
def test_calls(memory, full):
    points = 0
    if not full:
        rng, chosen = random.Random(SEED), []
        for thread in ("main", "writer"):
            seen = counts(thread, memory / thread, memory / "trace", **SCRIPT)
            assert_happened(memory / thread / "topics")
            chosen += [(thread, call, n) for call in CALLS for n in rng.sample(range(1, seen[call] + 1), min(2, seen[call]))]
        for point in chosen:
            points += killed(*point, memory)
        assert points >= len(chosen) // 2
    else:
        for thread in ("main", "writer"):
            for call in CALLS:
                n = 1
                while killed(thread, call, n, memory):
                    n += 1
                points += n - 1
        assert points >= 300
    print(f"\nkilled at {points} calls: none lost, none twice, none wrong")
