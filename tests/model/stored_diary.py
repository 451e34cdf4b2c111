"""The database's side, synchronous as Hypothesis is: a clinic made, a clock that stands still."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tests.database import Database, Server
from tests.model.naive_diary import IMPLICIT
from tests.model.naive_hours import Clinic, Schedule

# To the microsecond: what begins or lapses at this very moment is a case like any other.
STANDING_CLOCK = """
CREATE OR REPLACE FUNCTION current_moment() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN timestamptz 'epoch' + (SELECT clock_offset FROM public.clock);
END $$
"""
SET_CLOCK = """
INSERT INTO clock (clock_offset) VALUES (make_interval(secs => extract(epoch FROM $1::timestamptz)))
ON CONFLICT (only_row) DO UPDATE SET clock_offset = excluded.clock_offset
"""
LIVE_ROWS = """
SELECT id, practitioner_id, room_id, service_type, scheduled_at, ends_at,
  lower(blocked) AS kept_from, upper(blocked) AS kept_until, status, call_id, version,
  CASE WHEN status = 'held' THEN hold_expires_at END AS expires_at
FROM appointments
WHERE org_id = $1 AND (status = 'confirmed' OR status = 'held' AND hold_expires_at > $2)
"""
OVERLAPS = """
SELECT count(*) FROM appointments AS one JOIN appointments AS other
  ON one.org_id = other.org_id AND one.id < other.id AND one.blocked && other.blocked
  AND (one.practitioner_id = other.practitioner_id OR one.room_id = other.room_id)
WHERE one.org_id = $1 AND one.status IN ('held', 'confirmed')
  AND other.status IN ('held', 'confirmed')
"""
SIGNATURE = """
SELECT pg_get_function_arguments(oid) AS arguments, pg_get_function_result(oid) AS result
FROM pg_proc WHERE proname = $1
"""


@dataclass
class StoredDiary:
    """One database; each example makes itself a clinic in it."""

    runner: asyncio.Runner
    database: Database
    api: asyncpg.Connection
    org_id: UUID = field(default_factory=lambda: UUID(int=0))

    def practitioner_id(self, number: int | None) -> UUID | None:
        """The clinic itself is the practitioner 0."""
        if number == IMPLICIT:
            return self.org_id
        return None if number is None else UUID(int=number)

    def call(self, function: str, **parameters: object) -> Any:
        """Its answer, parsed where it is JSON."""
        values = {"org_id": self.org_id, **parameters}
        named = ", ".join(
            f"p_{name} => ${n}" + ("::text::time" if name.startswith("time_") else "")
            for n, name in enumerate(values, 1)
        )
        query = f"SELECT {function}({named})"
        answer = self.runner.run(self.api.fetchval(query, *values.values()))
        return json.loads(answer) if isinstance(answer, str) else answer

    def execute(self, query: str, *values: object) -> None:
        self.runner.run(self._owner_executes(query, values))

    def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        return self.runner.run(self._owner_fetches(query, values))

    def set_clock(self, moment: datetime) -> None:
        self.execute(SET_CLOCK, moment)

    def live_rows(self, moment: datetime) -> list[asyncpg.Record]:
        return self.fetch(LIVE_ROWS, self.org_id, moment)

    def overlaps(self) -> int:
        [row] = self.fetch(OVERLAPS, self.org_id)
        return int(row[0])

    def replace_function(self, name: str, answer: str) -> None:
        """From now on it answers whatever this expression of its parameters says."""
        [row] = self.fetch(SIGNATURE, name)
        self.execute(
            f"CREATE OR REPLACE FUNCTION {name}({row['arguments']}) RETURNS {row['result']} "
            f"LANGUAGE plpgsql AS $$ BEGIN RETURN {answer}; END $$"
        )

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What is called meanwhile leaves nothing behind."""
        transaction = self.api.transaction()
        self.runner.run(transaction.start())
        try:
            yield
        finally:
            self.runner.run(transaction.rollback())

    def make(self, clinic: Clinic) -> None:
        """A new organization for it, which is ours from now on."""
        self.runner.run(self._make(clinic))

    async def _make(self, clinic: Clinic) -> None:
        database = self.database
        self.org_id = await database.organization(
            timezone=clinic.zone,
            slot_minutes=clinic.slot,
            hold_seconds=clinic.hold_seconds,
            notice_minutes=clinic.notice,
            horizon_days=clinic.horizon_days,
            upcoming_per_caller_max=clinic.upcoming_max,
        )
        await self._schedule(None, clinic.schedule)
        for practitioner in clinic.practitioners:
            id_ = UUID(int=practitioner.number)
            name = f"Dr {practitioner.number}"
            await database.practitioner(self.org_id, id=id_, name=name, active=practitioner.active)
            await self._schedule(id_, practitioner.schedule)
        for room in clinic.rooms:
            await database.room(self.org_id, id=UUID(int=room.number), active=room.active)
        for service in clinic.services:
            await database.service(
                self.org_id,
                service.key,
                service.minutes,
                buffer_before_minutes=service.before,
                buffer_after_minutes=service.after,
                notice_minutes=service.notice,
            )
            await self._listed("practitioner", service.key, service.practitioners)
            await self._listed("room", service.key, service.rooms)

    async def _listed(self, what: str, key: str, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            await self._owner_executes(
                f"INSERT INTO {what}_services (org_id, {what}_id, service_key) VALUES ($1, $2, $3)",
                (self.org_id, UUID(int=number), key),
            )

    async def _schedule(self, practitioner_id: UUID | None, schedule: Schedule) -> None:
        who = (self.org_id, practitioner_id)
        for hours in schedule.hours:
            await self._owner_executes(
                "INSERT INTO opening_hours (org_id, practitioner_id, weekday, opens, closes) "
                "VALUES ($1, $2, $3, $4::text::time, $5::text::time)",
                (*who, hours.weekday, wall(hours.opens), wall(hours.closes)),
            )
        for special in schedule.specials:
            await self._owner_executes(
                "INSERT INTO date_exceptions (org_id, practitioner_id, day, opens, closes) "
                "VALUES ($1, $2, $3, $4::text::time, $5::text::time)",
                (*who, special.day, wall(special.opens), wall(special.closes)),
            )
        for pause in schedule.breaks:
            await self._owner_executes(
                "INSERT INTO breaks (org_id, practitioner_id, weekday, starts, ends) "
                "VALUES ($1, $2, $3, $4::text::time, $5::text::time)",
                (*who, pause.weekday, wall(pause.starts), wall(pause.ends)),
            )
        for absence in schedule.absences:
            await self._owner_executes(
                "INSERT INTO absences (org_id, practitioner_id, starts_at, ends_at) "
                "VALUES ($1, $2, $3, $4)",
                (*who, *absence),
            )

    async def _owner_executes(self, query: str, values: tuple[object, ...]) -> None:
        await (await self.database.owner()).execute(query, *values)

    async def _owner_fetches(self, query: str, values: tuple[object, ...]) -> list[asyncpg.Record]:
        return await (await self.database.owner()).fetch(query, *values)


def wall(minutes: int | None) -> str | None:
    """'24:00' is a time."""
    return None if minutes is None else f"{minutes // 60:02}:{minutes % 60:02}"


@contextmanager
def stored_diary(server: Server) -> Iterator[StoredDiary]:
    """A diary in a database of its own, where the clock stands still."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        database = runner.run(stack.enter_async_context(server.database()))
        try:
            stored = StoredDiary(runner, database, runner.run(database.connect_api()))
            stored.execute(STANDING_CLOCK)
            # No answer may depend on the session's zone.
            runner.run(stored.api.execute("SET TimeZone = 'America/New_York'"))
            yield stored
        finally:
            runner.run(stack.aclose())
