"""`millrace topics`: what it says, what it does, and by what status a script knows."""

import json

import pytest

from cluster import OURS
from harness import command


@pytest.fixture
def topics(cluster, tmp_path):
    cluster.remove_ours()

    def run(word, *options, **log):
        file = tmp_path / "topology.yaml"
        file.write_text(json.dumps({"log": {"kafka": {"bootstrapServers": cluster.bootstrap}, **log}}))
        return command("topics", word, "--topology", file, *options)

    return run


def changes(plan):
    return {(step["topic"], step["change"], step.get("key")) for step in map(json.loads, plan.stdout.splitlines())}


def test_creates_what_is_missing(cluster, topics):
    plan = topics("plan", "--json", partitions=3)
    assert plan.returncode == 1 and changes(plan) == {(name, "create", None) for name in OURS}
    assert topics("apply", partitions=3).returncode == 0
    plan = topics("plan", partitions=3)
    assert plan.returncode == 0 and "no difference" in plan.stdout
    listed = [json.loads(line) for line in topics("list", "--json").stdout.splitlines()]
    assert {row["topic"]: row["partitions"] for row in listed if row["inTopology"]} == {
        name: 1 if name == "sources.status.v1" else 3 for name in OURS}


def test_never_keeps_less_unasked(cluster, topics):
    topics("apply")
    before = cluster.settings_of("prices.ticks.v1")
    shorter = {"topics": {"prices.ticks": {"retentionHours": 24}}}
    plan = topics("plan", "--json", **shorter)
    assert plan.returncode == 65 and changes(plan) == {("prices.ticks.v1", "lose", "retention.ms")}
    assert topics("apply", **shorter).returncode == 65
    assert cluster.settings_of("prices.ticks.v1") == before
    assert topics("apply", "--allow-deletion", **shorter).returncode == 0
    assert cluster.settings_of("prices.ticks.v1") == {**before, "retention.ms": "86400000"}
    # Back again is safe, and the topic is still the same one.
    assert topics("plan").returncode == 1 and topics("apply").returncode == 0
    assert cluster.settings_of("prices.ticks.v1") == before


def test_never_moves_keys(cluster, topics):
    topics("apply", partitions=2)
    plan = topics("plan", partitions=4)
    assert plan.returncode == 65 and "keys would move" in plan.stdout and "log.partitions to 2" in plan.stdout
    assert topics("apply", partitions=4).returncode == 65
    assert len(cluster.admin.list_topics("prices.ticks.v1").topics["prices.ticks.v1"].partitions) == 2


def test_says_where_there_is_no_cluster(tmp_path):
    done = command("topics", "plan", "--log", "embedded")
    assert done.returncode == 64 and "embedded" in done.stderr
    done = command("log", "verify", "--log", "kafka")
    assert done.returncode == 64 and "--log embedded" in done.stderr
