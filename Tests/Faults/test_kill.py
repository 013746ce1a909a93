"""kill -9 at random moments under load, again and again on the same log."""

import random
import time

from victim import Ledger, Run, assert_sound

SEED = 1


def test_kill(tmp_path, full):
    rng = random.Random(SEED)
    logs, kills = (20, 10) if full else (1, 5)
    total = 0
    for log in range(logs):
        data, ledger, first = tmp_path / f"log{log}", Ledger(), 0
        options = {"partitions": 2, "segment_bytes": 200_000, "checkpoint_records": rng.choice([500, 3000, 20_000])}
        for kill in range(kills):
            run = Run(data, seed=log, first=first, batch=rng.choice([1, 100, 200]), **options)
            # The first acknowledgement also says how long the start took.
            started = time.monotonic()
            run.wait_for("a ")
            assert time.monotonic() - started < 2, "a start took more than two seconds"
            time.sleep(rng.uniform(0.05, 0.5))
            run.kill()
            assert run.process.returncode == -9, run.errors
            ledger.take(run.text())
            first += 10_000_000
            assert_sound(data, ledger, tmp_path, f"log {log}, kill {kill} (seed {SEED})", partitions=2)
        assert not ledger.notes, ledger.notes[:5]
        total += len(ledger.acknowledged)
    print(f"\n{logs * kills} kills, {total} acknowledged events: none lost, none twice, none wrong")
    assert total >= (1_000_000 if full else 1000)
