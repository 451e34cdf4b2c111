"""The rules that are a question to the tables: one file of SQL each.

A file's first line tells what the rule looks at, for the count; the rest is the rule in words and a
SELECT of (org_id, what) that finds nothing in a sound database.
"""

from importlib.resources import files

import asyncpg

from voxanne.stress.oracle.finding import Finding

LOOKS_AT = "-- Looks at: "


async def check_tables(connection: asyncpg.Connection) -> list[Finding]:
    """Every rule of `rules/`, by name."""
    return [await _check(connection, name, text) for name, text in read_rules().items()]


def read_rules() -> dict[str, str]:
    """Name → text, by name."""
    found = sorted((files(__package__) / "rules").iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for file in found
        if file.name.endswith(".sql")
    }


async def _check(connection: asyncpg.Connection, name: str, text: str) -> Finding:
    rows = text.partition("\n")[0].removeprefix(LOOKS_AT)
    # Both are files of this package.
    finding = Finding(name, await connection.fetchval(f"SELECT count(*) FROM {rows}"))  # noqa: S608
    async for row in connection.cursor(text):
        finding.add(row["org_id"], row["what"])
    return finding
