"""Processors and brokers die, freeze and come back while events flow; readers see each output exactly once."""

import os
import random
import signal
import time

import pytest

import cluster
from audit import INPUT
from system import running

pytestmark = pytest.mark.skipif(
    cluster.absence() is not None, reason=f"NOT run against Kafka: {cluster.absence()}")


@pytest.fixture
def system(tmp_path, full):
    with running(tmp_path, brokers=3 if full else 1, rate=1500 if full else 1000) as system:
        yield system


def test_faults_lose_and_double_nothing(system, full):
    """Full: 20 processors killed, 10 rebalances more, 6 brokers killed and restarted, one process frozen for longer
    than its session and thawed. Smoke: 3, 1, 0, 1."""
    seed = int(os.environ.get("MILLRACE_SEED", time.time()))
    print(f"seed {seed}")
    chance = random.Random(seed)
    faults = ["kill"] * (20 if full else 3) + ["join"] * (10 if full else 1)
    faults += ["broker"] * (6 if full else 0)
    chance.shuffle(faults)
    faults.insert(len(faults) // 2, "freeze")
    system.process("p0")
    system.process("p1")
    time.sleep(5)
    made = 2
    for fault in faults:
        name = chance.choice(sorted(system.processors))
        if fault == "kill":
            system.kill(name)
            time.sleep(chance.uniform(0, 2))
            # Half of them come back to their checkpoints, half with none.
            system.process(name if chance.random() < 0.5 else f"p{made}")
            made += 1
        elif fault == "join":
            system.process(f"p{made}")
            made += 1
            time.sleep(chance.uniform(2, 5))
            system.processors.pop(name).stop(90)
        elif fault == "broker":
            broker = chance.randint(1, 3)
            system.kafka.run("kill", broker)
            time.sleep(chance.uniform(1, 4))
            system.kafka.run("restart", broker)
        else:
            frozen = system.processors[name].process
            frozen.send_signal(signal.SIGSTOP)
            # Its session is 10 s: another process is given its partitions.
            time.sleep(14)
            frozen.send_signal(signal.SIGCONT)
        time.sleep(chance.uniform(1, 4))
    count = system.finish()
    events = system.reader.count(INPUT)
    print(f"{events} events, {count} derived records, {len(faults)} faults: none lost, none doubled, seed {seed}")
    assert events >= (100_000 if full else 5_000)
