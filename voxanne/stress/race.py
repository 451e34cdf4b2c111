"""`voxanne stress`: many callers want one slot at the same moment, and one may have it."""

import asyncio
import contextlib
import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID

import asyncpg
import httpx2

from voxanne.booking.functions import call_book_appointment
from voxanne.postgres.organizations import create_key
from voxanne.postgres.pool import DatabaseBusyError
from voxanne.stress.endpoint import Answer, Endpoint, open_endpoint
from voxanne.stress.evidence import outcome
from voxanne.stress.people import Person, person
from voxanne.stress.scene import describe_outcomes
from voxanne.stress.scratch import Target, scratch_organizations

CALLERS_MAX = 10_000
CONNECTIONS = 32
Caller = Callable[[Person], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Stored:
    """What the table holds of the slot. `live`: appointments that are held or confirmed."""

    live: int
    leads: int
    booked_events: int

    @property
    def agrees(self) -> bool:
        return self == Stored(1, 1, 1)

    def __str__(self) -> str:
        return (
            f"{_plural(self.live, 'live appointment')}, {_plural(self.leads, 'lead')}, "
            f"{_plural(self.booked_events, 'booked event')}"
        )


@dataclass(frozen=True, slots=True)
class Race:
    """`stored` is None when the table couldn't be read, and `unchecked` says why."""

    slot: datetime
    outcomes: Counter[str]
    seconds: float
    stored: Stored | None
    unchecked: str | None = None

    @property
    def summary(self) -> str:
        return describe_outcomes(self.outcomes)

    @property
    def passed(self) -> bool:
        one = self.outcomes["booked"] == 1
        others = self.outcomes["SLOT_UNAVAILABLE"] == self.outcomes.total() - 1
        return one and others and (self.stored is None or self.stored.agrees)


async def race_in_database(target: Target, callers: int, connections: int) -> Race:
    """The callers are sessions in the API's role, in a scratch clinic."""
    async with (
        scratch_organizations(target, "stress", 1) as (clinic,),
        target.api(min(connections, callers)) as pool,
        target.owner() as owner,
    ):
        slot = _slot(await owner.fetchval("SELECT current_moment()"))

        async def call(somebody: Person) -> Answer:
            return await call_book_appointment(
                pool,
                {
                    "p_org_id": clinic,
                    "p_patient_name": somebody.name,
                    "p_patient_email": None,
                    "p_patient_phone": somebody.phone,
                    "p_service_type": "consultation",
                    "p_scheduled_at": slot,
                    "p_duration_minutes": 60,
                },
            )

        outcomes, seconds = await _run(call, callers)
        return Race(slot, outcomes, seconds, await _stored(owner, clinic, slot, callers))


async def race_over_http(target: Target, url: str, callers: int, connections: int) -> Race:
    """The callers are tool calls to the API at `url`, in a scratch clinic with a key of its own."""
    async with (
        scratch_organizations(target, "stress", 1) as (clinic,),
        target.owner() as owner,
    ):
        slot = _slot(await owner.fetchval("SELECT current_moment()"))
        key = await create_key(owner, clinic, "agent")
        async with open_endpoint(url, key, min(connections, callers)) as endpoint:
            outcomes, seconds = await _run(_tool_call(endpoint, slot), callers)
        return Race(slot, outcomes, seconds, await _stored(owner, clinic, slot, callers))


async def race_with_key(
    target: Target | None, url: str, key: str, callers: int, connections: int
) -> Race:
    """The same in the clinic of that key, where the winner's appointment stays.

    `target`: the API's database, if there is access to it.
    """
    slot = _slot(datetime.now(UTC))
    async with open_endpoint(url, key, min(connections, callers)) as endpoint:
        outcomes, seconds = await _run(_tool_call(endpoint, slot), callers)
    stored, unchecked = None, "there is no access to its database"
    if target is not None:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            async with target.owner() as owner:
                clinic = await _clinic_of(owner, key)
                if clinic is not None:
                    stored = await _stored(owner, clinic, slot, callers)
                unchecked = "this database doesn't know the key"
    return Race(slot, outcomes, seconds, stored, None if stored else unchecked)


def _tool_call(endpoint: Endpoint, slot: datetime) -> Caller:
    async def call(somebody: Person) -> Answer:
        try:
            return await endpoint.book(
                {"name": somebody.name, "scheduledAt": slot.isoformat()}, caller=somebody.phone
            )
        except httpx2.HTTPError as error:
            return {"success": False, "error": type(error).__name__}

    return call


async def _run(call: Caller, callers: int) -> tuple[Counter[str], float]:
    """Start everyone at the same moment, and count what they were told."""
    barrier = asyncio.Barrier(callers + 1)

    async def wait_and_call(number: int) -> str:
        await barrier.wait()
        try:
            return outcome(await call(person(number)))
        except DatabaseBusyError:
            return "BUSY"
        except asyncpg.PostgresError as error:
            return f"SQLSTATE {error.sqlstate}"

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(wait_and_call(number)) for number in range(callers)]
        await barrier.wait()
        started = perf_counter()
    outcomes = Counter(task.result() for task in running)
    return outcomes, perf_counter() - started


def _slot(now: datetime) -> datetime:
    """A Tuesday at a whole hour of the working day, a month to half a year ahead, that in a clinic
    of one's own is free, and in another's probably.
    """
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day += timedelta(days=(1 - day.weekday()) % 7, weeks=random.randrange(4, 26))  # noqa: S311
    return day + timedelta(hours=random.randrange(10, 15))  # noqa: S311


async def _clinic_of(owner: asyncpg.Connection, key: str) -> UUID | None:
    digest = hashlib.sha256(key.encode()).digest()
    clinic: UUID | None = await owner.fetchval(
        "SELECT org_id FROM credentials WHERE secret_hash = $1", digest
    )
    return clinic


async def _stored(owner: asyncpg.Connection, clinic: UUID, slot: datetime, callers: int) -> Stored:
    """Counted from the slot outwards: what overlaps it, who of the callers has it, what was logged
    of it.
    """
    row = await owner.fetchrow(
        "WITH slot AS (SELECT id, contact_id, status FROM appointments WHERE org_id = $1 "
        "  AND blocked_from < $2::timestamptz + interval '1 hour' AND blocked_until > $2) "
        "SELECT (SELECT count(*) FROM slot WHERE status IN ('held', 'confirmed')) AS live, "
        "  (SELECT count(*) FROM leads WHERE org_id = $1 AND phone = ANY ($3) "
        "     AND (id IN (SELECT contact_id FROM slot) OR NOT EXISTS (SELECT FROM appointments "
        "       WHERE org_id = $1 AND contact_id = leads.id))) AS leads, "
        "  (SELECT count(*) FROM events WHERE org_id = $1 AND kind = 'booked' "
        "     AND appointment_id IN (SELECT id FROM slot)) AS booked_events",
        clinic,
        slot,
        [person(number).phone for number in range(callers)],
    )
    assert row is not None
    return Stored(row["live"], row["leads"], row["booked_events"])


def _plural(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
