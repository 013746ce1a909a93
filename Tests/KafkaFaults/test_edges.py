"""Edges and processors die under load; clients go on at another edge, with no gap, no duplicate and no disorder."""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import cluster
from clients import STREAMS, Client, check, position, shown
from system import PARTITIONS, running

pytestmark = pytest.mark.skipif(
    cluster.absence() is not None, reason=f"NOT run against Kafka: {cluster.absence()}")


@pytest.fixture
def system(tmp_path, full):
    with running(tmp_path, brokers=3 if full else 1, rate=600 if full else 400) as system:
        yield system


def log_check(edge):
    return edge.readiness()["checks"]["log"]


def wait_for(seconds, what, is_so):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_clients_resume_at_another_edge(system, full):
    """Full: 12 kills of an edge, each with a processor's, and all brokers away for 45 s; smoke: 2, and 1 s."""
    seed = int(os.environ.get("MILLRACE_SEED", time.time()))
    print(f"seed {seed}")
    chance = random.Random(seed)
    for name in ("p0", "p1"):
        system.process(name)
    for index in (0, 1):
        system.edge(index)
    edges = system.edges
    clients = [
        Client("now", edges, 0, "now"), Client("snapshot", edges, 1, "snapshot"), Client("all", edges, 0, "earliest"),
        Client("hopper", edges, 1, "now", hop_seconds=0.3)]
    time.sleep(3)
    rounds = 12 if full else 2
    for round in range(rounds):
        victim = round % 2
        # In the middle of a replay for a minute and more: half as fast again as the history grows.
        clients.append(Client(f"replay-{round}", edges, victim, "earliest", speed=1.5))
        time.sleep(chance.uniform(1, 3))
        processor = f"p{chance.randrange(2)}"
        edges[victim].kill()
        system.kill(processor)
        time.sleep(chance.uniform(0, 2))
        system.process(processor)
        system.edge(victim)
        assert log_check(edges[victim]) == "ok"
    lose_brokers(system, 45 if full else 1)
    in_replay = sum(client.moves_in_replay for client in clients if client.name.startswith("replay"))
    for client in clients:
        client.hurry()
    count = system.finish()
    frames = finish(clients, system.reader.records)
    compare_replays(edges, clients[2])
    moves = sum(client.moves for client in clients)
    print(f"{count} derived records, {frames} frames to {len(clients)} clients, who changed edges {moves} times, "
          f"{in_replay} of them in a replay: no gap, no duplicate, no disorder, seed {seed}")
    assert in_replay >= rounds


def lose_brokers(system, seconds):
    """Both edges say what is the matter, and go on by themselves."""
    brokers = range(1, system.brokers + 1)
    for broker in brokers:
        system.kafka.run("kill", broker)
    for edge in system.edges:
        wait_for(15, "an edge does not miss the brokers", lambda: "out of reach" in log_check(edge))
        assert edge.get("/healthz")[0] == 200
        assert edge.metric("millrace_log_reachable") == 0
    time.sleep(seconds)
    # All at once: none of three comes up without another.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda broker: system.kafka.run("restart", broker), brokers))
    for edge in system.edges:
        wait_for(60, f"not ready again: {edge.readiness()}", lambda: edge.readiness()["ready"])
        assert edge.metric("millrace_log_reachable") == 1


def finish(clients, records):
    """Until each client was sent all that the reader read; then the streams are held against it."""
    ends = {stream: {index: content[-1][0] + 1 for index, content in shown(records, stream).items() if content}
            for stream in STREAMS}
    for client in clients:
        wait_for(60, f"{client.name} did not get all", lambda: client.problem or all(
            client.end(stream) == ends[stream] for stream in STREAMS))
        client.stop()
    return sum(check(client, records) for client in clients)


def compare_replays(edges, client):
    """Over HTTP both edges replay the same bytes, which are those of the frames, from any position on."""
    for stream in STREAMS:
        frames = client.frames[stream]
        for index in range(PARTITIONS):
            part = [text for text in frames if f'"pos":"{index}:' in text]
            if not part:
                continue  # No key of the market lies there.
            middle = part[len(part) // 2].split('"pos":"', 1)[1].split('"', 1)[0]
            bodies = [edge.get(f"/v1/streams/{stream}?from={middle}", timeout=60)[1] for edge in edges]
            assert bodies[0] == bodies[1], f"{stream} from {middle}: the edges replay differently"
            lines = bodies[0].decode().splitlines()
            assert lines == part[len(part) // 2:], (stream, middle, lines[:1], part[len(part) // 2])
        latest = [edge.get_json("/v1/prices") for edge in edges]
        assert latest[0] == latest[1]
