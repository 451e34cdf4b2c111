"""A booking's answer waits for its calendar event, and says honestly whether it is there."""

import asyncio
import time
from uuid import UUID

import pytest

from tests.integration.clinics import Api, Json
from voxanne.inbound.voice.calendar_wait import CalendarWait

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERIFY = (
    "UPDATE deliveries SET status = 'delivered', external_id = 'event-1' "
    "WHERE subject_id = $1 AND kind = 'calendar'"
)


async def connect(voice: Api) -> None:
    await voice.value(
        "INSERT INTO calendar_connections (org_id, vendor, calendar) VALUES ($1, 'google', 'c')",
        voice.clinic.id,
    )


async def wait(voice: Api, booked: Json, seconds_max: float) -> Json:
    waiting = CalendarWait(voice.pool, seconds_max)
    return await waiting.complete(voice.clinic.id, "en", booked)


async def test_without_a_calendar_nobody_waits(voice: Api) -> None:
    started = time.monotonic()
    booked = await wait(voice, await voice.book(), 60)
    assert time.monotonic() - started < 30
    assert (booked["calendarStatus"], booked["calendarEventId"]) == ("off", None)
    assert "calendar" not in booked["message"]


async def test_an_event_that_is_verified_in_time_is_told(voice: Api) -> None:
    booked = await voice.book()
    await connect(voice)
    waiting = asyncio.create_task(wait(voice, booked, 60))
    await voice.value(VERIFY, UUID(booked["appointmentId"]))
    told = await waiting
    assert (told["calendarStatus"], told["calendarEventId"]) == ("delivered", "event-1")
    assert told["message"] == f"{booked['message']} It's in the calendar."
    again = await wait(voice, {**booked, "replayed": True}, 60)
    assert again["message"] == booked["message"]


async def test_when_the_time_is_up_it_is_booked_and_no_more(voice: Api) -> None:
    booked = await voice.book()
    await connect(voice)
    told = await wait(voice, booked, 0.2)
    assert (told["calendarStatus"], told["calendarEventId"]) == ("queued", None)
    assert told["message"] == booked["message"]


async def test_a_failed_event_ends_the_wait(voice: Api) -> None:
    booked = await voice.book()
    await connect(voice)
    await voice.value("UPDATE deliveries SET status = 'failed', external_id = 'event-1'")
    told = await wait(voice, booked, 60)
    assert (told["calendarStatus"], told["calendarEventId"]) == ("failed", None)


async def test_a_database_that_went_away_costs_nobody_the_answer(voice: Api) -> None:
    booked = await voice.book()

    class Away:
        async def fetch_value(self, query: str, *arguments: object) -> object:
            raise TimeoutError

    told = await CalendarWait(Away(), 1.0).complete(voice.clinic.id, "en", booked)
    assert told == booked


async def test_another_practitioners_calendar_is_none_of_theirs(voice: Api) -> None:
    booked = await voice.book()
    other = await voice.value(
        "INSERT INTO practitioners (org_id, name) VALUES ($1, 'Dr Other') RETURNING id",
        voice.clinic.id,
    )
    await voice.value(
        "INSERT INTO calendar_connections (org_id, practitioner_id, vendor, calendar) "
        "VALUES ($1, $2, 'google', 'c')",
        voice.clinic.id,
        other,
    )
    assert (await wait(voice, booked, 60))["calendarStatus"] == "off"
