"""Rules, dashboard and documents name what exists, and all of it."""

import json
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.metrics.promtool import ROOT, metric_names, promtool, rules
from voxanne.inbound.metrics import Metrics
from voxanne.outbox.metrics import WorkerMetrics

RUNBOOK = ROOT / "docs" / "how-to" / "alerts.md"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "voxanne.json").read_text())
PANELS: list[dict[str, Any]] = [each for each in DASHBOARD["panels"] if each["type"] != "row"]
EXPRESSIONS = [
    *(rule["expr"] for kind in ("alert", "record") for rule in rules(kind).values()),
    *(target["expr"] for panel in PANELS for target in panel.get("targets", [])),
]


def families(registry: CollectorRegistry) -> set[str]:
    """Names as they are documented."""
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for family in registry.collect()
    }


EXISTING = families(Metrics().registry) | families(WorkerMetrics().registry)


def test_every_metric_that_is_asked_for_exists() -> None:
    parts = {f"{name}{part}" for name in EXISTING for part in ("", "_bucket", "_count", "_sum")}
    asked = {name for expression in EXPRESSIONS for name in metric_names(expression)}
    assert asked - parts - set(rules("record")) == set()


def test_every_metric_is_on_the_dashboard() -> None:
    """By itself, or behind a recorded figure."""
    seen = {
        name.removesuffix("_bucket").removesuffix("_count")
        for expression in EXPRESSIONS
        for name in metric_names(expression)
    }
    assert seen >= EXISTING


def test_the_reference_lists_every_metric_and_no_other() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert set(re.findall(r"^\| `(voxanne_[a-z_]+)`", page, re.MULTILINE)) == EXISTING


def test_every_recorded_figure_is_used() -> None:
    asked = {name for expression in EXPRESSIONS for name in metric_names(expression)}
    assert set(rules("record")) <= asked


@pytest.mark.parametrize("name", rules("alert"))
def test_an_alert_says_what_to_do(name: str) -> None:
    alert = rules("alert")[name]
    told = alert["annotations"]
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert told["summary"].strip()
    assert len(told["description"]) > 80
    assert told["runbook_url"] == f"docs/how-to/alerts.md#{name.lower()}"


def test_the_runbook_has_a_section_for_each_alert() -> None:
    sections = re.split(r"^## ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    written = {section.splitlines()[0]: section for section in sections}
    assert [name for name in written if name.startswith("Voxanne")] == list(rules("alert"))
    for name in rules("alert"):
        assert all(part in written[name] for part in ("**You see**", "**It means**", "**Do**"))


def test_what_counts_against_the_rate_is_the_same_everywhere() -> None:
    """In the rules, on the clinic's own page, and in the runbook."""
    sql = (ROOT / "voxanne/sql/functions/metrics/call_metrics.sql").read_text()
    (ours,) = re.findall(r"c_ours constant text\[\] := '\{(.+)\}'", sql)
    (ruled,) = re.findall(
        r'outcome=~"(.+?)"', rules("record")["voxanne:bookings_failed:increase1h"]["expr"]
    )
    # What a platform reports of a call that never got an answer, and we can't count.
    assert set(ours.split(",")) - {"ERROR", "NO_RESULT"} == set(ruled.split("|"))
    assert all(f"`{outcome}`" in RUNBOOK.read_text() for outcome in ruled.split("|"))


def test_each_panel_has_a_unit_and_words_beside_it() -> None:
    figures, texts = PANELS[::2], PANELS[1::2]
    assert len(figures) == len(texts) >= 15
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for figure, text in zip(figures, texts, strict=True):
        assert figure["fieldConfig"]["defaults"]["unit"]
        assert figure["targets"]
        assert (text["type"], text["gridPos"]["y"]) == ("text", figure["gridPos"]["y"])
        assert len(text["options"]["content"]) > 60
        for alert in re.findall(r"\bVoxanne\w+", text["options"]["content"]):
            assert alert in rules("alert")


@pytest.mark.parametrize(
    ("title", "target"),
    [
        ("Booking success, 1 h", 0.99),
        ("Calendar sync success, 1 h", 0.99),
        ("Booking to calendar (p95)", 2),
        ("Tool answers (p95)", 0.2),
        ("Age of the queue", 120),
        ("Double bookings", 1),
    ],
)
def test_targets_are_thresholds(title: str, target: float) -> None:
    (panel,) = (panel for panel in PANELS if panel["title"] == title)
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert target in [step["value"] for step in steps]


def test_promtool_reads_the_dashboards_expressions(tmp_path: Any) -> None:
    asked = [{"record": f"panel:{n}", "expr": each} for n, each in enumerate(EXPRESSIONS)]
    path = tmp_path / "panels.yaml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": asked}]}))
    promtool("check", "rules", "--lint=none", str(path))
