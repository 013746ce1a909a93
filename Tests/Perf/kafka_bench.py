#!/usr/bin/env python3
"""The figures on Apache Kafka, each beside its twin: one table `figure | ours | twin | ratio | aim`, medians of turns.

    BOOTSTRAP=HOST:PORT kafka_bench.py [--quick] [--runs 3] [--only consume,candles,latency,catchup] [--json FILE]

The cluster must hold no topics of ours: they are made, and deleted afterwards. The twin in C is librdkafka alone; the
other is Kafka Streams, which needs `javac` and the jars of KAFKA (../shared/kafka). `make bench-kafka` sees to all that.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

from confluent_kafka import Consumer, TopicPartition

from figures import Figures
from kafka_latency import PROBE_TOPIC, first_answers
from runs import ROOT, TWINS, Missing, run_json, say

sys.path += [str(ROOT / "Tests/Kafka"), str(ROOT / "Tests/System")]
from cluster import OURS, Cluster  # noqa: E402
from harness import Server  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
KAFKA = pathlib.Path(os.environ.get("KAFKA", ROOT.parent / "shared/kafka")).resolve()
#: How long our folds go on before they commit when they are behind (`Limits.foldCommitNanos`): the twin gets the same.
COMMIT_MILLIS = 300
#: Kafka Streams' own for exactly once, and as often as is of use.
LATENCY_COMMITS_MILLIS = (100, 10)
WAIT_SECONDS = 300


class Lengths:
    """How much of everything: in full, or to try it out."""

    def __init__(self, quick: bool):
        self.ticks = 2_000_000 if quick else 10_000_000
        # Of them, what the slower twin reads, and what it and we have to warm up.
        self.twin_ticks, self.warm_up = (900_000, 400_000) if quick else (4_000_000, 1_500_000)
        self.probes_per_second = 100
        self.probe_seconds, self.probe_warm_up_seconds = (12, 6) if quick else (40, 20)


class KafkaBench(Figures):
    def __init__(self, arguments):
        super().__init__(arguments.binary, arguments.runs)
        self.lengths = Lengths(arguments.quick)
        self.cluster = Cluster(os.environ["BOOTSTRAP"])
        self.log = ["--log", self.cluster.log]
        self.is_filled = False

    # What runs.

    def fill(self) -> None:
        if not self.is_filled:
            self.cluster.remove_ours()
            say(f"bench: writing {self.lengths.ticks:,} ticks")
            run_json([self.binary, "bench", "fill", *self.log, "--ticks", self.lengths.ticks])
            self.is_filled = True

    @contextlib.contextmanager
    def running(self, roles: str, group: str):
        """`millrace run` with candles of a minute, which can be asked. Gone afterwards, with its data."""
        with tempfile.TemporaryDirectory(dir=self.work) as directory:
            topology = pathlib.Path(directory, "topology.yaml")
            topology.write_text(
                f"log: {{kafka: {{bootstrapServers: \"{self.cluster.bootstrap}\", group: {group}}}}}\nfeeds: []\n"
                "processors: {candles: {intervals: [1m]}}\n")
            share = ["--partitions", "0"] if "processors" in roles else []
            server = Server(f"{directory}/data", "--topology", topology, "--roles", roles, *share)
            try:
                if not server.listening.wait(60) or not server.base:
                    raise Missing(server.output())
                yield server
            finally:
                server.kill()

    @contextlib.contextmanager
    def streams(self, store: str, commit_millis: int, warm_up: int, records: int):
        """The twin in Kafka Streams: its process, and the topic that it writes."""
        if not (KAFKA / "libs").is_dir() or not shutil.which("javac"):
            raise Missing(f"no javac, or no Kafka Streams in {KAFKA}/libs (KAFKA=...)")
        subprocess.run(["make", "-s", "-C", HERE / "twins", f"BIN={TWINS}", f"KAFKA={KAFKA}",
                        f"{TWINS}/StreamsCandles.class"], check=True)
        output = f"twin-{secrets.token_hex(4)}"
        self.cluster.create(output)
        with tempfile.TemporaryDirectory(dir=self.work) as state, open(f"{state}/errors", "w+") as errors:
            words = ["java", "-Xmx1g", "-cp", f"{TWINS}:{KAFKA}/libs/*", "StreamsCandles", self.cluster.bootstrap,
                     output, f"{state}/stores", store, commit_millis, warm_up, records]
            process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=errors, text=True)
            try:
                yield process, output
            finally:
                process.kill()
                process.wait()
                for future in self.cluster.admin.delete_topics([output]).values():
                    future.result()

    # The figures.

    def consume(self) -> None:
        self.fill()
        results = self.measure("consumer", {
            "ours": lambda: run_json([self.binary, "bench", "consume", *self.log]),
            "C": lambda: run_json([TWINS / "kafkaconsume", "--bootstrap", self.cluster.bootstrap, "--topic", OURS[0]])})
        if len({(run["records"], run["bytes"], run["sum"]) for runs in results.values() for run in runs}) > 1:
            self.failures.append("consumer: not all have read the same")
        self.beside("consumer", results, "C", "librdkafka alone, in C", "0.9")

    def beside(self, title: str, results: dict, twin: str, twin_name: str, aim: str) -> None:
        for figure, key in ((title, "recordsPerSecond"), ("… by a second of the client's CPU", "recordsPerCPUSecond")):
            self.row(figure, [run[key] for run in results.get("ours", [])],
                     [run[key] for run in results.get(twin, [])], twin_name, aim, "events/s")

    def candles(self) -> None:
        self.fill()
        twins = {f"Streams, {store}": lambda store=store: self.candles_of_streams(store)
                 for store in ("memory", "rocksdb")}
        results = self.measure("log to candles", {"ours": self.candles_of_ours, **twins})
        for twin in twins:
            self.beside("log to candles, exactly once", results, twin, twin, "4 by CPU")

    def candles_of_ours(self) -> dict:
        self.remove_derived()
        with self.running("processors", f"bench-{secrets.token_hex(4)}") as server:
            total = self.end(OURS[0])
            start = self.folded(server, self.lengths.warm_up)
            end = self.folded(server, total)
            records, nanos, cpu = (last - first for first, last in zip(start, end))
            return {"recordsPerSecond": records / nanos, "recordsPerCPUSecond": records / cpu,
                    "outputs": self.end(OURS[1]) + self.end(OURS[2])}

    def candles_of_streams(self, store: str) -> dict:
        lengths = self.lengths
        with self.streams(store, COMMIT_MILLIS, lengths.warm_up, lengths.twin_ticks) as (process, output):
            said = process.communicate(timeout=WAIT_SECONDS)[0].strip().splitlines()
            if process.returncode != 0 or not said:
                raise Missing("Kafka Streams failed")
            return json.loads(said[-1]) | {"outputs": self.end(output)}

    def remove_derived(self) -> None:
        known = set(self.cluster.admin.list_topics(timeout=30).topics) & set(OURS[1:])
        for future in self.cluster.admin.delete_topics(list(known), operation_timeout=30).values() if known else []:
            future.result()
        while set(self.cluster.admin.list_topics(timeout=30).topics) & known:
            time.sleep(0.1)

    def end(self, topic: str) -> int:
        consumer = Consumer({**self.cluster.settings, "group.id": "bench"})
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1]
        finally:
            consumer.close()

    def folded(self, server: Server, records: int) -> tuple:
        """(records, seconds, CPU seconds) at the first commit from `records` on."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                text = server.get("/metrics")[1].decode()
                now = time.monotonic()
                count = float(re.search(r"^millrace_fold_records_total\S* (\S+)", text, re.M)[1])
                if count >= records:
                    return count, now, float(re.search(r"^process_cpu_seconds_total (\S+)", text, re.M)[1])
            if server.process.poll() is not None:
                raise Missing(server.output())
            time.sleep(0.02)
        raise Missing("the folds did not come so far in time: " + server.output())

    def latency(self) -> None:
        self.is_filled = False
        results = self.measure("latency", {
            "ours": self.latency_of_ours,
            **{f"Streams, commits each {millis} ms": lambda millis=millis: self.latency_of_streams(millis)
               for millis in LATENCY_COMMITS_MILLIS}})
        for twin in [key for key in results if key != "ours"] or [""]:
            for part in ("p50", "p99"):
                self.row(f"tick to committed candle, {part}", [run[part] for run in results.get("ours", [])],
                         [run[part] for run in results.get(twin, [])], twin, "0.5", "ms")

    def latency_of_ours(self) -> dict:
        self.cluster.remove_ours()
        with self.running("processors", f"bench-{secrets.token_hex(4)}"):
            return self.probe("prices.candles.v1")

    def latency_of_streams(self, commit_millis: int) -> dict:
        self.cluster.remove_ours()
        self.cluster.create(PROBE_TOPIC, **{"retention.ms": "-1"})
        with self.streams("memory", commit_millis, 0, 0) as (process, output):
            if process.stdout.readline().strip() != "ready":
                raise Missing("Kafka Streams did not start")
            return self.probe(output)

    def probe(self, output: str) -> dict:
        lengths = self.lengths
        found = first_answers(self.cluster.settings, output, lengths.probes_per_second, lengths.probe_seconds)
        times = sorted(found[lengths.probes_per_second * lengths.probe_warm_up_seconds:])
        return {"p50": times[len(times) // 2] * 1000, "p99": times[len(times) * 99 // 100] * 1000}

    def catchup(self) -> None:
        self.fill()
        title = f"catching up with {self.lengths.ticks / 1e6:g} M events"
        group = f"bench-{secrets.token_hex(4)}"
        self.remove_derived()
        with self.running("processors", group) as server:
            self.folded(server, self.end(OURS[0]))
        results = self.measure(title, {
            "processors": lambda: self.ready("processors", group), "edge": lambda: self.ready("edge", group)})
        for role, what in (("processors", "a fold without a checkpoint, to the committed position"),
                           ("edge", "an edge, to its first answer")):
            runs = results.get(role, [])
            self.row(f"{title}: {what}", [run["seconds"] for run in runs], unit="s")
            self.row("… peak memory", [run["megabytes"] for run in runs], unit="MiB")

    def ready(self, roles: str, group: str) -> dict:
        start = time.monotonic()
        with self.running(roles, group) as server:
            server.wait_ready(WAIT_SECONDS)
            seconds = time.monotonic() - start
            status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
            return {"seconds": seconds, "megabytes": int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024}


def main() -> int:
    figures = ["consume", "candles", "catchup", "latency"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/millrace")
    parser.add_argument("--quick", action="store_true", help="short runs, one of each")
    parser.add_argument("--runs", type=int, help="of each contender; 3, or 1 with --quick")
    parser.add_argument("--only", default=",".join(figures), help="of " + ",".join(figures))
    parser.add_argument("--json", type=pathlib.Path, help="every run of everyone")
    arguments = parser.parse_args()
    arguments.runs = arguments.runs or (1 if arguments.quick else 3)
    bench = KafkaBench(arguments)
    there = set(bench.cluster.admin.list_topics(timeout=30).topics) & set(OURS)
    if there:
        parser.error(f"{bench.cluster.bootstrap} has {', '.join(sorted(there))}: give it a cluster without data of yours")
    subprocess.run(["make", "-s", "-C", HERE / "twins", f"BIN={TWINS}", f"{TWINS}/kafkaconsume"], check=True)
    try:
        for name in arguments.only.split(","):
            if name not in figures:
                parser.error(f"no figure '{name}'; there are {', '.join(figures)}")
            getattr(bench, name)()
    finally:
        bench.cluster.remove_ours()
    return bench.report(arguments.json)


if __name__ == "__main__":
    sys.exit(main())
