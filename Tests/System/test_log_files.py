"""Our segments as others read them: Kafka's own dump tool, and a parser of the format that shares no code with us."""

import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

import pytest

from harness import ROOT, Server, command

sys.path.insert(0, str(ROOT / "Tests/Golden"))
import segment  # noqa: E402

SEED = 20261121
KAFKA = pathlib.Path(os.environ.get("MILLRACE_KAFKA", ROOT / "../shared/kafka/bin/kafka"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A log that two servers in a row wrote, the first one killed."""
    data = tmp_path_factory.mktemp("log") / "data"
    topology = data.parent / "topology.yaml"
    topology.write_text("log: {segmentBytes: 1048576}\nfeeds: [{kind: synthetic}]\n")
    for ends in ("kill", "stop"):
        with Server(data, "--topology", topology, "--rate", "8000") as server:
            time.sleep(2.5)
            getattr(server, ends)()
    return data


def segments(data):
    return sorted(pathlib.Path(data, "topics").glob("*/*.log"))


def inspected(data, *options):
    return [json.loads(line) for line in command("log", "inspect", "--json", "--data", data, *options, check=0)
            .stdout.splitlines()]


def test_an_independent_parser_reads_every_segment(data):
    listed = {}
    for line in inspected(data):
        if line["kind"] == "batch":
            listed.setdefault(line["file"], []).append(line)
    read = 0
    for path in segments(data):
        ours = listed.get(str(path), [])
        theirs = list(segment.batches(path))
        assert len(ours) == len(theirs), path
        for mine, batch in zip(ours, theirs):
            for field in ("byte", "bytes", "firstOffset", "lastOffset", "crc32c", "compression"):
                assert mine[field] == batch[field], (path, batch["byte"], field)
            assert mine["records"] == len(batch["records"])
            assert mine["maxTimestampMillis"] == max(record[1] for record in batch["records"])
            read += len(batch["records"])
    assert len(segments(data)) > 5 and read > 20_000


def test_kafkas_dump_tool_reads_every_segment(data):
    if not KAFKA.exists():
        pytest.skip(f"*** SKIPPED: no Kafka at {KAFKA}; MILLRACE_KAFKA names its start script ***")
    ours = [batch for path in segments(data) for batch in segment.batches(path)]
    done = subprocess.run([KAFKA, "dump", *segments(data)], capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    dumped = done.stdout.decode("utf-8", "replace")
    # A value may hold a line break, so only what begins like the tool's own lines is one.
    batches = re.findall(r"^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .* position: (\d+) CreateTime: (\d+) "
                         r"size: (\d+) magic: 2 compresscodec: (\w+) crc: (\d+) isvalid: (\w+)", dumped, re.M)
    assert len(batches) == len(ours)
    for mine, (base, last, count, position, newest, size, codec, crc, valid) in zip(ours, batches):
        assert valid == "true", (base, position)
        assert (mine["firstOffset"], mine["lastOffset"], mine["byte"], mine["bytes"], mine["compression"]) == \
            (int(base), int(last), int(position), int(size), codec)
        assert int(mine["crc32c"], 16) == int(crc) and len(mine["records"]) == int(count)
        assert max(record[1] for record in mine["records"]) == int(newest)
    records = re.findall(r"^\| offset: (\d+) CreateTime: (\d+) keySize: (-?\d+) valueSize: (-?\d+) sequence: -1 "
                         r"headerKeys: \[\](?: key: (\S+))? payload:", dumped, re.M)
    expected = [record for batch in ours for record in batch["records"]]
    assert len(records) == len(expected) > 20_000
    for (offset, timestamp, key, value), (theirs, time_, key_size, value_size, key_text) in zip(expected, records):
        assert (offset, timestamp) == (int(theirs), int(time_))
        assert int(key_size) == (-1 if key is None else len(key) // 2), offset
        assert int(value_size) == (-1 if value is None else len(value) // 2), offset
        assert key is None or bytes.fromhex(key).decode() == key_text, offset
    assert not re.search(r"Found error|mismatch|Exception|Could not", dumped + done.stderr.decode(errors="replace"))


def test_kafkas_dump_tool_reads_the_indexes(data):
    if not KAFKA.exists():
        pytest.skip(f"*** SKIPPED: no Kafka at {KAFKA}; MILLRACE_KAFKA names its start script ***")
    sealed = pathlib.Path(next(line["file"] for line in inspected(data, "--segments") if line["sealed"]))
    indexes = [sealed.with_suffix(".index"), sealed.with_suffix(".timeindex")]
    done = subprocess.run([KAFKA, "dump", *indexes], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "mismatch" not in done.stdout.lower() + done.stderr.lower(), done.stdout[-2000:]
    starts = {batch["byte"]: batch["lastOffset"] for batch in segment.batches(sealed)}
    entries = re.findall(r"^offset: (\d+) position: (\d+)", done.stdout, re.M)
    assert len(entries) >= 10
    for offset, position in entries:
        assert starts[int(position)] == int(offset)


def test_verify_finds_all_damage_and_names_it(data, tmp_path):
    def verify():
        done = command("log", "verify", "--json", "--data", copy)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", data, copy], check=True)
    assert verify()[0] == 0
    rng = random.Random(SEED)
    expected = []
    for path in rng.sample([path for path in segments(copy) if path.stat().st_size > 100_000], 3):
        batches = list(segment.batches(path))
        for batch in rng.sample(batches[:-1], 4):
            damaged = bytearray(path.read_bytes())
            damaged[batch["byte"] + rng.randrange(61, batch["bytes"])] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            expected.append((str(path), batch["byte"]))
    status, lines = verify()
    assert status == 65
    assert sorted((line["file"], line["byte"]) for line in lines if line["kind"] == "segment") == sorted(expected), SEED
    assert lines[-1]["damages"] == len(expected)


def test_verify_beside_a_writer(tmp_path):
    data = tmp_path / "data"
    with Server(data, "--feed", "synthetic", "--rate", "20000") as server:
        for _ in range(8):
            time.sleep(0.3)
            done = command("log", "verify", "--data", data)
            assert done.returncode == 0, done.stdout + done.stderr
        assert server.stop()[0] == 0


def test_a_torn_tail_is_the_next_starts_to_cut(data, tmp_path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", data, copy], check=True)
    last = pathlib.Path([line for line in inspected(copy, "--segments", "--topic", "prices.ticks.v1")][-1]["file"])
    with open(last, "ab") as file:
        file.write(bytes(1000))
    done = command("log", "verify", "--data", copy)
    assert done.returncode == 1 and last.name in done.stdout and "tail" in done.stdout, done.stdout
    with Server(copy, "--feed", "none") as server:
        server.stop()
    assert command("log", "verify", "--data", copy).returncode == 0


@pytest.mark.parametrize("words,status", [
    (["log"], 64), (["log", "look"], 64), (["log", "verify", "--data", "/nowhere"], 66),
    (["log", "inspect", "--partition", "1"], 64), (["log", "inspect", "--topic", "none"], 66),
])
def test_mistakes_are_told_apart(data, words, status):
    more = [] if "--data" in words or len(words) < 3 else ["--data", data]
    done = command(*words, *more)
    assert done.returncode == status and done.stderr.startswith("millrace: "), done
