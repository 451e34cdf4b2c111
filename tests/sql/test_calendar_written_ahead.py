"""A calendar that an event may be in is known before anything is put there."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from tests.database import START, Database

LEASE_SECONDS = 60


async def claim_calendar(api: asyncpg.Connection) -> dict[str, Any]:
    """The details of the one calendar delivery that is due."""
    claimed = json.loads(
        await api.fetchval("SELECT claim_deliveries('calendar', 10, 10, $1)", LEASE_SECONDS)
    )
    ((delivery,),) = [answer["deliveries"] for answer in claimed]
    details: dict[str, Any] = delivery["details"]
    return details


async def connect(database: Database, clinic: UUID, practitioner: UUID) -> str:
    answer = await database.call(
        await database.owner(),
        "connect_calendar",
        clinic,
        practitioner_id=practitioner,
        vendor="google",
        calendar=str(practitioner),
        account=None,
        credentials=b"encrypted",
    )
    connection: str = answer["id"]
    return connection


async def test_an_event_of_a_worker_that_died_is_taken_out_after_a_move(database: Database) -> None:
    """It was put into the first calendar, and nobody lived to tell."""
    owner, api = await database.owner(), await database.connect_api()
    clinic = await database.organization()
    first, second = [await database.practitioner(clinic, name=name) for name in ("A", "B")]
    connections = [await connect(database, clinic, who) for who in (first, second)]
    booked = await database.book(api, clinic, practitioner_id=first)
    before = await claim_calendar(api)
    assert (before["connection"]["id"], before["event"]) == (connections[0], None)

    moved = await database.call(
        owner,
        "reschedule_appointment",
        clinic,
        appointment_id=UUID(booked["appointment_id"]),
        scheduled_at=START,
        practitioner_id=second,
        source="staff",
    )
    assert moved["success"], moved
    # The first one's lease runs out; it is found to be overtaken, and given up.
    await database.set_clock(
        await owner.fetchval("SELECT current_moment()") + timedelta(seconds=LEASE_SECONDS + 1)
    )
    stale = await claim_calendar(api)
    assert stale["connection"]["id"] == connections[1]
    await owner.execute("UPDATE deliveries SET status = 'voided' WHERE version = 1")
    after = await claim_calendar(api)

    assert (after["connection"]["id"], after["event"]) == (connections[1], None)
    assert [former["connection"]["id"] for former in after["former"]] == [connections[0]]
