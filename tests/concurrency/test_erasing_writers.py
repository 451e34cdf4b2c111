"""Somebody is erased while a worker writes down what it sends, and while their call is reported."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.concurrency.diary import Clinic, Operation, clinic_of
from tests.concurrency.sessions import begin, wait_until_waiting
from tests.database import Booking, Database

WORDS = "Dear Caller B, we'll see you"
Act = Callable[[asyncpg.Connection], Awaitable[Any]]


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    return await clinic_of(database, 1)


def erases(clinic: Clinic, booking: Booking) -> Operation:
    lead = UUID(booking["contact_id"])
    return clinic.calls("erase_person", lead_id=lead, actor="owner", cancel_appointments=True)


def writes_a_text(clinic: Clinic, booking: Booking) -> Act:
    async def write(session: asyncpg.Connection) -> Any:
        return await session.fetchval(
            "SELECT save_text($1, $2, 'sms_confirmation', 1, 1, '+442079460000', $3, $4)",
            clinic.org_id,
            UUID(booking["appointment_id"]),
            "+442079460001",
            WORDS,
        )

    return write


def reports(clinic: Clinic) -> Act:
    async def report(session: asyncpg.Connection) -> Any:
        said = json.dumps({"transcript": WORDS, "caller": "+442079460001"})
        return await session.fetchval(
            "SELECT record_voice_message($1, 'call-1', 'end-of-call-report', $2, now(), $2)",
            clinic.org_id,
            said,
        )

    return report


async def in_order(clinic: Clinic, first: Act, second: Act) -> tuple[Any, Any]:
    """The first is done and not committed; the second is seen waiting; then the first commits."""
    holder, rival = await clinic.database.connect_api(), await clinic.database.connect_api()
    observer = await clinic.database.connect_owner()
    holding = begin(holder)
    await holding.start()
    done = await first(holder)
    waiting = asyncio.ensure_future(second(rival))
    await wait_until_waiting(observer, rival)
    await holding.commit()
    return done, await waiting


async def words_left(clinic: Clinic) -> int:
    owner = await clinic.database.owner()
    found = [
        await owner.fetchval(
            f"SELECT count(*) FROM {table} AS row WHERE strpos(row::text, $1) > 0", WORDS[:14]
        )
        for table in ("texts", "calls", "voice_messages")
    ]
    return sum(found)


@pytest.fixture
async def booked(clinic: Clinic) -> Booking:
    """By phone; the worker has claimed its text, and the platform has told of the call."""
    made = await clinic.does(clinic.books(1, call_id="call-1", source="voice"))
    owner = await clinic.database.owner()
    await owner.execute("UPDATE deliveries SET status = 'sending', attempts = 1, uncertain = true")
    await owner.execute(
        "INSERT INTO calls (org_id, call_id, lead_id, started_at) VALUES ($1, 'call-1', $2, now())",
        clinic.org_id,
        UUID(made["contact_id"]),
    )
    return made


async def test_a_text_written_down_just_before_goes_too(clinic: Clinic, booked: Booking) -> None:
    saved, erased = await in_order(clinic, writes_a_text(clinic, booked), erases(clinic, booked))
    assert saved is not None
    assert erased["counts"]["texts"] == 1
    assert await words_left(clinic) == 0


async def test_a_text_written_down_just_after_isnt(clinic: Clinic, booked: Booking) -> None:
    erased, saved = await in_order(clinic, erases(clinic, booked), writes_a_text(clinic, booked))
    assert erased["success"]
    assert saved is None
    assert await words_left(clinic) == 0


async def test_a_report_just_before_goes_too(clinic: Clinic, booked: Booking) -> None:
    kept, erased = await in_order(clinic, reports(clinic), erases(clinic, booked))
    assert kept is True
    assert erased["success"]
    assert await words_left(clinic) == 0


async def test_a_report_just_after_isnt_kept(clinic: Clinic, booked: Booking) -> None:
    erased, kept = await in_order(clinic, erases(clinic, booked), reports(clinic))
    assert erased["success"]
    assert kept is False
    assert await words_left(clinic) == 0


async def test_a_report_that_first_learns_whose_call_it_was_meets_no_deadlock(
    clinic: Clinic, booked: Booking
) -> None:
    """It has the call's row and wants the lead's; the erasure wants both."""
    owner = await clinic.database.owner()
    await owner.execute("UPDATE calls SET lead_id = NULL")
    erased, kept = await in_order(clinic, erases(clinic, booked), reports(clinic))
    assert erased["success"]
    assert kept is False
    again = await clinic.does(clinic.books(1, call_id="call-1", source="voice"))
    await owner.execute("UPDATE calls SET lead_id = NULL, stripped_at = NULL")
    kept, erased = await in_order(clinic, reports(clinic), erases(clinic, again))
    assert kept is True
    assert erased["success"]
    assert await words_left(clinic) == 0
