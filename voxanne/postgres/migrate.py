"""Brings a database to this release's schema, and back.

`sql/migrations/NNNN_name.up.sql` run once each, in order, in one transaction each, with their
checksums kept. `sql/functions/*/NAME.sql` hold one function each; a changed one is replaced by
dropping every overload of the name and creating it anew, in one transaction, so that there is never
a second function of a name. Two processes may migrate at once: an advisory lock makes one wait.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

import asyncpg

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

MIGRATION_LOCK = 0x766F78616E6E65  # "voxanne"

_BOOKKEEPING = """
CREATE TABLE IF NOT EXISTS schema_migrations (
  version integer PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS schema_functions (
  name text PRIMARY KEY,
  checksum text NOT NULL
);
"""


class MigrationError(RuntimeError):
    """The database and this release's migrations disagree; the message says how, and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    up: str
    down: str

    @property
    def checksum(self) -> str:
        return checksum(self.up)


@dataclass(frozen=True, slots=True)
class MigrationState:
    """A migration as `migrate status` shows it. `state`: applied, pending, modified, unknown."""

    version: int
    name: str
    state: str


def checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def load_migrations() -> tuple[Migration, ...]:
    """The release's migrations, in order. Each has an `.up.sql` and a `.down.sql`."""
    folder = files("voxanne") / "sql" / "migrations"
    found = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if not path.name.endswith(".up.sql"):
            continue
        stem = path.name.removesuffix(".up.sql")
        version, _, name = stem.partition("_")
        down = folder / f"{stem}.down.sql"
        found.append(Migration(int(version), name, path.read_text(), down.read_text()))
    return tuple(found)


@cache
def load_functions() -> Mapping[str, str]:
    """Function name → the SQL that creates it, with its grants and comment."""
    folder = files("voxanne") / "sql" / "functions"
    paths = sorted(_sql_files(folder), key=lambda path: path.name)
    texts = {path.name.removesuffix(".sql"): path.read_text() for path in paths}
    return MappingProxyType(texts)


def _sql_files(folder: Traversable) -> Iterator[Traversable]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _sql_files(path)
        elif path.name.endswith(".sql"):
            yield path


async def migrate_up(
    connection: asyncpg.Connection, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Apply what is pending and replace what changed. Does nothing on a current database."""
    await _require_unicode(connection)
    await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    try:
        await _create_bookkeeping(connection)
        for migration in await _pending(connection):
            progress(f"Migrating to {migration.version:04} {migration.name}…")
            async with connection.transaction():
                await connection.execute(migration.up)
                await connection.execute(
                    "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
                    migration.version,
                    migration.name,
                    migration.checksum,
                )
                await connection.execute(
                    "GRANT SELECT ON schema_migrations, schema_functions TO voxanne_api"
                )
        await _replace_functions(connection)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)


async def migrate_down(
    connection: asyncpg.Connection,
    to_version: int,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Undo every migration above `to_version`, newest first, in one transaction.

    The functions go too, since their text belongs to a release: the previous release's `migrate up`
    puts back its own.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    try:
        await _create_bookkeeping(connection)
        applied = await _applied(connection)
        doomed = [m for m in load_migrations() if m.version in applied and m.version > to_version]
        async with connection.transaction():
            if doomed:
                await _drop_functions(
                    connection,
                    [
                        r["name"]
                        for r in await connection.fetch("SELECT name FROM schema_functions")
                    ],
                )
                await connection.execute("DELETE FROM schema_functions")
            for migration in reversed(doomed):
                progress(f"Undoing {migration.version:04} {migration.name}…")
                await connection.execute(migration.down)
                await connection.execute(
                    "DELETE FROM schema_migrations WHERE version = $1", migration.version
                )
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)


async def migration_states(connection: Connection) -> list[MigrationState]:
    """How the database stands to this release, oldest first. Reads only."""
    applied: dict[int, tuple[str, str]] = {}
    if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        applied = await _applied(connection)
    states = []
    for migration in load_migrations():
        _, applied_checksum = applied.pop(migration.version, ("", ""))
        state = "applied" if applied_checksum == migration.checksum else "modified"
        states.append(
            MigrationState(
                migration.version, migration.name, state if applied_checksum else "pending"
            )
        )
    states += [MigrationState(version, name, "unknown") for version, (name, _) in applied.items()]
    return sorted(states, key=lambda state: state.version)


async def schema_is_current(connection: Connection) -> bool:
    """True when every migration and function of this release is in place, unmodified."""
    states = await migration_states(connection)
    if any(state.state != "applied" for state in states):
        return False
    return await _stored_functions(connection) == _wanted_functions()


async def schema_serves(connection: Connection, *, before: bool) -> bool:
    """True when this release's processes can work on the database: on its own schema, or on that of
    a newer release, which migrates first and then replaces them one by one.

    `before`: this process worked on it already, so other texts of its functions are newer ones.
    """
    states = {state.state for state in await migration_states(connection)}
    if states & {"pending", "modified"}:
        return False
    stored, wanted = await _stored_functions(connection), _wanted_functions()
    if before or "unknown" in states:
        return wanted.keys() <= stored.keys()
    return stored == wanted


async def _stored_functions(connection: Connection) -> dict[str, str]:
    rows = await connection.fetch("SELECT name, checksum FROM schema_functions")
    return {row["name"]: row["checksum"] for row in rows}


def _wanted_functions() -> dict[str, str]:
    return {name: checksum(text) for name, text in load_functions().items()}


async def _require_unicode(connection: asyncpg.Connection) -> None:
    if await connection.fetchval("SHOW server_encoding") != "UTF8":
        raise MigrationError(
            "The database can't hold every patient's name: it isn't in UTF-8. Create it with: "
            "CREATE DATABASE voxanne TEMPLATE template0 ENCODING 'UTF8'"
        )


async def _create_bookkeeping(connection: asyncpg.Connection) -> None:
    if not await connection.fetchval("SELECT to_regclass('schema_functions') IS NOT NULL"):
        async with connection.transaction():
            await connection.execute(_BOOKKEEPING)


async def _applied(connection: Connection) -> dict[int, tuple[str, str]]:
    rows = await connection.fetch("SELECT version, name, checksum FROM schema_migrations")
    return {row["version"]: (row["name"], row["checksum"]) for row in rows}


async def _pending(connection: asyncpg.Connection) -> list[Migration]:
    states = {state.version: state for state in await migration_states(connection)}
    for state in states.values():
        if state.state == "modified":
            raise MigrationError(
                f"Migration {state.version:04} {state.name} was changed after it was applied. "
                "Restore its file, and put the change into a new migration."
            )
        if state.state == "unknown":
            raise MigrationError(
                f"The database has migration {state.version:04} {state.name}, which this release "
                "doesn't know. Run the newer release, or its `voxanne migrate down` first."
            )
    return [m for m in load_migrations() if states[m.version].state == "pending"]


async def _replace_functions(connection: asyncpg.Connection) -> None:
    functions = load_functions()
    stored = await _stored_functions(connection)
    wanted = {name: checksum(text) for name, text in functions.items()}
    changed = [name for name in wanted if stored.get(name) != wanted[name]]
    gone = [name for name in stored if name not in wanted]
    if not changed and not gone:
        return
    async with connection.transaction():
        # A body may use a function that is created after it.
        await connection.execute("SET LOCAL check_function_bodies = off")
        await _drop_functions(connection, changed + gone)
        for name in changed:
            await connection.execute(functions[name])
        await connection.execute("DELETE FROM schema_functions WHERE name = ANY ($1)", gone)
        await connection.executemany(
            "INSERT INTO schema_functions VALUES ($1, $2) "
            "ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum",
            [(name, wanted[name]) for name in changed],
        )


async def _drop_functions(connection: asyncpg.Connection, names: Sequence[str]) -> None:
    overloads = await connection.fetch(
        "SELECT oid::regprocedure::text AS signature FROM pg_proc "
        "WHERE pronamespace = 'public'::regnamespace AND proname = ANY ($1)",
        list(names),
    )
    for overload in overloads:
        await connection.execute(f"DROP FUNCTION {overload['signature']}")
