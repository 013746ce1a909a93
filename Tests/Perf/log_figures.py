"""The log's own figures beside Redis, PostgreSQL and NATS JetStream: same machine, same disk, in turns.

Each peer is configured as its manual recommends for the job at hand, and nothing else runs. Debian's packages are
measured as packaged; `make bench` installs them. What is missing is skipped, loudly.
"""
import contextlib
import csv
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from runs import TWINS, Missing, free_port, run_json

#: The peers that are slow to read back hold fewer records; their figures are records a second, so they compare.
PEER_RECORDS = 1_000_000
PAYLOAD = 128
PRODUCERS = 64
#: As the peers' clients pipeline.
STREAM_BATCH = 512
#: More than one of them fills.
TOUCHED_BYTES = 3 << 29


class LogFigures:
    """Mixed into `Bench`, whose `binary`, `work`, `seconds`, `ticks`, `measure`, `row` and `skip` it uses."""

    def log_bench(self, figure: str, *options, data=None, timeout=900) -> dict:
        return run_json([self.binary, "bench", figure, "--data", data or self.work / figure, *options], timeout=timeout)

    def fresh(self, figure: str, *options) -> dict:
        data = self.work / f"log-{figure}"
        shutil.rmtree(data, ignore_errors=True)
        try:
            return self.log_bench(figure, *options, data=data)
        finally:
            shutil.rmtree(data, ignore_errors=True)

    # Acknowledged appends, each after a sync, 64 in flight.

    def commit(self) -> None:
        results = self.measure("acknowledged appends", {
            "ours": lambda: self.fresh("commit", "--producers", PRODUCERS, "--payload", PAYLOAD, "--seconds",
                                       round(self.seconds)),
            "Redis": self.redis_commit, "PostgreSQL": self.postgres_commit})
        ours = results.get("ours", [])
        for name in ("Redis", "PostgreSQL"):
            peer = results.get(name, [])
            self.row("acknowledged appends, 64 in flight", [run["recordsPerSecond"] for run in ours],
                     [run["recordsPerSecond"] for run in peer], name, "1.5 of the better", "/s")
            for part, aim in (("p50", ""), ("p99", "0.7")):
                self.row(f"… time to acknowledgement, {part}", [float(run["latencyMicros"][part]) for run in ours],
                         [run["latencyMicros"][part] for run in peer], name, aim, "µs")

    def redis_commit(self) -> dict:
        with redis(self.work, "--appendonly", "yes", "--appendfsync", "always", "--save", "") as port:
            return redis_benchmark(port, round(20_000 * self.seconds), "-c", PRODUCERS)

    def postgres_commit(self) -> dict:
        with postgres(self.work) as (run, directory):
            run("psql", "-q", "-c", "CREATE TABLE events (id bigserial PRIMARY KEY, payload text NOT NULL)")
            script = pathlib.Path(directory, "insert.sql")
            script.write_text(f"INSERT INTO events (payload) VALUES ('{'x' * PAYLOAD}');\n")
            script.chmod(0o644)
            run("pgbench", "-n", "-M", "prepared", "-c", PRODUCERS, "-j", 1, "-T", round(self.seconds), "-f", script,
                "-l", f"--log-prefix={directory}/times")
            times = sorted(int(line.split()[2]) for path in pathlib.Path(directory).glob("times*")
                           for line in path.read_text().splitlines())
            return {"recordsPerSecond": len(times) / self.seconds,
                    "latencyMicros": {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}}

    # Appends without a sync, pipelined.

    def stream(self) -> None:
        batch = {"bytesPerBatch": 70_000, "batches": 10_000}

        def ours():
            batch.update(self.fresh("stream", "--batch", STREAM_BATCH, "--payload", PAYLOAD))
            return dict(batch)

        def write():
            # The same bytes through the same page cache, with nothing but write: no log can be faster.
            return run_json([TWINS / "append", "--file", self.work / "append.bin", "--batch", batch["bytesPerBatch"],
                             "--records", STREAM_BATCH, "--batches", batch["batches"], "--sync", 0])

        contenders = {"ours": ours, "write": write, "Redis stream": self.redis_stream,
                      "JetStream": lambda: self.nats("publish")}
        results = self.measure("append without sync", {
            name: lambda contender=contender: in_touched_memory(contender) for name, contender in contenders.items()})
        for name, aim in (("Redis stream", "5 of the best"), ("JetStream", "5 of the best"), ("write", "")):
            self.row("append without sync, 128 B", [run["recordsPerSecond"] for run in results.get("ours", [])],
                     [run["recordsPerSecond"] for run in results.get(name, [])], name, aim, "/s")

    def redis_stream(self) -> dict:
        with redis(self.work, "--appendonly", "no", "--save", "") as port:
            return redis_benchmark(port, PEER_RECORDS, "-c", 4, "-P", STREAM_BATCH)

    def nats(self, *kinds) -> dict:
        if not shutil.which("nats-server") or not (TWINS / "natsload").exists():
            raise missing("nats-server or libnats-dev", "nats-server libnats-dev")
        with tempfile.TemporaryDirectory(dir=self.work) as directory:
            port = free_port()
            with process(["nats-server", "-js", "-sd", directory, "-a", "127.0.0.1", "-p", port]):
                wait_for(port)
                for kind in kinds:
                    result = run_json([TWINS / "natsload", kind, "--url", f"nats://127.0.0.1:{port}", "--records",
                                       PEER_RECORDS, "--payload", PAYLOAD])
                return result

    # Replay from the start to one consumer.

    def replay(self) -> None:
        results = self.measure("replay", {
            "ours": lambda: self.log_bench("replay", "--ticks", self.ticks, data=self.work / "fold"),
            "XRANGE": self.xrange, "JetStream": lambda: self.nats("publish", "replay")})
        for name in ("XRANGE", "JetStream"):
            self.row(f"replay to one consumer ({PEER_RECORDS // 1_000_000} M of theirs)",
                     [run["recordsPerSecond"] for run in results.get("ours", [])],
                     [run["recordsPerSecond"] for run in results.get(name, [])], name, "5", "/s")

    def xrange(self) -> dict:
        with redis(self.work, "--appendonly", "no", "--save", "") as port:
            # About the size of a tick.
            redis_benchmark(port, PEER_RECORDS, "-c", 4, "-P", 512, payload=64)
            result = run_json([TWINS / "xrange", "--port", port, "--stream", "bench", "--page", 1000])
            if result["records"] < PEER_RECORDS:
                raise missing("all records of the Redis stream", "")
            return result

    # A checkpoint of a million keys.

    def restore(self) -> None:
        results = self.measure("restore", {
            "ours": lambda: self.log_bench("restore", "--keys", 1_000_000), "Redis RDB": self.redis_restore})
        self.row("restore 1 M keys", [float(run["millis"]) for run in results.get("ours", [])],
                 [run["millis"] for run in results.get("Redis RDB", [])], "Redis RDB", "1,000 ms", "ms")

    def redis_restore(self) -> dict:
        """As many keys with values of about the same size, loaded at the start from a snapshot."""
        with tempfile.TemporaryDirectory(dir=self.work) as directory:
            with redis(directory, "--save", "", "--enable-debug-command", "local", keep=directory) as port:
                subprocess.run(["redis-cli", "-p", str(port), "DEBUG", "POPULATE", "1000000", "key", "128"], check=True,
                               capture_output=True)
                subprocess.run(["redis-cli", "-p", str(port), "SAVE"], check=True, capture_output=True)
            with redis(directory, "--save", "", keep=directory):
                log = pathlib.Path(directory, "redis.log").read_text()
        found = re.findall(r"DB loaded from disk: ([0-9.]+) seconds", log)
        if not found:
            raise missing("the time in Redis's log", "")
        return {"millis": float(found[-1]) * 1000}

    # A large log.

    def open(self) -> None:
        gigabytes = self.gigabytes
        data = self.work / f"open-{gigabytes}"
        free = shutil.disk_usage(self.work).free >> 30
        if free < gigabytes + 2:
            return self.skip("opening a large log", f"{free} GiB are free, --gigabytes {gigabytes}")
        try:
            options = ("--gigabytes", gigabytes)
            if not data.exists():
                self.log_bench("open", *options, data=data)
            runs = self.measure("open", {"ours": lambda: self.log_bench("open", *options, data=data)}).get("ours", [])
            name = f"open a log of {gigabytes} GiB"
            self.row(name, [float(run["openMillis"]) for run in runs], aim="1,000 ms", unit="ms")
            self.row("… resident memory", [float(run["peakMebibytes"]) for run in runs], aim="64 MiB", unit="MiB")
            self.row("… seek by time, warm, p99", [float(run["seekMicros"]["p99"]) for run in runs], aim="1,000 µs",
                     unit="µs")
        finally:
            shutil.rmtree(data, ignore_errors=True)


def in_touched_memory(contender):
    """A virtual machine takes memory that it had given back to its host at some 300 MB/s: how much of that it has to do
    would depend on who ran before."""
    bytearray(b"\1") * TOUCHED_BYTES
    return contender()


def missing(what: str, packages: str):
    return Missing(f"{what} is not there" + (f"; `apt-get install {packages}` brings it" if packages else ""))


def wait_for(port: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise missing(f"an answer on port {port}", "")


@contextlib.contextmanager
def process(command: list):
    running = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(30)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextlib.contextmanager
def redis(work, *options, keep=None):
    """A server with its files in a directory of its own, or in `keep`; yields its port once it has loaded them."""
    if not shutil.which("redis-server"):
        raise missing("redis-server", "redis-server")
    with contextlib.ExitStack() as stack:
        directory = keep or stack.enter_context(tempfile.TemporaryDirectory(dir=work))
        port = free_port()
        stack.enter_context(process(["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", directory,
                                     "--logfile", f"{directory}/redis.log", *options]))
        wait_for(port)
        for _ in range(3000):
            done = subprocess.run(["redis-cli", "-p", str(port), "PING"], capture_output=True, text=True)
            if done.stdout.strip() == "PONG":
                break
            time.sleep(0.02)
        yield port


def redis_benchmark(port: int, records: int, *options, payload: int = PAYLOAD) -> dict:
    """XADD to one stream by Redis's own generator."""
    done = subprocess.run(
        ["redis-benchmark", "-p", str(port), "-n", str(records), "--csv", *map(str, options), "XADD", "bench", "*", "v",
         "x" * payload], capture_output=True, text=True, timeout=300)
    rows = list(csv.DictReader(line for line in done.stdout.splitlines() if line.startswith('"')))
    if not rows:
        raise missing("a figure of redis-benchmark", "redis-tools")
    row = rows[0]
    return {"recordsPerSecond": float(row["rps"]),
            "latencyMicros": {"p50": float(row["p50_latency_ms"]) * 1000, "p99": float(row["p99_latency_ms"]) * 1000}}


@contextlib.contextmanager
def postgres(work):
    """A cluster of its own with the defaults, which sync every commit; yields a runner of its programs."""
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    if not programs:
        raise missing("PostgreSQL", "postgresql")
    with tempfile.TemporaryDirectory(dir=work) as directory:
        # It refuses to run as root.
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if user:
            shutil.chown(directory, "postgres")
            if subprocess.run([*user, "test", "-x", directory]).returncode:
                raise missing(f"the user postgres's right to enter {directory}", "")
        port = free_port()
        environment = {**os.environ, "PGHOST": directory, "PGPORT": str(port), "PGDATABASE": "postgres",
                       "PGDATA": f"{directory}/cluster"}

        def run(program, *options):
            found = programs[-1] / program
            words = [*user, str(found if found.exists() else program), *map(str, options)]
            done = subprocess.run(words, env=environment, cwd=directory, capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise missing(f"{program}: {done.stderr.strip()[-300:]}", "")

        run("initdb", "-A", "trust")
        settings = f"-k {directory} -c listen_addresses= -p {port}"
        run("pg_ctl", "-w", "-l", f"{directory}/log", "-o", settings, "start")
        try:
            yield run, directory
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
