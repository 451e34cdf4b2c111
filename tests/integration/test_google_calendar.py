"""A booking reaches the practitioner's Google Calendar once, and follows what becomes of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.fernet import Fernet, MultiFernet
from starlette.responses import Response

from tests.database import HOUR, START, Database
from tests.fakes.google_calendar import CLIENT_ID, CLIENT_SECRET
from tests.integration.google_clinic import (
    GoogleClinic,
    event_id,
    google_clinic,
    staff_move,
    starts_at,
    timed,
)
from voxanne.deliveries.calendar import CalendarSender
from voxanne.outbox.worker import Worker


@pytest.fixture
async def clinic(database: Database) -> AsyncIterator[GoogleClinic]:
    async with google_clinic(database) as clinic:
        yield clinic


@pytest.fixture
async def connected(clinic: GoogleClinic) -> GoogleClinic:
    await clinic.connect()
    return clinic


async def test_a_booking_is_verified_in_the_calendar(connected: GoogleClinic) -> None:
    booked = await connected.book()

    await connected.deliver()

    event = connected.events[event_id(booked)]
    assert starts_at(event) == START
    assert event["start"]["timeZone"] == event["end"]["timeZone"] == "Europe/London"
    assert (await connected.delivery(booked))["status"] == "delivered"
    assert (await connected.delivery(booked))["external_id"] == event_id(booked)
    assert [each.method for each in connected.fake.exchanges] == ["POST", "GET"]


async def test_the_title_tells_nothing_unless_the_clinic_wants_it(connected: GoogleClinic) -> None:
    neutral = await connected.book()
    await connected.deliver()
    assert "Taylor" not in json.dumps(connected.events[event_id(neutral)])
    assert connected.events[event_id(neutral)]["summary"] == "Appointment"

    await connected.value("UPDATE organizations SET calendar_title = 'name_and_service'")
    await connected.database.service(connected.org_id, "consultation", 60)
    named = await connected.book(START + HOUR)
    await connected.deliver()
    assert connected.events[event_id(named)]["summary"] == "Ann Taylor, consultation"


async def test_a_move_and_a_cancellation_follow(connected: GoogleClinic) -> None:
    booked = await connected.book()
    await connected.deliver()

    await connected.move(booked, START + HOUR)
    await connected.deliver()
    assert starts_at(connected.events[event_id(booked)]) == START + HOUR
    assert (await connected.delivery(booked))["status"] == "delivered"

    await connected.cancel(booked)
    await connected.deliver()
    assert connected.events == {}
    assert (await connected.delivery(booked))["status"] == "delivered"
    assert await connected.rows("SELECT * FROM calendar_events") == []


async def test_a_cancellation_overtakes_what_was_never_delivered(connected: GoogleClinic) -> None:
    booked = await connected.book()
    await connected.cancel(booked)

    await connected.deliver()

    assert connected.fake.calendar().events == {}
    assert (await connected.delivery(booked))["status"] == "delivered"


async def test_deleted_twice_is_deleted(connected: GoogleClinic) -> None:
    booked = await connected.book()
    await connected.deliver()
    connected.fake.calendar().delete(event_id(booked), None)

    await connected.cancel(booked)
    await connected.deliver()

    assert (await connected.delivery(booked))["status"] == "delivered"


async def test_what_was_created_and_not_noted_is_found(connected: GoogleClinic) -> None:
    """A crash between "Google created it" and "we stored its id"."""
    booked = await connected.book()
    await connected.deliver()
    await connected.value("DELETE FROM calendar_events")
    await connected.value("UPDATE deliveries SET status = 'queued' WHERE kind = 'calendar'")

    await connected.deliver()

    assert list(connected.events) == [event_id(booked)]
    assert 409 in [each.status for each in connected.fake.exchanges]
    assert (await connected.delivery(booked))["status"] == "delivered"


async def test_a_deleted_event_of_ours_is_brought_back(connected: GoogleClinic) -> None:
    booked = await connected.book()
    await connected.deliver()
    connected.fake.calendar().delete(event_id(booked), None)
    await connected.value("DELETE FROM calendar_events")
    await connected.value("UPDATE deliveries SET status = 'queued' WHERE kind = 'calendar'")

    await connected.deliver()

    assert connected.events[event_id(booked)]["status"] == "confirmed"
    assert (await connected.delivery(booked))["status"] == "delivered"


async def test_somebody_elses_event_is_a_visible_failure(connected: GoogleClinic) -> None:
    booked = await connected.book()
    foreign = timed(START, START + HOUR, id=event_id(booked))
    connected.fake.calendar().insert(foreign)

    await connected.deliver()

    failed = await connected.delivery(booked)
    assert (failed["status"], failed["error_code"]) == ("failed", "id_taken")
    assert connected.events[event_id(booked)]["summary"] == foreign["summary"]
    assert await connected.alerts() == ["delivery_failed"]


async def test_staffs_change_in_between_is_seen(connected: GoogleClinic) -> None:
    """The etag we know is not the event's any more: it is read, and ours has the last word."""
    booked = await connected.book()
    await connected.deliver()
    calendar = connected.fake.calendar()
    staff_move(calendar, event_id(booked), START + 3 * HOUR, START + 4 * HOUR)
    calendar.patch(event_id(booked), {"location": "Room 4", "description": "Bring X-rays"}, None)

    await connected.move(booked, START + HOUR)
    await connected.deliver()

    event = connected.events[event_id(booked)]
    assert starts_at(event) == START + HOUR
    assert (event["location"], event["description"]) == ("Room 4", "Bring X-rays")
    assert 412 in [each.status for each in connected.fake.exchanges]


async def test_each_practitioner_has_their_own_calendar(clinic: GoogleClinic) -> None:
    own, other = [await clinic.database.practitioner(clinic.org_id) for _ in range(2)]
    grey, everybody = clinic.fake.calendar("grey@clinic.example"), clinic.fake.calendar()
    await clinic.connect()
    await clinic.connect("grey@clinic.example", own)
    booked = await clinic.book(practitioner_id=own)
    await clinic.deliver()
    assert (list(grey.live), list(everybody.live)) == ([event_id(booked)], [])

    await clinic.move(booked, START, practitioner_id=other)
    await clinic.deliver()

    assert (list(grey.live), list(everybody.live)) == ([], [event_id(booked)])
    assert (await clinic.delivery(booked))["status"] == "delivered"


async def test_without_a_calendar_nothing_is_delivered(clinic: GoogleClinic) -> None:
    booked = await clinic.book()
    await clinic.deliver()
    assert (await clinic.delivery(booked))["status"] == "voided"
    assert (await clinic.delivery(booked))["error_code"] == "not_connected"

    # Connected later, what is to come goes into it.
    await clinic.connect()
    await clinic.deliver()

    assert list(clinic.events) == [event_id(booked)]


async def test_a_withdrawn_consent_breaks_and_a_new_one_mends(connected: GoogleClinic) -> None:
    connected.fake.revoke()
    first, second = await connected.book(), await connected.book(START + HOUR)
    await connected.deliver()

    assert (await connected.delivery(first))["parked"]
    assert (await connected.delivery(second))["parked"]
    (calendar,) = await connected.calendars()
    assert (calendar["status"], calendar["error_code"]) == ("broken", "invalid_grant")
    assert calendar["error"].endswith("connect the calendar again.")
    assert await connected.alerts() == ["calendar_broken"]
    asked = len(connected.fake.exchanges)
    third = await connected.book(START + 2 * HOUR)
    await connected.deliver()
    assert len(connected.fake.exchanges) == asked  # nobody asks in vain
    assert (await connected.delivery(third))["parked"]

    await connected.connect()
    await connected.deliver()

    assert set(connected.events) == {event_id(each) for each in (first, second, third)}
    assert [row["status"] for row in await connected.calendars()] == ["connected"]


async def test_the_calendar_itself_is_gone(connected: GoogleClinic) -> None:
    del connected.fake.calendars["primary"]
    booked = await connected.book()
    await connected.deliver()

    assert (await connected.delivery(booked))["error_code"] == "calendar_gone"
    assert (await connected.delivery(booked))["parked"]
    assert [row["status"] for row in await connected.calendars()] == ["broken"]


async def test_a_token_is_renewed_before_it_lapses(connected: GoogleClinic) -> None:
    await connected.value(
        "UPDATE calendar_connections SET access_expires_at = now() + interval '4 minutes'"
    )
    await connected.book()
    await connected.deliver()

    assert connected.fake.refreshes == 1
    assert len(connected.events) == 1
    assert all(each.status != 401 for each in connected.fake.exchanges)
    assert await connected.value("SELECT credentials_version FROM calendar_connections") == 2


async def test_a_token_is_renewed_once_after_a_401(connected: GoogleClinic) -> None:
    connected.fake.expire_access()
    booked = await connected.book()
    await connected.deliver()

    assert connected.fake.refreshes == 1
    assert (await connected.delivery(booked))["status"] == "delivered"


@pytest.mark.parametrize(("lost", "status"), [(1, "delivered"), (9, "queued")])
async def test_a_new_token_that_is_refused_too_is_renewed_again(
    connected: GoogleClinic, monkeypatch: pytest.MonkeyPatch, lost: int, status: str
) -> None:
    """But not for ever: then staff must see to it."""
    granted = connected.fake._granted

    def then_taken_back(tokens: dict[str, object], scope: str) -> Response:
        answer = granted(tokens, scope)
        if connected.fake.refreshes <= lost:
            connected.fake.expire_access()
        return answer

    monkeypatch.setattr(connected.fake, "_granted", then_taken_back)
    connected.fake.expire_access()
    booked = await connected.book()
    await connected.deliver()

    delivery = await connected.delivery(booked)
    assert (delivery["status"], delivery["parked"]) == (status, status == "queued")
    assert connected.fake.refreshes == 2


async def test_one_of_many_renews_the_token(connected: GoogleClinic) -> None:
    """Eight at once and two workers: they have nothing in common but the database."""
    connected.fake.expire_access()
    booked = [await connected.book(START + n * HOUR) for n in range(8)]

    await asyncio.gather(connected.worker.drain(), connected.worker.drain())
    await connected.deliver()

    assert connected.fake.refreshes == 1
    assert set(connected.events) == {event_id(each) for each in booked}


async def test_keys_rotate(clinic: GoogleClinic) -> None:
    """What an old key encrypted is read; what is written new, the new key alone reads."""
    old, new = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
    clinic.fernet = MultiFernet([old])
    await clinic.connect()
    clinic.fernet = MultiFernet([new, old])
    clinic.google = replace(clinic.google, fernet=clinic.fernet)
    clinic.fake.expire_access()
    await clinic.book()
    await clinic.deliver()

    stored = await clinic.value("SELECT credentials FROM calendar_connections")
    assert json.loads(new.decrypt(stored))["refresh_token"] in clinic.fake.refresh_tokens


async def test_a_worker_with_other_keys_breaks_nothing(connected: GoogleClinic) -> None:
    other = MultiFernet([Fernet(Fernet.generate_key())])
    sender = CalendarSender(connected.pool, other, connected.google.calendar)
    booked = await connected.book()

    await Worker(connected.pool, {"calendar": sender}).drain()

    assert (await connected.delivery(booked))["error_code"] == "unreadable_credentials"
    assert [row["status"] for row in await connected.calendars()] == ["connected"]
    await connected.deliver()
    assert (await connected.delivery(booked))["status"] == "delivered"


async def test_disconnecting_forgets_everything(connected: GoogleClinic) -> None:
    booked = await connected.book()
    await connected.deliver()
    (calendar,) = await connected.calendars()

    gone = await connected.call("disconnect_calendar", connection_id=UUID(calendar["id"]))

    assert gone["success"]
    assert await connected.calendars() == []
    assert await connected.value("SELECT count(credentials) FROM calendar_connections") == 0
    assert list(connected.events) == [event_id(booked)]
    await connected.cancel(booked)
    await connected.deliver()
    assert (await connected.delivery(booked))["error_code"] == "not_connected"


async def test_no_secret_and_no_patient_is_told(connected: GoogleClinic) -> None:
    connected.fake.revoke()
    await connected.book()
    await connected.deliver()
    told = json.dumps(
        [
            await connected.calendars(),
            await connected.rows("SELECT error, error_code FROM deliveries"),
            await connected.rows("SELECT kind, data::text FROM events"),
            await connected.rows("SELECT kind FROM alerts"),
        ]
    )
    for secret in ("Taylor", "442079460958", "access_token", CLIENT_SECRET, CLIENT_ID):
        assert secret not in told
