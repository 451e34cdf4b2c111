"""The documents tell the truth: whatever exists is in its reference, and links lead somewhere.

That the commands on the pages do what the pages say is `tests/documents`; that every kind of event
has its type and its row, `tests/integration/test_webhooks.py`.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from tests.unit.test_catalogue import said
from voxanne.booking.outcomes import Outcome
from voxanne.cli.root import cli, load_commands
from voxanne.config import Settings, variable_name
from voxanne.inbound.metrics import Metrics
from voxanne.inbound.voice.sentences import REFUSED
from voxanne.outbox.alert_words import WORDS
from voxanne.outbox.metrics import WorkerMetrics

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted(
    path for path in ROOT.glob("**/*.md") if not {".venv", "node_modules"} & set(path.parts)
)
# What a reader may begin with; from these every page under docs/ is reached.
DOORS = (ROOT / "README.md", ROOT / "docs" / "README.md")
SENTENCES = ("docs/when-it-is-down.md", "docs/troubleshooting.md", "docs/roles/operator.md")


def names_in_table(page: str, pattern: str) -> set[str]:
    """The first cells of a reference's rows."""
    return set(re.findall(rf"^\| `({pattern})`", (REFERENCE / page).read_text(), re.MULTILINE))


def test_every_outcome_is_documented() -> None:
    assert names_in_table("outcomes.md", "[A-Z_]+") == set(Outcome)


def test_every_outcome_a_function_returns_exists_and_can_be_spoken() -> None:
    functions = (ROOT / "voxanne" / "sql" / "functions").rglob("*.sql")
    codes = set()
    for path in functions:
        codes |= set(re.findall(r"(?:THEN|ELSE|refusal\(|WHEN) '([A-Z_]{4,})'", path.read_text()))
    assert "SLOT_UNAVAILABLE" in codes
    assert codes <= set(Outcome)
    unspoken = codes - set(REFUSED) - {"UNAUTHORIZED", "NOT_FOUND"}  # never given to an agent yet
    assert unspoken == set()


def test_every_metric_is_documented_and_no_other() -> None:
    made = {
        family.name + ("_total" if family.type == "counter" else "")
        for metrics in (Metrics(), WorkerMetrics())
        for family in metrics.registry.collect()
    }
    assert names_in_table("metrics.md", "voxanne_[a-z_]+") == made


def test_every_alert_is_documented() -> None:
    page = (ROOT / "docs/how-to/staff-alerts.md").read_text()
    assert set(re.findall(r"`([a-z_]+)`", page)) >= set(WORDS)


def test_every_variable_is_documented() -> None:
    """The product reads settings alone. What deployment files and examples have besides, for
    themselves, stands in a page; and no page names a variable that nothing reads."""
    settings = {variable_name(field) for field in Settings.model_fields}
    assert names_in_table("settings.md", "[A-Z_]+") == settings
    assert variables_in("voxanne/**/*.py", "voxanne/**/*.sql") <= settings
    other = variables_in(
        *("deploy/**/*", "examples/**/*", "tests/storm/*", "tests/database.py"),
        *("Makefile", "Dockerfile", "compose.yaml", ".ci/run"),
    )
    pages = variables_in("README.md", "CONTRIBUTING.md", "docs/**/*.md")
    assert other - settings <= pages | variables_in("deploy/env/*")  # commented there
    read = settings | other | variables_in("tests/**/*.py")
    assert pages - read <= {"VOXANNE_URL"}  # a reader's own, in an example


def variables_in(*patterns: str) -> set[str]:
    """VOXANNE_* and `"VOXANNE_" + name` stand for all of them and aren't counted."""
    files = [path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()]
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in files)
    return {
        name
        for text in texts
        for name in re.findall(r"(?<![A-Z_])VOXANNE_[A-Z][A-Z0-9_]*[A-Z0-9](?![A-Z0-9_*])", text)
    }


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


def test_every_command_that_is_named_exists() -> None:
    """In running text, where nobody types it: `voxanne org key --scope`. Blocks are run."""
    load_commands()
    for page in PAGES:
        for words in re.findall(r"`voxanne ([^`]+)`", page.read_text()):
            wrong = unknown_word(words.split())
            assert wrong is None, f"{page.relative_to(ROOT)}: `voxanne {words}`: {wrong}"


def unknown_word(words: list[str]) -> str | None:
    """The first word that is no command, or no option of the command before it."""
    command: click.Command = cli
    for word in words:
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]*", word):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return word
            command = found
        elif word.startswith("--") and word not in ("--help", "--version"):
            options = {option for one in command.params for option in one.opts}
            if word.partition("=")[0] not in options:
                return word
    return None


def test_a_wrong_command_is_noticed() -> None:
    load_commands()
    assert unknown_word(["org", "create", "NAME", "--country", "GB"]) is None
    assert unknown_word(["org", "rename", "NAME"]) == "rename"
    assert unknown_word(["org", "create", "NAME", "--county", "GB"]) == "--county"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in links_of(page):
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), f"{page.name} → {target}"
        if anchor and place.suffix == ".md":
            assert anchor in anchors_of(place), f"{page.name} → {target}#{anchor}"


def links_of(page: Path) -> Iterator[tuple[str, str]]:
    """Where a page's links within the project lead: a relative path, or "", and an anchor."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", prose):
        if "://" not in link and not link.startswith("mailto:"):
            target, _, anchor = link.partition("#")
            yield target, anchor


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """As GitHub makes them of headings: lower case, no punctuation, hyphens for spaces."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    made: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE):
        shown = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", shown).strip().replace(" ", "-")
        made.append(f"{anchor}-{made.count(anchor)}" if anchor in made else anchor)
    return frozenset(made)


def test_every_page_can_be_reached() -> None:
    reached, waiting = set[Path](), list(DOORS)
    while waiting:
        page = waiting.pop()
        if page.suffix != ".md" or page in reached:
            continue
        reached.add(page)
        places = ((page.parent / target).resolve() for target, _ in links_of(page) if target)
        waiting += [place for place in places if place.is_file()]
    lost = {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - reached
    assert not lost, sorted(str(page.relative_to(ROOT)) for page in lost)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_is_named_exists(page: Path) -> None:
    """`tests/sql/test_wall.py`, `tests/…::test_name`, `tests/model`."""
    for path, name in re.findall(r"[`(/](tests/[\w/.]+?)(?:::(\w+))?[`)]", page.read_text()):
        place = ROOT / path
        assert place.exists(), f"{page.name}: {path}"
        assert not name or f"def {name}(" in place.read_text(), f"{page.name}: {path}::{name}"


@pytest.mark.parametrize("page", SENTENCES)
def test_what_the_caller_hears_is_what_is_said(page: str) -> None:
    """Sentences in “quotes” are the catalogue's own."""
    quoted = re.findall(r"“([A-Z][^”]+[.?])”", (ROOT / page).read_text())
    unknown = {
        one
        for one in quoted
        if one not in said() and f"{{booked}} {one}" not in said() and one not in WORDS.values()
    }
    assert not unknown
    assert quoted or page == "docs/roles/operator.md"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    for path in folder.glob("0*.md"):
        assert f"({path.name})" in index
