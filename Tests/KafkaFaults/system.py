"""The system of the fault runs: one feed and some processors on a cluster, with a reader beside them."""

import contextlib
import os
import pathlib
import signal
import time

import cluster
from audit import INPUT, Reader, judge
from harness import BINARY, Server

PARTITIONS = 4
TOPOLOGY = """
log:
  kafka: {{bootstrapServers: "{bootstrap}", replication: {replication}, minInsyncReplicas: {insync}{more}}}
  partitions: %d
feeds:
  - {{kind: synthetic, ratePerSecond: {rate}, outliersPerMillion: 5000}}
processors: {{checkpointEveryRecords: 20000}}
""" % PARTITIONS


class System:
    """One feed and some processors on a cluster, with a reader beside them."""

    def __init__(self, kafka, directory, rate, brokers, proxy=None, binary=BINARY):
        self.kafka = kafka
        self.brokers = brokers
        self.directory = pathlib.Path(directory)
        self.topology = self.directory / "topology.yaml"
        self.topology.write_text(TOPOLOGY.format(
            bootstrap=kafka.bootstrap, rate=rate, replication=brokers, insync=max(1, brokers - 1), more=""))
        # How processors alone are started.
        self.processor = {"topology": self.topology}
        if proxy:
            self.processor = {"topology": self.directory / "processors.yaml", "binary": binary}
            self.processor["topology"].write_text(TOPOLOGY.format(
                bootstrap=f"127.0.0.1:{proxy.port}", rate=rate, replication=1, insync=1,
                more=f", requestTimeoutMillis: {1000 * proxy.timeout_seconds}"))
        self.feeds = self.start("feeds", "feeds")
        self.feeds.wait_ready(60)
        self.reader = Reader(kafka.bootstrap, PARTITIONS)
        self.processors = {}
        self.edges = []

    def start(self, name, roles, topology=None, **options):
        return Server(self.directory / name, "--topology", topology or self.topology, "--roles", roles, **options)

    def process(self, name):
        self.processors[name] = self.start(name, "processors", **self.processor)

    def kill(self, name):
        self.processors.pop(name).kill()

    def edge(self, index):
        """Starts an edge, in the place of the one that was there."""
        edge = self.start(f"edge{index}", "edge").wait_ready(60)
        self.edges[index:index + 1] = [edge]

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
        for server in [self.feeds, *self.processors.values(), *self.edges]:
            if server.process.poll() is None:
                os.kill(server.process.pid, signal.SIGCONT)
                server.kill()


@contextlib.contextmanager
def running(directory, brokers, rate, proxy=None, binary=BINARY):
    kafka = cluster.Cluster(brokers, port=24000 + os.getpid() % 400 * 9, proxy=proxy)
    system = None
    try:
        system = System(kafka, directory, rate, brokers, proxy, binary)
        yield system
    finally:
        if system:
            system.close()
        kafka.close()
