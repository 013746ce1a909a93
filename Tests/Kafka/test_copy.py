"""`millrace copy`: nothing lost, doubled or changed, wherever it is killed; positions can be translated."""

import random
import signal
import subprocess
import time

from cluster import fresh_name, write_export
from harness import BINARY, command


def import_records(tmp_path, topic, count, **options):
    file = tmp_path / "records.ndjson"
    records = write_export(file, topic, count, **options)
    command("log", "import", file, "--data", tmp_path / "from", check=0)
    return tmp_path / "from", records


def contents(records):
    return [record[1:] for record in records]


def exported(data, topic):
    return command("log", "export", topic, "--data", data, check=0).stdout.splitlines()


def start_copy(source, target, *options):
    return subprocess.Popen([BINARY, "copy", str(source), str(target), *options], stderr=subprocess.PIPE, text=True)


def market(directory, seconds):
    """A data directory with as many ticks as come in this time, and nothing derived of them missing."""
    run = subprocess.Popen(
        [BINARY, "run", "--data", directory, "--listen", "127.0.0.1:0", "--feed", "synthetic", "--rate", "400000"],
        stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 0


def copy_under_kills(source, target, seed):
    """Starts the copy again and again until it comes to its end. Returns how often it was killed."""
    draw = random.Random(seed)
    kills = 0
    while True:
        process = start_copy(source, target)
        try:
            process.wait(draw.uniform(0.3, 1.5))
            assert process.returncode == 0, process.stderr.read()
            return kills
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1


def test_a_copy_and_its_copy_back_are_the_same(cluster, tmp_path):
    topic = fresh_name("events.v1")
    source, records = import_records(tmp_path, topic, 3000, partitions=3)
    command("copy", source, cluster.log, check=0)
    for partition in range(3):
        assert contents(cluster.records(topic, partition)) == records[partition]
    # In a cluster, others than ours are only looked for by name.
    command("copy", cluster.log, tmp_path / "back", "--topics", topic, check=0)
    assert exported(source, topic) == exported(tmp_path / "back", topic)


def test_the_copy_goes_on_with_what_came_since(cluster, tmp_path):
    cluster.remove_ours()
    source = tmp_path / "from"
    for ticks in range(1, 4):
        market(source, 1)
        done = command("copy", source, cluster.log, "--topics", "inputs", check=0)
        assert " 0 records now" not in done.stderr
    assert len(cluster.records("prices.ticks.v1", 0)) == len(exported(source, "prices.ticks.v1")) - 1
    assert " 0 records now" in command("copy", source, cluster.log, "--topics", "inputs", check=0).stderr


def test_killed_at_any_moment(cluster, tmp_path, full):
    cluster.remove_ours()
    source, back = tmp_path / "from", tmp_path / "back"
    market(source, 30 if full else 6)
    kills = copy_under_kills(source, cluster.log, seed=1)
    kills_back = copy_under_kills(cluster.log, back, seed=2)
    print(f"\n{kills} kills on the way to Kafka, {kills_back} on the way back")
    assert kills >= (20 if full else 2), "too fast to be killed often enough: use more records"
    for topic in ["prices.ticks.v1", "prices.latest.v1", "prices.candles.v1", "sources.status.v1"]:
        assert exported(source, topic) == exported(back, topic), topic
    ticks = cluster.records("prices.ticks.v1", 0)
    assert len(ticks) == len(exported(source, "prices.ticks.v1")) - 1
    command("verify", "--data", back, check=0)
    check_positions(cluster, source, ticks)


def check_positions(cluster, source, ticks):
    """The record at a translated position is the one of the position in the source."""
    by_offset = {record[0]: record[1:] for record in ticks}
    places = random.Random(3).sample(range(len(ticks)), 20) + [0, len(ticks) - 1]
    for place in places:
        partition, offset = command(
            "position", "prices.ticks", f"0:{place}", "--log", cluster.log, check=0).stdout.strip().split(":")
        assert partition == "0" and by_offset[int(offset)] == ticks[place][1:]
    assert command("position", "prices.ticks", f"0:{len(ticks) + 1}", "--log", cluster.log).returncode == 65


def test_a_copy_that_was_given_up_is_shut_out(cluster, tmp_path):
    """Frozen in the middle, and thawed after another copy has done its work."""
    cluster.remove_ours()
    source = tmp_path / "from"
    market(source, 5)
    expected = len(exported(source, "prices.ticks.v1")) - 1
    frozen = start_copy(source, cluster.log, "--topics", "inputs")
    deadline = time.monotonic() + 30
    while "prices.ticks.v1" not in cluster.admin.list_topics(timeout=30).topics or not cluster.records(
            "prices.ticks.v1", 0, count=1):
        assert frozen.poll() is None and time.monotonic() < deadline, frozen.stderr.read()
    frozen.send_signal(signal.SIGSTOP)
    assert command("copy", source, cluster.log, "--topics", "inputs", check=0)
    frozen.send_signal(signal.SIGCONT)
    said = frozen.stderr.read()
    assert frozen.wait(60) != 0 and "copied prices" not in said, said
    ticks = cluster.records("prices.ticks.v1", 0)
    assert len(ticks) == expected
    command("copy", cluster.log, tmp_path / "back", "--topics", "inputs", check=0)
    assert exported(source, "prices.ticks.v1") == exported(tmp_path / "back", "prices.ticks.v1")


def test_what_others_wrote_is_not_copied_over(cluster, tmp_path):
    topic = fresh_name("events.v1")
    source, _ = import_records(tmp_path, topic, 10)
    cluster.create(topic, **{"retention.ms": "-1"})
    from confluent_kafka import Producer

    producer = Producer(cluster.settings)
    producer.produce(topic, b"theirs")
    producer.flush()
    done = command("copy", source, cluster.log)
    assert done.returncode == 65 and "no copy brought" in done.stderr


def test_what_kafka_would_forget_is_refused(cluster, tmp_path):
    """A topic that keeps a week would lose events of the past as soon as they are there."""
    topic = fresh_name("events.v1")
    source, _ = import_records(tmp_path, topic, 10)
    cluster.create(topic, **{"retention.ms": "604800000"})
    done = command("copy", source, cluster.log)
    assert done.returncode == 65 and "deletes events by their event time" in done.stderr
    cluster.remove_ours()
    market(tmp_path / "market", 1)
    old = tmp_path / "old.ndjson"
    write_export(old, "prices.ticks.v1", 10)
    command("log", "import", old, "--data", tmp_path / "past", check=0)
    target = tmp_path / "target.yaml"
    target.write_text(f'log: {{kafka: {{bootstrapServers: "{cluster.bootstrap}"}}, retentionHours: 24}}\n')
    done = command("copy", tmp_path / "past", target)
    assert done.returncode == 65 and "retentionHours: 0" in done.stderr, done.stderr
    command("copy", tmp_path / "market", target, check=0)


def run_until(cluster, data, done):
    """Runs the whole system on Kafka until `done` says so."""
    run = subprocess.Popen(
        [BINARY, "run", "--log", cluster.log, "--data", data, "--listen", "127.0.0.1:0", "--feed", "none"],
        stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not done():
        assert run.poll() is None and time.monotonic() < deadline, run.stderr.read()
        time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 0


def test_the_folds_go_on_after_a_copy(cluster, tmp_path):
    """What they make on Kafka of later input is what an undisturbed log makes of all of it."""
    cluster.remove_ours()
    source = tmp_path / "from"
    market(source, 4)
    command("copy", source, cluster.log, check=0)
    derived = len(cluster.records("prices.candles.v1", 0))
    assert derived == len(exported(source, "prices.candles.v1")) - 1
    # Without a feed the wall clock makes a marker each second, which the folds answer with final candles at last.
    start = len(cluster.records("prices.ticks.v1", 0))
    run_until(cluster, tmp_path / "state", lambda: len(cluster.records("prices.ticks.v1", 0)) > start + 3)
    command("copy", cluster.log, tmp_path / "back", check=0)
    command("verify", "--data", tmp_path / "back", check=0)
