"""Checks of the database and its schema: there, recent, this release's, and nobody's since."""

import asyncio
import time
from typing import Final

import asyncpg

from voxanne.doctor.catalogue import Catalogue, Drift, compare, read_catalogue
from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, counted, failed, named, ok, warn
from voxanne.postgres.migrate import checksum, load_functions, migration_states

VERSION_MIN: Final = 150000
REACH_SECONDS_MAX: Final = 8.0
MIGRATE: Final = "voxanne migrate up"
RESTORE: Final = (
    "put it back as the release has it: dump, restore into a database that this release migrated, "
    "or undo what was done by hand"
)
_INVALID: Final = """
SELECT relname || '.' || conname
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE connamespace = 'public'::regnamespace
  -- The second is of PostgreSQL 18.
  AND (NOT convalidated OR to_jsonb(pg_constraint) ->> 'conenforced' = 'false')
UNION ALL
SELECT relname || ' (its triggers are off)'
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = 'public'::regnamespace AND tgisinternal AND tgenabled NOT IN ('O', 'A')
"""
_BROKEN_INDEXES: Final = """
SELECT indexrelid::regclass::text FROM pg_index
JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'public'::regnamespace AND NOT (indisvalid AND indisready AND indislive)
"""
_TRIGGERS: Final = """
SELECT relname || '.' || tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
UNION ALL SELECT tablename || '.' || rulename FROM pg_rules WHERE schemaname = 'public'
"""


async def check_database(scene: Examination) -> Finding:
    fix = "start PostgreSQL, or correct DATABASE_URL"
    if scene.owner_url is None:
        return failed(
            f"there is no database yet in {scene.settings.data_dir}",
            "set DATABASE_URL to a PostgreSQL server, or start `voxanne serve`, which has its own",
        )
    try:
        async with asyncio.timeout(REACH_SECONDS_MAX), scene.owner() as connection:
            began = time.monotonic()
            version = int(await connection.fetchval("SHOW server_version_num"))
            shown = await connection.fetchval("SHOW server_version")
            encoding = await connection.fetchval("SHOW server_encoding")
            trip_ms = (time.monotonic() - began) / 3 * 1000
            standby = await connection.fetchval("SELECT pg_is_in_recovery()")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        return failed(f"it can't be reached ({_reason(error)})", fix)
    if version < VERSION_MIN:
        return failed(
            f"PostgreSQL {shown} is too old", "upgrade the server to PostgreSQL 15 or later"
        )
    if encoding != "UTF8":
        return failed(
            f"it is in {encoding}, which can't hold every name",
            "CREATE DATABASE voxanne TEMPLATE template0 ENCODING 'UTF8', and move there",
        )
    if standby:
        return failed("it is a standby, which nothing can be booked in", "name the primary server")
    return ok(f"PostgreSQL {str(shown).split()[0]}, {trip_ms:.1f} ms away")


def _reason(error: Exception) -> str:
    """Without anything an error may repeat of the address: a login's password stands there."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


async def check_migrations(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        states = await migration_states(connection)
        stored = {}
        if await connection.fetchval("SELECT to_regclass('schema_functions') IS NOT NULL"):
            rows = await connection.fetch("SELECT name, checksum FROM schema_functions")
            stored = {row["name"]: row["checksum"] for row in rows}
    wrong = {
        state: [f"{one.version:04} {one.name}" for one in states if one.state == state]
        for state in ("modified", "unknown", "pending")
    }
    if wrong["modified"]:
        return failed(
            f"changed after it was applied: {named(wrong['modified'])}",
            "restore the file, and put the change into a new migration",
        )
    if wrong["unknown"]:
        return failed(
            f"of a newer release: {named(wrong['unknown'])}",
            "run that release here, or its `voxanne migrate down`",
        )
    if wrong["pending"]:
        return failed(f"not applied: {named(wrong['pending'])}", MIGRATE)
    functions = load_functions()
    other = [name for name in functions if stored.get(name) != checksum(functions[name])]
    if other or stored.keys() - functions.keys():
        return failed(
            f"{counted(len(other) or 1, 'function')} of another release: "
            f"{named(other or stored.keys() - functions.keys())}",
            MIGRATE,
        )
    return ok(f"{counted(len(states), 'migration')} applied, as they are in this release")


async def check_tables(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        found = await read_catalogue(connection)
        triggers = [row[0] for row in await connection.fetch(_TRIGGERS)]
    tables, columns = compare("tables", found), compare("columns", found)
    # The walls are a check of their own.
    gone = tables.missing + [name for name in columns.missing if _table(name) in found["tables"]]
    if gone or columns.changed:
        return failed(_told(Drift(gone, columns.changed, [])), RESTORE)
    more = tables.extra + [name for name in columns.extra if _table(name) not in tables.extra]
    if more or triggers:
        return warn(
            f"not of this release: {named(more + triggers)}",
            "make sure that whoever added it knows what it does to bookings",
        )
    return ok(f"{counted(len(found['tables']), 'table')} as in this release")


async def check_constraints(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        found = await read_catalogue(connection)
        invalid = [row[0] for row in await connection.fetch(_INVALID)]
    return _judged(
        "constraints",
        "constraint",
        found,
        invalid,
        "not valid",
        "ALTER TABLE … VALIDATE CONSTRAINT … for each, or ENABLE TRIGGER ALL; what then breaks it "
        "has to be put right first",
    )


async def check_indexes(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        found = await read_catalogue(connection)
        broken = [row[0] for row in await connection.fetch(_BROKEN_INDEXES)]
    return _judged("indexes", "index", found, broken, "not valid", "REINDEX INDEX CONCURRENTLY …")


def _judged(
    kind: str, one: str, found: Catalogue, broken: list[str], how: str, mend: str
) -> Finding:
    drift = compare(kind, found)
    if drift.missing or drift.changed:
        return failed(_told(drift), RESTORE)
    if broken:
        return failed(f"{how}: {named(broken)}", mend)
    if drift.extra:
        return warn(
            f"not of this release: {named(drift.extra)}",
            "make sure that it refuses nothing a clinic may do, and is worth its cost",
        )
    return ok(f"{len(found[kind])} {kind}, all valid and as in this release")


async def check_walls(scene: Examination) -> Finding:
    """Row-level security of every table, enabled and forced, and no policy but the release's."""
    async with scene.owner() as connection:
        found = await read_catalogue(connection)
    tables, policies = compare("tables", found), compare("policies", found)
    own = {_table(name) for name in found["columns"] if name.endswith(".org_id")}
    open_ = tables.changed + [
        name for name in tables.extra if name in own and found["tables"][name] != "walled forced"
    ]
    if open_:
        return failed(
            f"row-level security isn't enabled and forced: {named(open_)}",
            "ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        )
    wrong = Drift(policies.missing, policies.changed, [])
    if wrong.missing or wrong.changed or policies.extra:
        more = f"; added: {named(policies.extra)}" if policies.extra else ""
        return failed(f"policies {_told(wrong) or 'are not the release’s'}{more}", RESTORE)
    walled = sum(state == "walled forced" for state in found["tables"].values())
    return ok(f"row-level security enabled and forced on {counted(walled, 'table')}")


def _told(drift: Drift) -> str:
    parts = [("missing", drift.missing), ("changed", drift.changed)]
    return "; ".join(f"{how}: {named(names)}" for how, names in parts if names)


def _table(column: str) -> str:
    return column.partition(".")[0]
