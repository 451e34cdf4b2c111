"""The audit of dependencies fails for a finding, and doesn't pass for silence."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Verdict = Callable[[dict[str, Any]], tuple[bool, bool, list[str]]]

FLAWED = {
    "name": "jinja2",
    "version": "2.4",
    "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.8.1"], "description": "…"}],
}
SOUND = {"name": "httpx2", "version": "2.16.0", "vulns": []}
UNASKED = {"name": "uvicorn", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture
def verdict() -> Verdict:
    found: Verdict = runpy.run_path(str(ROOT / ".ci" / "audit.py"))["verdict"]
    return found


@pytest.mark.parametrize(
    ("packages", "wrong", "complete", "said"),
    [
        ([SOUND], False, True, "No known vulnerability in 1"),
        ([SOUND, FLAWED], True, True, "jinja2 2.4: PYSEC-2019-217, fixed in 2.8.1"),
        ([FLAWED, UNASKED], True, False, "1 of 2 packages not"),
        ([UNASKED, UNASKED], False, False, "NOT AUDITED: nothing"),
    ],
)
def test_what_is_made_of_a_report(
    verdict: Verdict, packages: list[object], wrong: bool, complete: bool, said: str
) -> None:
    found = verdict({"dependencies": packages})
    assert found[:2] == (wrong, complete)
    assert said in "\n".join(found[2])


def test_it_is_a_step_of_the_check() -> None:
    assert ".ci/audit.py" in (ROOT / ".ci" / "run").read_text()


def test_every_dependency_is_pinned() -> None:
    """What isn't pinned isn't looked up."""
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert all("==" in line for line in pins if line and not line.startswith("#"))
