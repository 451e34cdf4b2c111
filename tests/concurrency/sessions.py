"""Several sessions at once: see a rival wait, retry as the API does, count double bookings."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import asyncpg

from tests.database import Booking, Database, book

Isolation = Literal["read_committed", "repeatable_read", "serializable"]
ISOLATIONS: tuple[Isolation, ...] = ("read_committed", "repeatable_read", "serializable")
RETRIES_MAX = 200
WAIT_SECONDS_MAX = 10.0
TAKEN = "SLOT_UNAVAILABLE"

DOUBLE_BOOKINGS = """
SELECT count(*) FROM appointments AS one JOIN appointments AS other
  ON one.org_id = other.org_id AND one.id < other.id AND one.blocked && other.blocked
  AND (one.practitioner_id = other.practitioner_id OR one.room_id = other.room_id)
WHERE one.status IN ('held', 'confirmed') AND other.status IN ('held', 'confirmed')
"""


def caller(number: int) -> dict[str, object]:
    """One of many people, each with a telephone."""
    return {"patient_name": f"Caller {chr(65 + number)}", "patient_phone": f"+44207946{number:04}"}


def outcomes(answers: Iterable[Booking]) -> Counter[str]:
    return Counter(str(answer.get("error", "booked")) for answer in answers)


async def double_bookings(connection: asyncpg.Connection) -> int:
    number: int = await connection.fetchval(DOUBLE_BOOKINGS)
    return number


async def wait_until_waiting(observer: asyncpg.Connection, rival: asyncpg.Connection) -> None:
    """Return once the rival waits for a lock; fail when it never does."""
    query = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1"
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        # What another process waits for can only be asked.
        while await observer.fetchval(query, rival.get_server_pid()) != "Lock":  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def book_with_retries(
    connection: asyncpg.Connection, isolation: Isolation, org_id: UUID, **arguments: object
) -> Booking:
    """A transaction of its own per try; again on 40001 and 40P01, as the API does."""
    for _ in range(RETRIES_MAX):
        try:
            async with connection.transaction(isolation=isolation):
                return await book(connection, org_id, **arguments)
        except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
            continue
    raise AssertionError(f"no answer after {RETRIES_MAX} tries")


@dataclass
class Race:
    """All callers at once, each in a session of its own."""

    database: Database
    org_id: UUID
    isolation: Isolation = "read_committed"

    async def run(self, calls: list[dict[str, object]]) -> list[Booking]:
        sessions = await asyncio.gather(*(self.database.connect_api() for _ in calls))
        return list(
            await asyncio.gather(
                *(
                    book_with_retries(session, self.isolation, self.org_id, **call)
                    for session, call in zip(sessions, calls, strict=True)
                )
            )
        )


def begin(connection: asyncpg.Connection, isolation: Isolation = "read_committed") -> Any:
    """A transaction to start, commit and roll back by hand."""
    return connection.transaction(isolation=isolation)
