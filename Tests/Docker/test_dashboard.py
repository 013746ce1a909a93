"""The dashboard and the alerts ask for figures that a running process has."""

import re

import pytest
import yaml

from conftest import DOCKER
from harness import Server

# What Prometheus itself knows of whom it asks.
PROMETHEUS_OWN = {"up"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The sample names of a process that folds, serves, and was asked before."""
    with Server(tmp_path_factory.mktemp("data"), "--feed", "synthetic") as server:
        server.get("/healthz")
        return set(re.findall(r"^([a-z_]+)(?:\{| )", server.get("/metrics")[1].decode(), re.M))


def names(expression):
    """The metrics in a PromQL expression: what stands before a selector, a range or nothing, and is no function."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on|without) \([^)]*\)", "", expression)
    return {word for word in re.findall(r"[a-z_]+(?![\w(]| *\()", bare) if "_" in word or word in PROMETHEUS_OWN}


def test_names_finds_the_metrics_of_an_expression():
    expression = 'histogram_quantile(0.99, sum by (le) (rate(a_bucket{role="x_y"}[5m]))) + max(b_total) / up{job="j"}'
    assert names(expression) == {"a_bucket", "b_total", "up"}


def test_panels_ask_for_what_is_exported(dashboard, exported):
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    for expression in asked:
        assert names(expression) and names(expression) <= exported | PROMETHEUS_OWN, expression


def test_alerts_ask_for_what_is_exported(exported):
    groups = yaml.safe_load((DOCKER / "alerts.yaml").read_text())["groups"]
    for rule in [rule for group in groups for rule in group["rules"]]:
        assert names(rule["expr"]) and names(rule["expr"]) <= exported | PROMETHEUS_OWN, rule


def test_panels_have_places_and_a_source(dashboard):
    source = yaml.safe_load((DOCKER / "grafana/datasources.yaml").read_text())["datasources"][0]
    places = set()
    for panel in dashboard["panels"]:
        assert panel["title"] and panel["description"]
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}, panel["title"]
        places.add((panel["gridPos"]["x"], panel["gridPos"]["y"]))
    assert len(places) == len(dashboard["panels"]) == len({panel["id"] for panel in dashboard["panels"]})


def test_grafana_finds_its_files(services):
    grafana = services["grafana"]
    mounted = {volume.split(":")[1] for volume in grafana["volumes"]}
    provider = yaml.safe_load((DOCKER / "grafana/dashboards.yaml").read_text())["providers"][0]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] in mounted
    assert provider["options"]["path"] + "/millrace.json" in mounted
    source = yaml.safe_load((DOCKER / "grafana/datasources.yaml").read_text())["datasources"][0]
    host = source["url"].split("//")[1].split(":")[0]
    assert host in services
    assert grafana["environment"]["GF_DATABASE_HOST"].split(":")[0] in services
