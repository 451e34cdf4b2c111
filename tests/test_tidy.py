"""The shape of the code: sizes, names, and what may not be in it."""

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
LINES_PER_FILE_MAX = 500
LINES_PER_FUNCTION_MAX = 70
NAMELESS_MODULES = {"utils", "common", "helpers", "services", "managers", "misc"}

# Longer than the rule, and why.
LONG_FILES: dict[str, str] = {
    "tests/integration/test_embedded.py": "one server, one life: start, share, crash, recover",
    "voxanne/postgres/embedded.py": "the server's whole life: create, start, adopt, share, stop",
    "tests/unit/test_dates.py": "tables of what callers say",
}
LONG_FUNCTIONS: dict[str, str] = {}


def tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.splitlines()]
    return [path for path in paths if path.suffix in suffixes and path.is_file()]


def test_no_file_is_longer_than_it_should_be() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked(".py", ".sql")
        if (lines := path.read_text().count("\n")) > LINES_PER_FILE_MAX
    }
    assert set(long) == set(LONG_FILES), long


def test_no_function_is_longer_than_it_should_be() -> None:
    long = {}
    for path in tracked(".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LINES_PER_FUNCTION_MAX:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert set(long) == set(LONG_FUNCTIONS), long


def test_every_package_says_what_lives_there() -> None:
    for path in (ROOT / "voxanne").rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_every_module_has_a_name_that_says_something() -> None:
    assert not {path.stem for path in tracked(".py", ".sql")} & NAMELESS_MODULES


def test_each_sql_file_holds_the_function_it_is_named_after() -> None:
    for path in (ROOT / "voxanne" / "sql" / "functions").rglob("*.sql"):
        text = path.read_text()
        assert re.findall(r"^CREATE (?:OR REPLACE )?FUNCTION (\w+)", text, re.MULTILINE) == [
            path.stem
        ]
        assert text.startswith("-- Purpose:"), path.name
        assert f"REVOKE ALL ON FUNCTION {path.stem} FROM PUBLIC;" in text


def test_constraints_name_no_registry() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.\[\]-]+==[\w.+!]+", pin) for pin in pins)


def test_at_most_ten_make_targets() -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert len(targets) <= 10


def test_no_two_functions_of_sql_have_one_name() -> None:
    """Of two files the loader would take one."""
    names = [path.name for path in (ROOT / "voxanne" / "sql" / "functions").rglob("*.sql")]
    assert len(names) == len(set(names))
