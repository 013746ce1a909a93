"""Six recorded venues through the mappers: every frame accounted for, candles equal to the reference."""

import json
import os
import time
from decimal import Decimal

import pytest
import reference
from harness import ROOT, Server, command, replay

RECORDINGS = os.environ.get("MILLRACE_RECORDINGS", str(ROOT.parent / "shared/data/recordings"))


@pytest.mark.skipif(
    not os.path.isdir(RECORDINGS), reason=f"SKIP, LOUDLY: no recordings at {RECORDINGS} (MILLRACE_RECORDINGS)")
def test_every_frame_is_accounted_for_and_candles_equal_the_reference(tmp_path):
    with Server(tmp_path / "data", "--feed", f"recorded:{RECORDINGS}", "--rate", "max") as server:
        deadline = time.monotonic() + 60
        while not any("recordings played" in line for line in server.lines):
            assert time.monotonic() < deadline, server.output()
            time.sleep(0.05)
        # With the recordings over, the wall clock closes all windows: a second later every candle is final.
        time.sleep(3)
        server.stop()
    stored = [json.loads(line, parse_float=Decimal) for line in replay(tmp_path / "data", "prices.ticks")]
    expected = list(reference.ticks(RECORDINGS))
    assert len(stored) == len(expected)
    for event, (_, venue, name, price, volume, _) in zip(stored, expected):
        value = event["value"]
        assert (event["key"], value["source"]) == (name, venue)
        assert (Decimal(value["price"]), Decimal(value["volume"])) == (price, volume), (event, price, volume)
    frames = reference.kinds(RECORDINGS)
    for venue in reference.MAPPERS:
        line = next(line for line in server.lines if f"{venue}: " in line and "frames" in line)
        assert f"{frames[venue, 'in'] + frames[venue, 'out']} frames" in line, line
        assert " 0 rejected" in line, line
    rows = [(received, time, name, price, volume) for received, _, name, price, volume, time in expected]
    truth = reference.candles(rows)
    found, finals = {}, set()
    for line in replay(tmp_path / "data", "prices.candles"):
        value = json.loads(line, parse_float=Decimal)["value"]
        key = value["instrument"], value["interval"], value["start"]
        assert key not in finals, "a revision after the final one"
        found[key] = tuple(Decimal(value[field]) for field in ("open", "high", "low", "close", "volume", "ticks"))
        if value["isFinal"]:
            finals.add(key)
    assert found == truth
    assert finals == set(truth)
    assert command("verify", "--data", tmp_path / "data").returncode == 0
