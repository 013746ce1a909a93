#!/usr/bin/env python3
"""Every figure of the README beside its twin: one table `figure | ours | twin | ratio | aim`, medians of several runs.

    bench.py --binary .build/release/millrace [--runs 5] [--ticks 10000000] [--only fold,append] [--json FILE]

Ours and twins run in turns, so that a busy neighbour slows both. What is missing is skipped, loudly. Of the binary it
uses `run`, and these, each of which prints one JSON object:

    millrace bench dump   --ticks N --output FILE              the ticks of the fold, as make-parquet.py reads them
    millrace bench fold   --ticks N --data DIR --task T        {ticksPerSecond, checksum {...}}, T as `--help` says
    millrace bench append --seconds S --data DIR               {ticksPerSecond, bytesPerCommit, ticksPerCommit}
    millrace bench commit | stream | replay | restore | open --data DIR ...   the log alone: see log_figures.py
    millrace bench fanout --port P --clients N --messages M --payload 200     until SIGTERM, as twins/fanout.c does
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from figures import Figures
from log_figures import LogFigures
from runs import ROOT, TWINS, Missing, free_port, on_core, run_json, say

HERE = pathlib.Path(__file__).resolve().parent
INSTRUMENTS, SOURCES, PAYLOAD = 1_000, 5, 200
#: A generator busier than this measures itself.
GENERATOR_SHARE_MAX = 0.95
READY_SECONDS = 30
#: Lengths of the fold between which allocations are counted; the first is past the warming up.
ALLOCATION_TICKS = (300_000, 600_000)


def generate(program: str, *arguments, core: int | None = 1) -> dict:
    result = run_json([TWINS / program, *arguments], core)
    if result["cpuShare"] > GENERATOR_SHARE_MAX:
        say(f"bench: {program} was {result['cpuShare']:.0%} busy: its figure is a lower bound")
    return result


@contextlib.contextmanager
def running(command: list, core: int | None):
    """A server that prints its figures when it is told to stop; they are in the yielded dictionary afterwards."""
    result = {}
    process = subprocess.Popen(
        on_core(core, command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    result["pid"] = process.pid
    try:
        time.sleep(0.3)
        if process.poll() is not None:
            raise Missing(f"{command[1]} {command[2]}: {(process.stderr.read().strip().splitlines() or ['ended'])[-1]}")
        yield result
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            output, _ = process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        with contextlib.suppress(ValueError, IndexError):
            result |= json.loads(output.strip().splitlines()[-1])


@contextlib.contextmanager
def served(bench, core: int | None = None):
    """`millrace run` without feeds, on a data directory of its own."""
    with tempfile.TemporaryDirectory(dir=bench.work) as data:
        topology = pathlib.Path(data) / "topology.yaml"
        topology.write_text("feeds: []\n")
        port = free_port()
        command = [bench.binary, "run", "--topology", topology, "--data", f"{data}/log", "--listen", f"127.0.0.1:{port}"]
        with running(command, core) as server:
            deadline = time.monotonic() + READY_SECONDS
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    if urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).status == 200:
                        break
                time.sleep(0.05)
            else:
                raise Missing("`millrace run` was not ready in time")
            yield port, server["pid"]


class Bench(Figures, LogFigures):
    def __init__(self, arguments):
        super().__init__(arguments.binary, arguments.runs)
        self.ticks, self.seconds, self.gigabytes = arguments.ticks, arguments.seconds, arguments.gigabytes

    # The figures.

    def fold(self) -> None:
        parquet = self.parquet()
        for task, title, aim in (("whole", "fold, the whole", "8 M/s"), ("peers", "fold, 1m candles + last", "20 M/s")):
            data = self.work / "fold"
            contenders = {"ours": lambda: run_json(
                [self.binary, "bench", "fold", "--ticks", self.ticks, "--data", data, "--task", task], 1)}
            for system in ("duckdb", "polars"):
                for keys in ("strings", "integers"):
                    if parquet:
                        contenders[f"{system}, {keys}"] = lambda system=system, keys=keys: run_json(
                            [sys.executable, HERE / "twins/candles.py", system, parquet / f"ticks-{keys}.parquet",
                             "--task", task, "--repeats", 2], 1)
            results = self.measure(title, contenders)
            ours = results.get("ours", [])
            for name in [key for key in results if key != "ours"] or [""]:
                self.row(title, rates(ours), rates(results.get(name, [])), name, aim, "ticks/s")
            try:
                self.row(f"{title}, allocations", [self.allocations(task)] if ours else None, aim="0", unit="/tick")
            except Missing as reason:
                self.skip(f"{title}, allocations", reason)
            self.compare(title, results)
        for task, title in (("paced", "fold, the whole, an output or two per tick"), ("decode", "… decoding alone")):
            command = [self.binary, "bench", "fold", "--ticks", self.ticks, "--data", self.work / "fold", "--task", task]
            results = self.measure(title, {"ours": lambda command=command: run_json(command, 1)})
            self.row(title, rates(results.get("ours", [])), unit="ticks/s")

    def allocations(self, task: str) -> float:
        """Heap allocations of one more tick: the slope between two lengths, so that starting up does not count."""
        if not shutil.which("valgrind"):
            raise Missing("no valgrind on the path; `apt-get install valgrind` brings it")
        counts = {}
        for ticks in ALLOCATION_TICKS:
            data = self.work / f"fold-{ticks}"
            command = [self.binary, "bench", "fold", "--ticks", ticks, "--data", data, "--task", task]
            run_json(command)  # makes the log
            done = subprocess.run(["valgrind", "--undef-value-errors=no", "--leak-check=no", *map(str, command)],
                                  capture_output=True, text=True, timeout=600)
            found = re.search(r"total heap usage: ([0-9,]+) allocs", done.stderr)
            if done.returncode != 0 or not found:
                raise Missing(f"valgrind counted nothing: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
            counts[ticks] = int(found[1].replace(",", ""))
        (few, least), (many, most) = counts.items()
        return (most - least) / (many - few)

    def compare(self, title: str, results: dict) -> None:
        """All who folded the same ticks must have found the same candles."""
        sums = {key: runs[0]["checksum"] for key, runs in results.items() if "checksum" in runs[0]}
        if not self.is_same_input:
            sums.pop("ours", None)
        if len({json.dumps(value, sort_keys=True) for value in sums.values()}) > 1:
            self.failures.append(f"{title}: the candles differ: {json.dumps(sums)}")

    def parquet(self) -> pathlib.Path | None:
        directory, dump = self.work / f"ticks-{self.ticks}", self.work / "ticks.bin"
        maker = [sys.executable, HERE / "twins/make-parquet.py"]
        self.is_same_input = True
        try:
            try:
                run_json([self.binary, "bench", "dump", "--ticks", self.ticks, "--output", dump])
            except (Missing, FileNotFoundError) as reason:
                self.skip("the twins on our own ticks", f"{reason}; they fold ticks made for them")
                self.is_same_input = False
                maker += ["--synthesize", self.ticks]
            subprocess.run([str(word) for word in [*maker, dump, directory]], check=True)
        except (OSError, subprocess.CalledProcessError) as reason:
            self.skip("DuckDB and Polars", f"{reason}; `make bench` installs Tests/Perf/requirements.txt")
            return None
        finally:
            dump.unlink(missing_ok=True)
        return directory

    def append(self) -> None:
        last = {"bytesPerCommit": 1 << 18, "ticksPerCommit": 4096}

        def ours():
            data = self.work / "append"
            shutil.rmtree(data, ignore_errors=True)
            last.update(run_json([self.binary, "bench", "append", "--seconds", max(1, round(self.seconds)), "--data",
                                  data]))
            shutil.rmtree(data, ignore_errors=True)
            return dict(last)

        def twin():
            # The same bytes to the same disk, with nothing but write and fdatasync.
            return run_json([TWINS / "append", "--file", self.work / "append.bin", "--seconds", self.seconds, "--batch",
                             int(last["bytesPerCommit"]), "--records", int(last["ticksPerCommit"])])

        results = self.measure("durable append", {"ours": ours, "write+fdatasync": twin})
        self.row("durable append, through the port", rates(results.get("ours", [])),
                 [run["recordsPerSecond"] for run in results.get("write+fdatasync", [])], "write+fdatasync", unit="ticks/s")

    def ingest(self) -> None:
        def ours():
            with served(self) as (port, _):
                return generate("ingestload", "--port", port, "--connections", 4, "--ticks", 1000, "--instruments",
                                INSTRUMENTS, "--sources", SOURCES, "--seconds", self.seconds, core=None)

        ours = self.measure("HTTP ingest", {"ours": ours}).get("ours", [])
        self.row("HTTP NDJSON ingest, acknowledged", rates(ours), aim="400 k/s", unit="ticks/s")
        self.row("… time to acknowledgement, p99", [run["latencyMicros"]["p99"] for run in ours], unit="µs")

    def latency(self) -> None:
        subscribe = json.dumps({"type": "subscribe", "id": "a", "stream": "prices.latest", "keys": ["PROBE/USD"],
                                "from": "now"}, separators=(",", ":"))

        def ours():
            with served(self) as (port, _):
                # Further apart than the emission interval, so that each tick is emitted at once.
                return generate("wsload", "--port", port, "--clients", 1000, "--subscribe", subscribe, "--probe", 125,
                                "--seconds", max(10, self.seconds))["latencyMicros"] or {}

        def twin():
            # As many flushes to as many clients, without a log, a fold or a disk.
            port = free_port()
            with running([TWINS / "fanout", "--port", port, "--clients", 1000, "--flushes", 8], None):
                return generate("wsload", "--port", port, "--clients", 1000, "--stamp", "sentNanos", "--seconds",
                                max(10, self.seconds))["latencyMicros"] or {}

        results = self.measure("latency", {"ours": ours, "C send loop": twin})
        for part in ("p50", "p99"):
            self.row(f"tick to 1,000 clients, {part}", [run[part] for run in results.get("ours", []) if part in run],
                     [run[part] for run in results.get("C send loop", []) if part in run], "C send loop, no disk", unit="µs")

    def fanout(self) -> None:
        for clients in (1_000, 10_000):
            for messages in (1, 16):
                def deliver(command):
                    port = free_port()
                    with running([*command, "--port", port, "--clients", clients, "--messages", messages, "--payload",
                                  PAYLOAD], 0) as server:
                        received = generate("wsload", "--port", port, "--clients", clients, "--seconds", self.seconds)
                    return received | {"server": server}

                name = f"WebSocket, {clients:,} clients, {messages} a flush"
                results = self.measure(name, {
                    "ours": lambda: deliver([self.binary, "bench", "fanout"]),
                    "C send loop": lambda: deliver([TWINS / "fanout"])})
                self.row(name, [run["framesPerSecond"] for run in results.get("ours", [])],
                         [run["framesPerSecond"] for run in results.get("C send loop", [])], "C send loop",
                         "0.9 of C", "deliveries/s")
                # What the server itself spends: a neighbour on its core takes time from it, but hardly changes this.
                spent = {key: [run["server"]["deliveriesPerCPUSecond"] for run in runs if "deliveriesPerCPUSecond"
                               in run["server"]] for key, runs in results.items()}
                self.row("… by a second of the server's CPU", spent.get("ours", []), spent.get("C send loop", []),
                         "C send loop", "0.9 of C", "deliveries")

    def memory(self) -> None:
        clients = 10_000
        subscribe = json.dumps({"type": "subscribe", "id": "a", "stream": "prices.latest", "keys": "*", "from": "now"})

        def ours():
            with served(self) as (port, pid):
                # The first client pays for what all of them share.
                generate("wsload", "--port", port, "--clients", 1, "--subscribe", subscribe, "--seconds", 1)
                before = resident(pid)
                process = subprocess.Popen(
                    on_core(1, [TWINS / "wsload", "--port", port, "--clients", clients, "--subscribe", subscribe,
                                "--seconds", 3]), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                ready = process.stderr.readline().strip()
                time.sleep(1.5)
                after = resident(pid)
                process.communicate(timeout=60)
                if ready != "ready":
                    raise Missing(f"wsload: {ready}")
                return {"bytesPerSocket": (after - before) / clients}

        ours = self.measure("idle memory", {"ours": ours}).get("ours", [])
        self.row("idle memory a socket, 10,000 subscribed", [run["bytesPerSocket"] for run in ours], aim="1,500 B",
                 unit="B")


def rates(runs: list) -> list:
    return [run["ticksPerSecond"] for run in runs]


def resident(pid: int) -> int:
    """Resident bytes; the kernel's socket buffers are not in it."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise Missing(f"no VmRSS of process {pid}")


def main() -> int:
    figures = ["fold", "append", "ingest", "latency", "fanout", "memory", "commit", "stream", "replay", "restore", "open"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/millrace")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ticks", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=5, help="of each timed run")
    parser.add_argument("--gigabytes", type=int, default=20, help="of the log that is opened")
    parser.add_argument("--only", default=",".join(figures), help="of " + ",".join(figures))
    parser.add_argument("--json", type=pathlib.Path, help="every run of everyone")
    bench = Bench(arguments := parser.parse_args())
    subprocess.run(["make", "-s", "-C", str(HERE / "twins"), f"BIN={TWINS}"], check=True)
    if not arguments.binary.exists():
        say(f"\n*** {arguments.binary} does not exist: only the twins run ***\n")
    for name in arguments.only.split(","):
        if name not in figures:
            parser.error(f"no figure '{name}'; there are {', '.join(figures)}")
        getattr(bench, name)()
    return bench.report(arguments.json)


if __name__ == "__main__":
    sys.exit(main())
