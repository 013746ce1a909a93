"""kill -9 under load: nothing acknowledged is missing, derived topics equal an undisturbed run, tokens stay valid."""

import json
import pathlib
import random
import shutil
import threading
import time

from harness import Server, command, replay
from websockets.sync.client import connect

SEED = 20240621


def derived(data):
    return {stream: replay(data, stream) for stream in ("prices.latest", "prices.candles", "prices.ticks.dead")}


class Producer(threading.Thread):
    """Ingests numbered ticks; its ledger of what was acknowledged lives outside the victim."""

    def __init__(self, server, first, ledger):
        super().__init__(daemon=True)
        self.server, self.next, self.ledger, self.running = server, first, ledger, True

    def run(self):
        while self.running:
            batch = range(self.next, self.next + 200)
            records = [{"instrument": f"I{n % 7}/USD", "source": f"s{n % 3}", "price": 1 + n % 1000, "volume": 1,
                        "sequence": n} for n in batch]
            self.next = batch.stop
            try:
                status, body, _ = self.server.ingest(records, timeout=5)
            except (OSError, ValueError):
                return
            if status == 200 and json.loads(body)["accepted"] == 200:
                self.ledger.extend(batch)


def test_kill_at_random_moments(tmp_path, full):
    rng = random.Random(SEED)
    rounds = 50 if full else 5
    data, ledger, first, tokens = tmp_path / "data", [], 0, []
    # Checkpoints so often that most recoveries begin with one.
    topology = tmp_path / "topology.yaml"
    topology.write_text("processors: {checkpointEveryRecords: 1000}\nfeeds: [{kind: synthetic}]\n")
    continued = 0
    for round in range(rounds):
        with Server(data, "--topology", topology, "--rate", "3000") as server:
            continued += any("outcome=continued" in line for line in server.lines)
            producers = [Producer(server, first + 10_000_000 * lane, ledger) for lane in range(2)]
            for producer in producers:
                producer.start()
            with connect(server.websocket_url, subprotocols=["millrace.v1"], max_size=None) as socket:
                start = {"token": tokens[-1][0]} if tokens else "earliest"
                socket.send(json.dumps(
                    {"type": "subscribe", "id": "a", "stream": "prices.latest", "keys": "*", "from": start}))
                deadline = time.monotonic() + rng.uniform(0.2, 1.2)
                heard, token = [], None
                while time.monotonic() < deadline:
                    frame = json.loads(socket.recv(timeout=10))
                    assert frame["type"] != "error", frame
                    if frame["type"] == "data":
                        heard.append(frame["pos"])
                    elif frame["type"] == "progress":
                        token = (frame["token"], len(heard))
                server.kill()
            for producer in producers:
                producer.running = False
                producer.join()
            first = max(producer.next for producer in producers)
            if tokens and heard:
                assert int(heard[0].split(":")[1]) == tokens[-1][1], "the token of before the crash left a gap"
            if token:
                last = heard[token[1] - 1] if token[1] else None
                if last:
                    tokens.append((token[0], int(last.split(":")[1]) + 1))
    with Server(data, "--feed", "none") as server:
        server.stop()
    assert continued, "no recovery began with a checkpoint"
    kept = [json.loads(line)["value"]["sequence"] for line in replay(data, "prices.ticks") if '"source":"s' in line]
    missing = set(ledger) - set(kept)
    assert ledger and not missing, f"{len(missing)} acknowledged ticks are lost (seed {SEED})"
    assert len(kept) == len(set(kept)), "ticks are stored twice"
    verified = command("verify", "--data", data)
    assert verified.returncode == 0, verified.stderr
    undisturbed = tmp_path / "undisturbed"
    for topic in (data / "topics").glob("prices.ticks.v1*"):
        shutil.copytree(topic, undisturbed / "topics" / topic.name)
    with Server(undisturbed, "--feed", "none") as server:
        server.stop()
    # The undisturbed server goes on from there: its clock closes more windows.
    ours, theirs = derived(data), derived(undisturbed)
    for stream, lines in ours.items():
        assert lines == theirs[stream][:len(lines)], f"{stream} is another history"
    assert all(ours[stream] for stream in ("prices.latest", "prices.candles"))


def test_verify_names_a_flipped_byte(tmp_path):
    data = tmp_path / "data"
    with Server(data, "--feed", "synthetic", "--rate", "5000") as server:
        time.sleep(2)
        server.stop()
    assert command("verify", "--data", data).returncode == 0
    for topic in ("prices.latest.v1", "prices.candles.v1"):
        segment = next(pathlib.Path(data, "topics").glob(f"{topic}-0/*.log"))
        original = segment.read_bytes()
        place = random.Random(SEED).randrange(61, 600)
        changed = bytearray(original)
        changed[place] ^= 0x10
        segment.write_bytes(bytes(changed))
        done = command("verify", "--data", data)
        assert done.returncode not in (0, 64, 70) and segment.name in done.stderr, done
        segment.write_bytes(original)
    assert command("verify", "--data", data).returncode == 0
