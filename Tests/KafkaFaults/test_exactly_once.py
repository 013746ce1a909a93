"""Processors and brokers die, freeze and come back while events flow; readers see each output exactly once."""

import os
import pathlib
import random
import signal
import time

import pytest

import cluster
from audit import INPUT, Reader, judge
from harness import Server

pytestmark = pytest.mark.skipif(
    cluster.absence() is not None, reason=f"NOT run against Kafka: {cluster.absence()}")

PARTITIONS = 4
TOPOLOGY = """
log:
  kafka: {{bootstrapServers: "{bootstrap}", replication: {replication}, minInsyncReplicas: {insync}}}
  partitions: %d
feeds:
  - {{kind: synthetic, ratePerSecond: {rate}, outliersPerMillion: 5000}}
processors: {{checkpointEveryRecords: 20000}}
""" % PARTITIONS


class System:
    """One feed and some processors on a cluster, with a reader beside them."""

    def __init__(self, kafka, directory, rate, brokers):
        self.kafka = kafka
        self.directory = pathlib.Path(directory)
        self.topology = self.directory / "topology.yaml"
        self.topology.write_text(TOPOLOGY.format(
            bootstrap=kafka.bootstrap, rate=rate, replication=brokers, insync=max(1, brokers - 1)))
        self.feeds = self.start("feeds", "feeds")
        self.feeds.wait_ready(60)
        self.reader = Reader(kafka.bootstrap, PARTITIONS)
        self.processors = {}
        self.frozen = None

    def start(self, name, roles):
        return Server(self.directory / name, "--topology", self.topology, "--roles", roles)

    def process(self, name):
        self.processors[name] = self.start(name, "processors")

    def kill(self, name):
        self.processors.pop(name).kill()

    def wait_folded(self, seconds):
        """Until every input record is folded and the reader has read all that came of it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(1)
            if self.lag() == 0 and self.caught_up():
                return
        raise AssertionError("not folded: " + "\n".join(p.output() for p in self.processors.values()))

    def caught_up(self):
        ends = self.reader.ends()
        # Behind the last record of a partition lies the marker of its transaction.
        return all(end - self.reader.position(partition) <= 1 for partition, end in ends.items())

    def lag(self):
        """What the group has not committed yet, as Kafka's own tool tells it."""
        lags = []
        for line in self.kafka.run("groups", "--describe", "--group", "millrace", check=False).splitlines():
            words = line.split()
            if len(words) > 5 and words[1] == INPUT:
                lags.append(int(words[5]) if words[5].isdigit() else 1)
        return sum(lags) if len(lags) == PARTITIONS else 1

    def finish(self):
        self.feeds.stop(60)
        self.wait_folded(180)
        for name in list(self.processors):
            self.processors.pop(name).stop(90)
        self.reader.stop()
        return judge(self.reader.records, PARTITIONS, self.topology, self.directory)

    def close(self):
        for server in [self.feeds, *self.processors.values()]:
            if server.process.poll() is None:
                os.kill(server.process.pid, signal.SIGCONT)
                server.kill()


@pytest.fixture
def system(tmp_path, full):
    brokers = 3 if full else 1
    kafka = cluster.Cluster(brokers, port=24000 + os.getpid() % 400 * 9)
    running = None
    try:
        running = System(kafka, tmp_path, rate=1500 if full else 1000, brokers=brokers)
        yield running
    finally:
        if running:
            running.close()
        kafka.close()


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
