"""The threat model names tests, and they are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "threat-model.md"


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`((?:tests|\.ci)/[\w./]+\.py)`", PAGE.read_text()))
    assert len(named) > 30
    assert not [path for path in named if not (ROOT / path).is_file()]


def test_every_threat_has_a_defence_with_a_test_and_says_what_remains() -> None:
    attackers = PAGE.read_text().split("\n### ")[1:]
    assert len(attackers) >= 8
    for attacker in attackers:
        name = attacker.splitlines()[0]
        rows = re.findall(r"^\| (?!what )(?!-)[^|]+\| [^|]+ \| ([^|]+) \|$", attacker, re.MULTILINE)
        rows = [row for row in rows if "---" not in row]
        assert rows, name
        assert all("tests/" in row for row in rows), name
        assert "**Remains:**" in attacker, name


def test_every_security_test_is_in_the_model() -> None:
    told = PAGE.read_text()
    for path in (ROOT / "tests" / "security").glob("test_*.py"):
        if path.name != Path(__file__).name:
            assert f"tests/security/{path.name}" in told, path.name
