"""What a new user does: start it, ask it, stop it."""

import json
import time

from harness import Server, command, replay


def test_prices_and_candles_move_within_seconds(tmp_path):
    with Server(tmp_path / "data", "--feed", "synthetic", "--rate", "200") as server:
        deadline = time.monotonic() + 15
        prices, candles = [], []
        while time.monotonic() < deadline and not (prices and candles):
            prices = server.get_json("/v1/prices").get("prices", [])
            status, body, _ = server.get("/v1/candles/BTC/USD?interval=1m")
            candles = json.loads(body).get("candles", [])
            time.sleep(0.1)
        assert any(price["instrument"] == "BTC/USD" for price in prices), prices
        first = candles[-1]
        time.sleep(2.5)
        later = server.get_json("/v1/candles/BTC/USD?interval=1m")["candles"][-1]
        assert (later["start"], later["revision"]) > (first["start"], first["revision"])
        status, body, headers = server.get("/")
        assert status == 200 and b"<!doctype html>" in body[:100].lower()
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        status, seconds = server.stop()
        assert status == 0 and seconds < 2, (status, seconds, server.output())


def test_a_second_writer_is_refused_and_readers_are_welcome(tmp_path):
    with Server(tmp_path / "data", "--rate", "500"):
        second = command("run", "--data", tmp_path / "data", "--listen", "127.0.0.1:0")
        assert second.returncode == 75, second
        assert "in use" in second.stderr
        assert len(replay(tmp_path / "data", "prices.ticks")) > 0


def test_replay_is_half_open_and_filtered(tmp_path):
    with Server(tmp_path / "data", "--rate", "2000") as server:
        time.sleep(2)
        server.stop()
    everything = [json.loads(line) for line in replay(tmp_path / "data", "prices.ticks")]
    assert len(everything) > 2000
    positions = [event["pos"] for event in everything]
    part = [json.loads(line) for line in
            replay(tmp_path / "data", "prices.ticks", "--from", positions[100], "--to", positions[200])]
    assert [event["pos"] for event in part] == positions[100:200]
    keyed = replay(tmp_path / "data", "prices.ticks", "--keys", "BTC/USD,ETH/USD")
    assert [json.loads(line)["pos"] for line in keyed] == [
        event["pos"] for event in everything if event["key"] in ("BTC/USD", "ETH/USD")]
    table = replay(tmp_path / "data", "prices.latest", "--format", "csv")
    assert table[0].startswith("key,pos,") and len(table) > 10


def test_mistakes_get_a_clear_error(tmp_path):
    topology = tmp_path / "topology.yaml"
    topology.write_text("edge:\n  listn: 127.0.0.1:1\n")
    wrong = command("run", "--topology", topology, "--data", tmp_path / "data")
    assert wrong.returncode == 65 and f"{topology}:2:3: unknown key \"listn\"" in wrong.stderr
    for words, status, part in [
        (["rum"], 64, "unknown command"),
        (["run", "--prot", "1"], 64, "unknown option --prot"),
        (["run", "--feed", "x"], 64, "--feed x"),
        (["run", "--feed", "recorded:/nowhere", "--data", tmp_path / "d"], 66, "/nowhere"),
        (["replay", "prices.ticks", "--data", tmp_path / "none"], 66, "none"),
        (["replay", "prices.tocks", "--data", tmp_path / "none"], 64, "prices.tocks"),
        (["verify", "--data", tmp_path / "none"], 66, "none"),
        (["run", "--listen", "here"], 64, "HOST:PORT"),
    ]:
        done = command(*words)
        assert done.returncode == status and part in done.stderr, (words, done)
        assert "Fatal error" not in done.stderr
