"""No row has crossed from one clinic to another.

What a row points at is found twice: by the foreign keys there are, and by the names of columns, for
where there is no key or it was taken away. What points at nothing may have been deleted since; what
points at another clinic's row never may be.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from voxanne.stress.oracle.finding import Finding

COLUMNS = """
SELECT columns.table_name AS table, column_name AS column, udt_name AS type
FROM information_schema.columns
JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND udt_name IN ('uuid', '_uuid')
ORDER BY 1, ordinal_position
"""
KEYS = """
SELECT conrelid::regclass::text AS table, confrelid::regclass::text AS target,
  array(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS part (number, place)
        JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place) AS columns,
  array(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS part (number, place)
        JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place) AS targets
FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""
# The last word of a column, where it isn't its table's in the singular.
MEANT = {
    "contact": "leads",
    "other": "leads",
    "merged_into": "leads",
    "hold": "appointments",
    "told_with": "alerts",
    "connection": "calendar_connections",
    "change": "lead_changes",
}
# Nothing of these is ever deleted, so that what points at nothing was never right.
KEPT_FOR_GOOD = ("appointments", "practitioners", "rooms")
# Objects that the product itself writes ids into; what callers may write is in none of them.
TOLD = (("events", "data"), ("idempotency_keys", "result"))
KEYS_TOLD = """
SELECT array(
  SELECT DISTINCT key FROM {table} CROSS JOIN LATERAL jsonb_each_text({column}) AS told (key, value)
  WHERE {column} <> '{{}}' AND jsonb_typeof({column}) = 'object' AND value ~ $1 ORDER BY key)
"""
# Of nobody's clinic; what is theirs names them by memberships.
SHARED = ("staff_accounts", "sessions")
UUIDS = "^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$"


class Pointer(NamedTuple):
    """A column of ids; `ids` is it as a set-returning expression in a LATERAL join."""

    table: str
    column: str
    ids: str


class Schema(NamedTuple):
    tables: Sequence[str]  # with an org_id
    owners: Sequence[str]  # of these, those whose rows have an id
    pointers: Sequence[Pointer]


async def check_tenants(connection: asyncpg.Connection) -> list[Finding]:
    schema = _read(await connection.fetch(COLUMNS))
    return [
        await _check_organizations(connection, schema),
        await _check_ids(connection, schema),
        await _check_keys(connection),
        *await _check_names(connection, schema),
    ]


def _read(columns: Sequence[asyncpg.Record]) -> Schema:
    ids = {(row["table"], row["column"]) for row in columns if row["type"] == "uuid"}
    tables = sorted(table for table, column in ids if column == "org_id")
    own = [
        row for row in columns if row["table"] in tables and row["column"] not in ("id", "org_id")
    ]
    return Schema(
        tables,
        [table for table in tables if (table, "id") in ids],
        [Pointer(row["table"], row["column"], _ids(row["column"], row["type"])) for row in own],
    )


def _ids(column: str, type_: str) -> str:
    held = f't."{column}"'
    return f"unnest({held})" if type_ == "_uuid" else f"(VALUES ({held}))"


async def _check_organizations(connection: asyncpg.Connection, schema: Schema) -> Finding:
    finding = Finding("clinic_unknown")
    for table in schema.tables:
        for row in await connection.fetch(
            f'SELECT org_id, count(*) AS count FROM "{table}" GROUP BY org_id'  # noqa: S608
        ):
            finding.looked += row["count"]
            known = await connection.fetchval(
                "SELECT EXISTS (SELECT FROM organizations WHERE id = $1)", row["org_id"]
            )
            if not known:
                finding.add(row["org_id"], f"{row['count']} rows of {table}")
    return finding


async def _check_ids(connection: asyncpg.Connection, schema: Schema) -> Finding:
    finding = Finding("id_of_two_clinics")
    for table in schema.owners:
        finding.looked += await connection.fetchval(f'SELECT count(*) FROM "{table}"')  # noqa: S608
        for row in await connection.fetch(
            f'SELECT id FROM "{table}" GROUP BY id HAVING count(DISTINCT org_id) > 1'  # noqa: S608
        ):
            finding.add(None, f"{row['id']} in {table}")
    return finding


async def _check_keys(connection: asyncpg.Connection) -> Finding:
    """What the foreign keys promise, without taking the server's word for it."""
    finding = Finding("reference_broken")
    for key in await connection.fetch(KEYS):
        filled = " AND ".join(f't."{column}" IS NOT NULL' for column in key["columns"])
        same = " AND ".join(
            f'o."{target}" = t."{column}"'
            for column, target in zip(key["columns"], key["targets"], strict=True)
        )
        finding.looked += await connection.fetchval(
            f"SELECT count(*) FROM {key['table']} AS t WHERE {filled}"  # noqa: S608
        )
        shown = "t.org_id" if "org_id" in key["columns"] else "NULL::uuid"
        for row in await connection.fetch(
            f"SELECT {shown} AS org_id, to_jsonb(t) ->> 'id' AS id FROM {key['table']} AS t "  # noqa: S608
            f"WHERE {filled} AND NOT EXISTS (SELECT FROM {key['target']} AS o WHERE {same})"
        ):
            where = f"{key['table']}.{key['columns'][-1]}"
            finding.add(
                row["org_id"], f"{where} of {row['id'] or 'a row'}: no such {key['target']}"
            )
    return finding


async def _check_names(connection: asyncpg.Connection, schema: Schema) -> list[Finding]:
    crossed, lost = Finding("row_crossed_clinics"), Finding("reference_lost")
    for pointer in schema.pointers:
        targets = _targets(pointer.column, schema.owners)
        if targets:
            rows = f'"{pointer.table}" AS t CROSS JOIN LATERAL {pointer.ids} AS p (id)'
            await _check_pointer(connection, rows, "p.id", pointer, targets, (crossed, lost))
    for table, column in TOLD:
        rows = f'"{table}" AS t'
        for key in await connection.fetchval(KEYS_TOLD.format(table=table, column=column), UUIDS):
            targets = _targets(key, schema.owners)
            if targets and key.replace("_", "").isalnum():
                told = f"t.{column} ->> '{key}'"
                id_ = f"CASE WHEN {told} ~ '{UUIDS}' THEN ({told})::uuid END"
                named = Pointer(table, f"{column}.{key}", "")
                await _check_pointer(connection, rows, id_, named, targets, (crossed, lost))
    return [crossed, lost]


def _targets(column: str, owners: Sequence[str]) -> Sequence[str]:
    """The tables a column of that name may point at: one if its name tells, else all of them."""
    stem = column.removesuffix("_id")
    for word in (stem, stem.rpartition("_")[2]):
        table = MEANT.get(word) or (f"{word}s" if f"{word}s" in owners else word)
        if table in owners:
            return [table]
    return [] if stem in ("staff", "org", "organization") or stem in SHARED else owners


async def _check_pointer(
    connection: asyncpg.Connection,
    rows: str,
    id_: str,
    pointer: Pointer,
    targets: Sequence[str],
    findings: tuple[Finding, Finding],
) -> None:
    crossed, lost = findings
    own = " AND ".join(
        f'NOT EXISTS (SELECT FROM "{table}" AS o WHERE o.org_id = t.org_id AND o.id = {id_})'
        for table in targets
    )
    others = " OR ".join(
        f'EXISTS (SELECT FROM "{table}" AS o WHERE o.id = {id_})' for table in targets
    )
    looked = await connection.fetchval(
        f"SELECT count(*) FROM {rows} WHERE {id_} IS NOT NULL"  # noqa: S608
    )
    crossed.looked += looked
    for_good = list(targets) in [[table] for table in KEPT_FOR_GOOD]
    lost.looked += looked if for_good else 0
    for row in await connection.fetch(
        f"SELECT t.org_id, {id_} AS id, {others} AS elsewhere FROM {rows} "  # noqa: S608
        f"WHERE {id_} IS NOT NULL AND {own}"
    ):
        org_id: UUID = row["org_id"]
        if row["elsewhere"]:
            crossed.add(
                org_id, f"{pointer.table}.{pointer.column} names another clinic's {row['id']}"
            )
        elif for_good:
            lost.add(
                org_id, f"{pointer.table}.{pointer.column} names {row['id']}, which isn't there"
            )
