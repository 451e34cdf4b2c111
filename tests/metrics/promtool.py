"""Prometheus's own promtool: what the rules make of scraped figures. No test in here.

A run is minutes of samples; promtool evaluates the rules over them as Prometheus would.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT: Final = Path(__file__).parent.parent.parent
RULES: Final = ROOT / "deploy" / "prometheus" / "alerts.yaml"
UNAVAILABLE: Final = "no promtool here (Debian: the package prometheus)"
MINUTE: Final = 60.0

Series = dict[str, float]  # 'name{label="value"}' → sample


def groups() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"]
    return listed


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """By name. `kind`: `alert` or `record`."""
    return {rule[kind]: rule for group in groups() for rule in group["rules"] if kind in rule}


ALERTS: Final = tuple(rules("alert"))


def promtool(*arguments: str, scratch: Path = Path("/tmp")) -> None:
    """Run it; what it finds wrong fails the test. Without it the test is skipped.

    `scratch`: where it keeps a database for each test; the tests' folder is mostly in memory.
    """
    found = shutil.which("promtool")
    if found is None:
        pytest.skip(UNAVAILABLE)
    done = subprocess.run(
        [found, *arguments],
        env={**os.environ, "TMPDIR": str(scratch)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Scrape:
    """What one look at the processes found. A process that didn't answer has `up` 0 and no more."""

    at: float  # seconds since 1970
    series: Series = field(default_factory=dict)

    def add(self, job: str, instance: str, text: str | None) -> None:
        self.series[f'up{{instance="{instance}",job="{job}"}}'] = float(text is not None)
        for family in text_string_to_metric_families(text or ""):
            for sample in family.samples:
                labels = {**sample.labels, "job": job, "instance": instance}
                named = ",".join(f"{name}={json.dumps(labels[name])}" for name in sorted(labels))
                if sample.name in NAMES:
                    self.series[f"{sample.name}{{{named}}}"] = sample.value


@dataclass(frozen=True)
class Past:
    """How the figures went: as they were in `before`, for so many samples, then as in `after`."""

    before: Scrape
    after: Scrape
    before_samples: int = 15
    after_samples: int = 30
    minutes: int = 1  # from one sample to the next

    def input_series(self) -> list[dict[str, str]]:
        names = sorted({*self.before.series, *self.after.series})
        return [{"series": name, "values": self._values(name)} for name in names]

    def _values(self, name: str) -> str:
        first, then = self.before.series.get(name), self.after.series.get(name)
        more_before, more_after = self.before_samples - 1, self.after_samples - 1
        if "_timestamp_seconds{" in name and first is not None and then is not None:
            # Somebody's clock: it goes on, unless nobody touched it between the two looks.
            step = self.minutes * MINUTE
            was, now = first - self.before.at, then - self.after.at + self.before_samples * step
            if then == first:
                return f"{was:f}+{step}x{more_before} {was + more_before * step:f}+0x{more_after}"
            return f"{was:f}+{step}x{more_before} {now:f}+{step}x{more_after}"
        began = f"_x{self.before_samples}" if first is None else f"{first:f}+0x{more_before}"
        return f"{began} stale" if then is None else f"{began} {then:f}+0x{more_after}"


def run_rules(
    directory: Path, tests: list[dict[str, Any]], minutes: int = 1, evaluated: int | None = None
) -> None:
    """promtool's `test rules`, with a sample and an evaluation every so many minutes; `evaluated`:
    where that is less often.
    """
    document = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{evaluated or minutes}m",
        "tests": [{"interval": f"{minutes}m", **test} for test in tests],
    }
    path = directory / "rules.yaml"
    path.write_text(json.dumps(document))
    promtool("test", "rules", str(path), scratch=directory)


def fired(alert: str, minutes: int, at_minute: int, *, expected: bool) -> dict[str, Any]:
    """Whether the alert was firing in the minutes up to then."""
    firing = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    return {
        "expr": f"(count(count_over_time({firing}[{minutes}m])) > bool 0) or vector(0)",
        "eval_time": f"{at_minute}m",
        "exp_samples": [{"labels": "{}", "value": int(expected)}],
    }


def assert_fires(directory: Path, past: Past, expected: set[str]) -> None:
    """None of the alerts before, then just these."""
    assert expected <= set(ALERTS)
    before, after = past.before_samples * past.minutes, past.after_samples * past.minutes
    quiet_at, end = before - past.minutes, before + after - past.minutes
    looks = [fired(alert, before, quiet_at, expected=False) for alert in ALERTS]
    looks += [fired(alert, after, end, expected=alert in expected) for alert in ALERTS]
    test = {"input_series": past.input_series(), "promql_expr_test": looks}
    run_rules(directory, [test], past.minutes)


def metric_names(expression: str) -> set[str]:
    """Metrics of ours that it reads; recorded ones have colons."""
    return set(re.findall(r"\bvoxanne[_:][a-z0-9_:]+", expression))


def _names() -> Mapping[str, None]:
    named = [rule["expr"] for kind in ("alert", "record") for rule in rules(kind).values()]
    return dict.fromkeys(name for expression in named for name in metric_names(expression))


NAMES: Final = _names()
