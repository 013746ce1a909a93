"""`millrace log repair`, `export` and `import` from outside: what is kept, what is refused, what is said."""

import base64
import json
import pathlib
import random
import shutil
import sys
import time

import pytest

from harness import ROOT, Server, command

sys.path.insert(0, str(ROOT / "Tests/Golden"))
import segment  # noqa: E402

SEED = 20261121
TICKS = "prices.ticks.v1"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    data = tmp_path_factory.mktemp("tools") / "data"
    topology = data.parent / "topology.yaml"
    topology.write_text("log: {segmentBytes: 1048576}\nfeeds: [{kind: synthetic}]\n")
    with Server(data, "--topology", topology, "--rate", "8000") as server:
        time.sleep(4)
        server.stop()
    return data


def segments(data, topic=TICKS):
    return sorted(pathlib.Path(data, "topics").glob(f"{topic}-0/*.log"))


def records(data, topic=TICKS):
    return [record for path in segments(data, topic) for batch in segment.batches(path) for record in batch["records"]]


def exported(data, *options, topic=TICKS):
    return command("log", "export", topic, "--data", data, *options, check=0).stdout.splitlines()


@pytest.fixture
def copy(data, tmp_path):
    return pathlib.Path(shutil.copytree(data, tmp_path / "copy"))


def test_repair_keeps_all_but_the_damaged_batches(copy):
    rng = random.Random(SEED)
    before, lost = records(copy), set()
    for path in segments(copy):
        batch = rng.choice(list(segment.batches(path))[:-1])
        bytes_ = bytearray(path.read_bytes())
        bytes_[batch["byte"] + rng.randrange(61, batch["bytes"])] ^= 0x40
        path.write_bytes(bytes_)
        lost |= set(range(batch["firstOffset"], batch["lastOffset"] + 1))
    assert len(segments(copy)) > 1
    damaged = {path: path.read_bytes() for path in segments(copy)}
    plan = command("log", "repair", "--data", copy)
    assert plan.returncode == 1 and "cut" in plan.stdout and "--yes" in plan.stderr
    assert {path: path.read_bytes() for path in segments(copy)} == damaged
    done = command("log", "repair", "--yes", "--data", copy, check=0)
    kept = [line.split("kept ")[1] for line in done.stdout.splitlines() if "kept " in line]
    assert len(kept) == len(segments(copy)) and all(pathlib.Path(path).stat().st_size > 0 for path in kept)
    assert command("log", "verify", "--data", copy, check=0)
    assert "nothing to repair" in command("log", "repair", "--data", copy, check=0).stdout
    after = records(copy)
    assert [record[0] for record in after] == [record[0] for record in before]
    for old, new in zip(before, after):
        assert new[2:4] == [None, None] if new[0] in lost else new == old, SEED
    # It starts, and what is lost is seen: the fold counts a dead letter for each.
    for topic in ("prices.latest.v1", "prices.candles.v1", "prices.ticks.dead.v1"):
        shutil.rmtree(copy / f"topics/{topic}-0")
    shutil.rmtree(copy / "checkpoints")
    with Server(copy, "--feed", "none") as server:
        server.stop()
    dead = command("replay", "prices.ticks.dead", "--data", copy, check=0).stdout.splitlines()
    assert len(dead) >= len(lost)
    assert command("verify", "--data", copy, check=0)


def test_a_derived_topic_is_cut_and_made_again(copy):
    topic = "prices.latest.v1"
    before = records(copy, topic)
    path = segments(copy, topic)[0]
    batch = list(segment.batches(path))[3]
    bytes_ = bytearray(path.read_bytes())
    bytes_[batch["byte"] + 70] ^= 1
    path.write_bytes(bytes_)
    command("log", "repair", "--yes", "--data", copy, check=0)
    assert len(records(copy, topic)) == batch["firstOffset"]
    with Server(copy, "--feed", "none") as server:
        server.stop()
    assert records(copy, topic)[:len(before)] == before


def test_repair_needs_the_log_to_itself(tmp_path):
    with Server(tmp_path / "data", "--feed", "none") as server:
        done = command("log", "repair", "--yes", "--data", tmp_path / "data")
        assert done.returncode == 75, done
        server.stop()


def test_an_export_imported_is_the_same(data, tmp_path):
    file = tmp_path / "ticks.ndjson"
    command("log", "export", TICKS, "--data", data, "--output", file, check=0)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    head, stored = lines[0], records(data)
    assert (head["topic"], head["startOffset"], head["endOffset"]) == (TICKS, 0, len(stored))
    assert [[line["offset"], line["timestampMillis"], line["key"] and line["key"].encode().hex(),
             line["value"] and base64.b64decode(line["value"]).hex()] for line in lines[1:]] == stored
    again = tmp_path / "again"
    command("log", "import", file, "--data", again, check=0)
    assert records(again) == stored
    assert command("log", "verify", "--data", again, check=0)
    # Into the same place a second time: refused, and what is there stays.
    done = command("log", "import", file, "--data", again)
    assert done.returncode == 65 and "has records already" in done.stderr, done
    assert records(again) == stored and not (again / "import").exists()
    with Server(again, "--feed", "none") as server:
        server.stop()
    assert command("verify", "--data", again, check=0)
    existing = command("log", "export", TICKS, "--data", data, "--output", file)
    assert existing.returncode == 74 and "exists" in existing.stderr


def test_a_raw_export_is_the_segments_and_comes_back(data, tmp_path):
    file = tmp_path / "ticks.raw"
    command("log", "export", TICKS, "--format", "raw", "--data", data, "--output", file, check=0)
    assert file.read_bytes() == b"".join(path.read_bytes() for path in segments(data))
    again = tmp_path / "again"
    command("log", "import", file, "--format", "raw", "--topic", TICKS, "--data", again, check=0)
    assert b"".join(path.read_bytes() for path in segments(again)) == file.read_bytes()
    assert command("log", "verify", "--data", again, check=0)


def test_headers_odd_keys_and_nulls_are_kept(tmp_path):
    lines = [
        {"topic": "odd.v1", "partition": 0, "partitions": 1, "derived": False, "startOffset": 41, "endOffset": 45},
        {"offset": 41, "timestampMillis": 5, "key": "ü\"\n", "value": "AAEC"},
        {"offset": 42, "timestampMillis": -3, "keyBase64": "/wA=", "value": None},
        {"offset": 43, "timestampMillis": 2**53 + 1, "key": None, "value": "",
         "headers": [{"key": "a", "value": "dg=="}, {"key": "", "value": None}, {"key": "a", "value": ""}]},
        {"offset": 44, "timestampMillis": 7, "key": "", "value": "/+8="},
    ]
    file = tmp_path / "odd.ndjson"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    command("log", "import", file, "--data", tmp_path / "data", check=0)
    assert [json.loads(line) for line in exported(tmp_path / "data", topic="odd.v1")] == lines
    assert command("log", "verify", "--data", tmp_path / "data", check=0)


@pytest.mark.parametrize("line,change,said", [
    (3, lambda line: line.replace('"offset":2', '"offset":9'), "line 4"),
    (5, lambda line: line[:-9] + "\n", "line 6"),
    (2, lambda line: line.replace('"value":', '"velue":'), "line 3"),
    (0, lambda line: "{}\n", "line 1"),
    (7, lambda line: "", "offset 7 where 6"),
])
def test_bad_lines_are_named_and_nothing_is_imported(data, tmp_path, line, change, said):
    lines = [line + "\n" for line in exported(data)[:20]]
    lines[0] = lines[0].replace(f'"endOffset":{json.loads(lines[0])["endOffset"]}', '"endOffset":19')
    changed = change(lines[line])
    assert changed != lines[line]
    lines[line] = changed
    file, target = tmp_path / "bad.ndjson", tmp_path / "target"
    file.write_text("".join(lines))
    done = command("log", "import", file, "--data", target)
    assert done.returncode == 65 and said in done.stderr, done.stderr
    assert not list(target.glob("topics/*")) and not (target / "import").exists()


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.999])
def test_an_export_cut_short_is_refused(data, tmp_path, keep):
    for format_, options in (("ndjson", []), ("raw", ["--topic", TICKS])):
        whole, target = tmp_path / f"whole.{format_}", tmp_path / format_
        command("log", "export", TICKS, "--format", format_, "--data", data, "--output", whole, check=0)
        content = whole.read_bytes()
        whole.write_bytes(content[:int(len(content) * keep)])
        done = command("log", "import", whole, "--format", format_, *options, "--data", target)
        assert done.returncode == 65, done
        assert not list(target.glob("topics/*")), "half of it was imported"


def test_a_flipped_byte_in_a_raw_export_is_named(data, tmp_path):
    file = tmp_path / "ticks.raw"
    command("log", "export", TICKS, "--format", "raw", "--data", data, "--output", file, check=0)
    batch = list(segment.batches(file))[7]
    content = bytearray(file.read_bytes())
    content[batch["byte"] + 99] ^= 2
    file.write_bytes(content)
    done = command("log", "import", file, "--format", "raw", "--topic", TICKS, "--data", tmp_path / "target")
    assert done.returncode == 65 and f"byte {batch['byte']}:" in done.stderr and "checksum" in done.stderr, done.stderr


def test_gaps_are_kept(tmp_path):
    """What compaction leaves: offsets without a record, at either end too, and more of them than one batch covers."""
    far = 9 + 2**31 - 1
    lines = [
        {"topic": "thin.v1", "partition": 0, "partitions": 1, "derived": True, "startOffset": 3, "endOffset": far + 70},
        {"gapStart": 3, "gapEnd": 7},
        {"offset": 7, "timestampMillis": 5, "key": "a", "value": "AAEC"},
        {"offset": 8, "timestampMillis": 4, "key": "b", "value": None},
        {"gapStart": 9, "gapEnd": far},
        {"gapStart": far, "gapEnd": far + 60},
        {"offset": far + 60, "timestampMillis": 6, "key": "a", "value": ""},
        {"gapStart": far + 61, "gapEnd": far + 70},
    ]
    file = tmp_path / "thin.ndjson"

    def write(lines):
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))

    write(lines)
    command("log", "import", file, "--data", tmp_path / "data", check=0)
    assert [json.loads(line) for line in exported(tmp_path / "data", topic="thin.v1")] == lines
    assert command("log", "verify", "--data", tmp_path / "data", check=0)
    raw = tmp_path / "thin.raw"
    command("log", "export", "thin.v1", "--format", "raw", "--data", tmp_path / "data", "--output", raw, check=0)
    command("log", "import", raw, "--format", "raw", "--topic", "thin.v1", "--data", tmp_path / "again", check=0)
    assert [json.loads(line) for line in exported(tmp_path / "again", topic="thin.v1")][1:] == lines[1:]
    # A gap is one that was said to be: a line that is missing is missed.
    for number in range(1, len(lines)):
        write(lines[:number] + lines[number + 1:])
        done = command("log", "import", file, "--data", tmp_path / "target")
        assert done.returncode == 65, (number, done)
        assert not list((tmp_path / "target").glob("topics/*"))
    for wrong in ({"gapStart": 3, "gapEnd": 3}, {"gapStart": 3, "gapEnd": 2**40}, {"gapStart": 3},
                  {"gapStart": 3, "gapEnd": 2**63 - 1},
                  {"offset": 2**63 - 1, "timestampMillis": 0, "key": None, "value": None}):
        write([lines[0], wrong])
        assert command("log", "import", file, "--data", tmp_path / "target").returncode == 65, wrong
