"""The tests' PostgreSQL: one server per run, a migrated template, a database per test."""

import asyncio
import fcntl
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tests.printed import plant
from voxanne.postgres.embedded import DURABLE_SETTINGS, EmbeddedPostgres
from voxanne.postgres.migrate import migrate_up

TEMPLATE = "voxanne_template"
READ_ONLY = "voxanne_read_only"  # a copy: a template that someone is connected to can't be copied
CLOSE_SECONDS_MAX = 2.0
# Lost with the machine, which a test can be.
FAST_SETTINGS = {
    **DURABLE_SETTINGS,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Debian's PostgreSQL 15 would compile each booking: see test_a_function_that_forbids_plans….
    "jit": "off",
    "max_connections": "300",
}


def _next_monday() -> datetime:
    today = datetime.now(UTC).date()
    monday = today + timedelta(days=14 - today.weekday())
    return datetime.combine(monday, time(10), UTC)


# A Monday at 10:00 UTC, 8 to 14 days ahead: inside every clinic's default horizon.
START = _next_monday()
HOUR = timedelta(hours=1)

Booking = dict[str, Any]
EMPTY = """
DO $$
DECLARE
  v_table regclass;
BEGIN
  SET LOCAL session_replication_role = replica;   -- in whatever order
  FOR v_table IN
    SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND relname NOT LIKE 'schema_%'
  LOOP
    EXECUTE format('DELETE FROM %s', v_table);
  END LOOP;
END $$
"""
LOOKS_MAX = 9_000
OLDER_ELSEWHERE = """
SELECT EXISTS (
  SELECT FROM pg_stat_activity
  WHERE datname IS DISTINCT FROM current_database() AND age(backend_xid) > age($1::text::xid))
"""


@dataclass(frozen=True)
class Server:
    """The run's PostgreSQL."""

    postgres: EmbeddedPostgres

    async def connect(self) -> asyncpg.Connection:
        """A session of the superuser in the database `postgres`."""
        return await asyncpg.connect(self.postgres.superuser_url)

    async def create_template(self) -> None:
        """Make the migrated template, and its read-only copy last."""
        superuser = await self.connect()
        try:
            names = await superuser.fetch("SELECT datname FROM pg_database")
            if READ_ONLY in {row["datname"] for row in names}:
                return
            await superuser.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
            await superuser.execute(f"CREATE DATABASE {TEMPLATE} OWNER voxanne")
            owner = await asyncpg.connect(self.postgres.url(TEMPLATE))
            try:
                await migrate_up(owner)
            finally:
                await owner.close()
            await self.copy_template(superuser, READ_ONLY)
        finally:
            await superuser.close()

    @staticmethod
    async def copy_template(
        superuser: asyncpg.Connection, name: str, template: str = TEMPLATE
    ) -> None:
        await superuser.execute(
            f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy OWNER voxanne"
        )

    @asynccontextmanager
    async def database(self, template: str = TEMPLATE) -> "AsyncIterator[Database]":
        """A database of its own, dropped afterwards whoever is still connected to it."""
        database = Database(self, f"test_{uuid4().hex}")
        superuser = await self.connect()
        try:
            await self.copy_template(superuser, database.name, template)
            try:
                yield database
            finally:
                await database.close()
                await superuser.execute(f"DROP DATABASE {database.name} WITH (FORCE)")
        finally:
            await superuser.close()


@dataclass
class Database:
    """One test's database. What it connects it closes; helpers write as the owner."""

    server: Server
    name: str
    _connections: list[asyncpg.Connection] = field(default_factory=list)
    _owner: asyncpg.Connection | None = None
    _emptying: asyncpg.Connection | None = None

    @property
    def owner_url(self) -> str:
        return self.server.postgres.url(self.name)

    @property
    def superuser_url(self) -> str:
        return self.server.postgres.url(self.name, "postgres")

    async def connect_owner(self) -> asyncpg.Connection:
        """A session of `voxanne`: owns everything, is no superuser."""
        return await self._connect(self.owner_url)

    async def connect_api(self, org_id: UUID | None = None) -> asyncpg.Connection:
        """A session as the API's: the owner's login, stepped down; with a claim if given."""
        connection = await self.connect_owner()
        await connection.execute("SET ROLE voxanne_api")
        if org_id is not None:
            await claim(connection, json.dumps({"org_id": str(org_id)}))
        return connection

    async def connect_superuser(self) -> asyncpg.Connection:
        return await self._connect(self.superuser_url)

    async def others_are_done(self) -> None:
        """Return when no transaction of another database is older than this moment.

        An event is read when nothing before it can still be committed, on the whole server.
        """
        watcher = await self._connect(self.superuser_url)
        began = await watcher.fetchval("SELECT pg_current_xact_id()::xid::text")
        for _ in range(LOOKS_MAX):
            if not await watcher.fetchval(OLDER_ELSEWHERE, began):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("Somebody keeps a transaction open.")

    async def empty(self) -> None:
        """Delete every row but the schema's own bookkeeping: quicker than TRUNCATE, which writes
        each table and index anew."""
        if self._emptying is None:
            self._emptying = await self.connect_superuser()
        await self._emptying.execute(EMPTY)

    async def owner(self) -> asyncpg.Connection:
        """The helpers' own session. Not for tests that hold a transaction open."""
        if self._owner is None:
            self._owner = await self.connect_owner()
        return self._owner

    async def organization(self, **columns: object) -> UUID:
        return await self._insert_with_id("organizations", {"name": "Clinic", **columns})

    async def practitioner(self, org_id: UUID, **columns: object) -> UUID:
        row = {"org_id": org_id, "name": "Dr Grey", **columns}
        return await self._insert_with_id("practitioners", row)

    async def room(self, org_id: UUID, **columns: object) -> UUID:
        return await self._insert_with_id("rooms", {"org_id": org_id, "name": "Room 1", **columns})

    async def service(self, org_id: UUID, key: str, minutes: int, **columns: object) -> None:
        row = {"org_id": org_id, "key": key, "name": key, "duration_minutes": minutes, **columns}
        await self._insert("services", row)

    async def hours(
        self, org_id: UUID, weekday: int, opens: time, closes: time, **columns: object
    ) -> None:
        """Wall-time hours on an ISO weekday (Monday is 1)."""
        row = {"org_id": org_id, "weekday": weekday, "opens": opens, "closes": closes, **columns}
        await self._insert("opening_hours", row)

    async def appointment(self, org_id: UUID, practitioner_id: UUID, **columns: object) -> UUID:
        """A row as a writer who bypasses the function would write it; blocked as it lasts."""
        starts = columns.get("scheduled_at", START)
        assert isinstance(starts, datetime)
        ends = columns.get("ends_at", starts + HOUR)
        row = {
            "org_id": org_id,
            "practitioner_id": practitioner_id,
            "service_type": "consultation",
            "scheduled_at": starts,
            "ends_at": ends,
            "blocked_from": starts,
            "blocked_until": ends,
            **columns,
        }
        return await self._insert_with_id("appointments", row)

    async def set_clock(self, moment: datetime) -> None:
        """From now on it is `moment` for every session of this database."""
        await (await self.owner()).execute(
            "INSERT INTO clock (clock_offset) VALUES ($1 - clock_timestamp()) "
            "ON CONFLICT (only_row) DO UPDATE SET clock_offset = excluded.clock_offset",
            moment,
        )

    async def book(
        self, connection: asyncpg.Connection, org_id: UUID | None, **overrides: object
    ) -> Booking:
        """`book_appointment_atomic` with its `p_` parameters, Ann Taylor at START unless told."""
        return await book(connection, org_id, **overrides)

    async def call(
        self, connection: asyncpg.Connection, function: str, org_id: UUID | None, **given: object
    ) -> Booking:
        """Any other function of the diary with its `p_` parameters."""
        arguments = {"org_id": org_id, **given}
        named = ", ".join(f"p_{name} => ${n}" for n, name in enumerate(arguments, 1))
        answer = await connection.fetchval(f"SELECT {function}({named})", *arguments.values())
        parsed: Booking = json.loads(answer)
        return parsed

    async def close(self) -> None:
        for connection in self._connections:
            # One that waits for a lock is cut off.
            with suppress(TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=CLOSE_SECONDS_MAX)

    async def _connect(self, url: str) -> asyncpg.Connection:
        connection = await asyncpg.connect(url)
        self._connections.append(connection)
        return connection

    async def _insert_with_id(self, table: str, row: dict[str, object]) -> UUID:
        made = await self._insert(table, row)
        id_: UUID = made["id"]
        return id_

    async def _insert(self, table: str, row: dict[str, object]) -> asyncpg.Record:
        values = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        made = await (await self.owner()).fetchrow(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values}) RETURNING *", *row.values()
        )
        assert made is not None
        return made


async def book(connection: asyncpg.Connection, org_id: UUID | None, **overrides: object) -> Booking:
    arguments: dict[str, object] = {
        "org_id": org_id,
        "patient_name": plant("a patient's name", "Ann Taylor"),
        "patient_email": None,
        "patient_phone": plant("a patient's number", "+442079460958"),
        "service_type": "consultation",
        "scheduled_at": START,
        "duration_minutes": 60,
        **overrides,
    }
    if isinstance(arguments.get("metadata"), dict):
        arguments["metadata"] = json.dumps(arguments["metadata"])
    named = ", ".join(f"p_{name} => ${n}" for n, name in enumerate(arguments, 1))
    answer = await connection.fetchval(
        f"SELECT book_appointment_atomic({named})", *arguments.values()
    )
    parsed: Booking = json.loads(answer)
    return parsed


async def claim(connection: asyncpg.Connection, claims: str) -> None:
    """Give the session a claim as the API gives a transaction one; any text, to try nonsense."""
    await connection.execute("SELECT set_config('request.jwt.claims', $1, false)", claims)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time, among the workers of a run."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start_server(directory: Path, bin_dir: Path | None) -> Server:
    """Start the run's server in `directory`, or join it, and see to the template."""
    postgres = EmbeddedPostgres(directory, bin_dir=bin_dir, settings=FAST_SETTINGS)
    postgres.start()
    server = Server(postgres)
    with locked(directory / "template.lock"), asyncio.Runner() as runner:
        runner.run(server.create_template())
    return server
