"""The documents tell the truth: whatever exists is in its reference, and links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.metrics import Metrics
from voxanne.inbound.voice.sentences import REFUSED

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted(
    path for path in ROOT.glob("**/*.md") if not {".venv", "node_modules"} & set(path.parts)
)


def test_every_outcome_is_documented() -> None:
    rows = set(
        re.findall(r"^\| `([A-Z_]+)`", (REFERENCE / "outcomes.md").read_text(), re.MULTILINE)
    )
    assert rows == set(Outcome)


def test_every_outcome_a_function_returns_exists_and_can_be_spoken() -> None:
    functions = (ROOT / "voxanne" / "sql" / "functions").rglob("*.sql")
    codes = set()
    for path in functions:
        codes |= set(re.findall(r"(?:THEN|ELSE|refusal\(|WHEN) '([A-Z_]{4,})'", path.read_text()))
    assert "SLOT_UNAVAILABLE" in codes
    assert codes <= set(Outcome)
    unspoken = codes - set(REFUSED) - {"UNAUTHORIZED", "NOT_FOUND"}  # never given to an agent yet
    assert unspoken == set()


def test_every_metric_is_documented() -> None:
    page = (REFERENCE / "metrics.md").read_text()
    for family in Metrics().registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        assert f"`{name}`" in page


@pytest.mark.parametrize("page", ["settings.md", "commands.md"])
def test_generated_page_is_current(page: str) -> None:
    """Run in a process of its own, where no test has moved a setting or a terminal's width."""
    script = (
        "import sys; sys.path.insert(0, 'docs'); import generate; "
        f"print(generate.PAGES[{page!r}](), end='')"
    )
    made = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert made.stdout == (REFERENCE / page).read_text(), "run: .venv/bin/python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} → {target}"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    for path in folder.glob("0*.md"):
        assert f"({path.name})" in index
