"""The oracle shares no code with what it judges."""

import ast
from pathlib import Path

import voxanne.stress.oracle
from voxanne.stress.oracle.tables import LOOKS_AT, read_rules

PACKAGE = Path(voxanne.stress.oracle.__file__).parent
# Of the server's functions it may call those that PostgreSQL brings.
PRODUCT = Path(voxanne.__file__).parent / "sql" / "functions"


def test_it_imports_nothing_else_of_the_project() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                ours = name.split(".")[0] == "voxanne"
                assert not ours or name.startswith("voxanne.stress.oracle"), f"{path.name}: {name}"


def test_it_calls_no_function_of_the_product() -> None:
    functions = {path.stem for path in PRODUCT.rglob("*.sql")}
    assert len(functions) > 200
    for path in (*PACKAGE.rglob("*.sql"), *PACKAGE.rglob("*.py")):
        text = path.read_text()
        called = {name for name in functions if f"{name}(" in text and f"def {name}(" not in text}
        assert called == set(), path.name


def test_every_rule_says_what_it_looks_at_and_why() -> None:
    for name, text in read_rules().items():
        first, second, *_ = text.splitlines()
        assert first.startswith(LOOKS_AT), name
        assert second.startswith("-- "), name
