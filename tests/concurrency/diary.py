"""A clinic to ask things of from several sessions, and two of them in a forced order."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from tests.concurrency.sessions import (
    RETRIES_MAX,
    TAKEN,
    Isolation,
    begin,
    caller,
    double_bookings,
    wait_until_waiting,
)
from tests.database import HOUR, START, Booking, Database, book

RUN_AGAIN = "40001"
ELSEWHERE, LATER = START + 2 * HOUR, START + 4 * HOUR
Operation = Callable[[asyncpg.Connection], Awaitable[Booking]]


@dataclass(frozen=True)
class Clinic:
    """Everything a caller of it may ask for, as an operation for some session."""

    database: Database
    org_id: UUID
    doctors: tuple[UUID, ...]

    def books(self, number: int, at: datetime = START, **overrides: object) -> Operation:
        arguments = {**caller(number), "scheduled_at": at, **overrides}
        return lambda session: book(session, self.org_id, **arguments)

    def calls(self, function: str, **parameters: object) -> Operation:
        named = "".join(f", p_{name} => ${n}" for n, name in enumerate(parameters, 2))
        query = f"SELECT {function}(p_org_id => $1{named})"

        async def call(session: asyncpg.Connection) -> Any:
            answer = await session.fetchval(query, self.org_id, *parameters.values())
            return json.loads(answer) if isinstance(answer, str) else {"number": answer}

        return call

    def holds(self, at: datetime = START, **parameters: object) -> Operation:
        return self.calls("hold_slot", service_type="consultation", scheduled_at=at, **parameters)

    def moves(self, booking: Booking, to: datetime, **parameters: object) -> Operation:
        id_ = booking["appointment_id"]
        return self.calls(
            "reschedule_appointment", appointment_id=id_, scheduled_at=to, **parameters
        )

    def cancels(self, booking: Booking) -> Operation:
        return self.calls("cancel_appointment", appointment_id=booking["appointment_id"])

    def marks(self, booking: Booking, status: str) -> Operation:
        id_ = booking["appointment_id"]
        return self.calls("mark_appointment", appointment_id=id_, status=status, source="staff")

    async def does(self, operation: Operation) -> Booking:
        """At once, in a session of its own."""
        return await operation(await self.database.connect_api())

    async def passes(self, moment: datetime) -> None:
        await self.database.set_clock(moment)

    async def live(self) -> dict[tuple[datetime, UUID], str]:
        rows = await (await self.database.owner()).fetch(
            "SELECT scheduled_at, practitioner_id, status FROM appointments "
            "WHERE status IN ('held', 'confirmed')"
        )
        return {(row["scheduled_at"], row["practitioner_id"]): row["status"] for row in rows}


async def clinic_of(database: Database, doctors: int) -> Clinic:
    org_id = await database.organization()
    ids = [await database.practitioner(org_id, id=UUID(int=n + 1)) for n in range(doctors)]
    return Clinic(database, org_id, tuple(ids))


def told(answer: Booking) -> str:
    return "success" if answer.get("success", "number" in answer) else str(answer["error"])


async def run_again(operation: Operation, session: asyncpg.Connection, isolation: Isolation) -> Any:
    """A transaction of its own per try; again on 40001 alone: there must be no deadlock."""
    for _ in range(RETRIES_MAX):
        try:
            async with begin(session, isolation):
                return await operation(session)
        except asyncpg.SerializationError:
            continue
    raise AssertionError(f"no answer after {RETRIES_MAX} tries")


async def second_behind_first(
    clinic: Clinic,
    first: Operation,
    second: Operation,
    isolation: Isolation = "read_committed",
    *,
    commit: bool = True,
) -> tuple[str, str, Booking]:
    """The first is done and not committed; the second, whose snapshot is older, is seen waiting;
    then the first ends. What both were told, and the second's answer when it runs again if it must.
    """
    database = clinic.database
    holder, rival = await database.connect_api(), await database.connect_api()
    observer = await database.connect_owner()
    holding, rivalling = begin(holder, isolation), begin(rival, isolation)
    await holding.start()
    await rivalling.start()
    if isolation != "read_committed":
        await rival.fetch("SELECT FROM appointments")
    done = told(await first(holder))
    waiting = asyncio.ensure_future(second(rival))
    await wait_until_waiting(observer, rival)
    await (holding.commit() if commit else holding.rollback())
    try:
        answer = await waiting
        await rivalling.commit()
        heard = told(answer)
    except asyncpg.SerializationError:
        await rivalling.rollback()
        heard, answer = RUN_AGAIN, await run_again(second, rival, isolation)
    assert await double_bookings(observer) == 0
    return done, heard, answer


async def race(
    clinic: Clinic, isolation: Isolation, operations: list[Operation]
) -> tuple[Counter[str], list[Booking]]:
    """All at once, each in a session of its own."""
    sessions = await asyncio.gather(*(clinic.database.connect_api() for _ in operations))
    answers = await asyncio.gather(
        *(
            run_again(operation, session, isolation)
            for operation, session in zip(operations, sessions, strict=True)
        )
    )
    assert await double_bookings(await clinic.database.owner()) == 0
    return Counter(told(answer) for answer in answers), answers


def refused_or_again(heard: str, isolation: Isolation) -> bool:
    """Above READ COMMITTED a refusal may be what was true when the snapshot was taken."""
    return heard == TAKEN or (isolation != "read_committed" and heard == RUN_AGAIN)
