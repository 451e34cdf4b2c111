"""A secret is never compared by ==, which takes longer the more of it is right."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "voxanne"
SECRET = re.compile(
    r"(^|_)(secret|token|password|passwd|signature|signed|digest|hmac|mac|csrf|key|api_?key|"
    r"credential|hash|hashed|cookie|bearer|verifier|state_hash|presented|expected|proof)s?$"
)
# Where a name sounds like a secret and isn't one: file:name → why.
HARMLESS = {
    "cli/demo.py:expected": "an answer of the demo",
    "clinic_files/writing.py:key": "the key of a service, such as check-up",
    "deliveries/caldav_calendar.py:key": "the key of a dictionary",
    "deliveries/google_tokens.py:access_token": "both are ours: whether another was fetched since",
    "inbound/voice/vapi.py:key": "the name of a field",
    "inbound/voice/vapi.py:_list_keys": "the names of fields",
    "stress/evidence.py:expected": "an outcome",
}


def comparisons(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each == and != with something that is named like a secret on a side, and
    of each `in` of one in a list of them.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(
            isinstance(how, ast.Eq | ast.NotEq) for how in node.ops
        ):
            sides = [node.left, *node.comparators]
            if any(_is_plain(side) for side in sides):
                continue
            for name in (_name(side) for side in sides):
                if name and SECRET.search(name):
                    yield node.lineno, name


def _is_plain(side: ast.expr) -> bool:
    """A literal: a secret that is written into the code is another test's matter."""
    return isinstance(side, ast.Constant) and not (
        isinstance(side.value, str | bytes) and len(side.value) > 40
    )


def _name(side: ast.expr) -> str | None:
    match side:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower()
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name.lower()
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return _name(inner)
        case ast.Await(value=inner):
            return _name(inner)
    return None


def found_in(path: Path) -> Iterator[str]:
    for line, name in comparisons(ast.parse(path.read_text())):
        place = f"{path.relative_to(ROOT)}"
        if f"{place}:{name}" not in HARMLESS:
            yield f"{place}:{line} {name}"


def test_no_secret_is_compared_by_equality() -> None:
    found = [line for path in sorted(ROOT.rglob("*.py")) for line in found_in(path)]
    assert not found, "hmac.compare_digest, or say in HARMLESS why not:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "secret == said",
        "said != self.vapi_secret",
        "request.headers['x-vapi-secret'.lower()] == token",
        "sign(key, body) == presented",
        "row['token_hash'] == digest",
        "csrf_token(token) != sent",
        "hmac.digest(key, body, 'sha256') == sent",
        "(await stored_password()) == said",
    ],
)
def test_the_scan_finds(code: str) -> None:
    assert list(comparisons(ast.parse(f"async def f():\n  return {code}")))


@pytest.mark.parametrize("code", ["len(token) == 3", "kind == 'secret'", "a == b", "token is None"])
def test_the_scan_leaves_alone(code: str) -> None:
    assert not list(comparisons(ast.parse(code)))


def test_every_comparison_that_guards_is_in_constant_time() -> None:
    """Where requests are let in: these call it, and no other way is taken."""
    for name in (
        "inbound/authentication.py",
        "inbound/signatures.py",
        "inbound/dashboard/guard.py",
        "texts/signature.py",
    ):
        assert "hmac.compare_digest(" in (ROOT / name).read_text(), name


def test_sql_finds_secrets_by_their_hash() -> None:
    """A look-up by index takes its time by the digest's bytes, which nobody can choose. A patient's
    link alone is kept as it is, since it is written into every message: docs/explanation/
    threat-model.md has what remains.
    """
    columns = re.compile(r"^\s+(secret|token|password|api_key|session)\s+(text|bytea)", re.M)
    found = {
        path.name: columns.findall(path.read_text())
        for path in (ROOT / "sql" / "migrations").glob("*.up.sql")
    }
    assert {name: kept for name, kept in found.items() if kept} == {
        "0003_outbox.up.sql": [("token", "text")]
    }
