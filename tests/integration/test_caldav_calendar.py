"""Appointments in a real CalDAV server's calendar, and what that calendar says about the time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.fakes.radicale_server import PASSWORD, USER, Desk, ical, open_desk, radicale_server
from tests.integration.caldav_clinics import Practice, name, open_practice, times, uid
from tests.integration.clinics import Api
from tests.integration.v1_requests import HOUR, THURSDAY, moment, refusal
from voxanne.deliveries.addresses import open_guarded_client

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = timedelta(days=1)


@pytest.fixture
def desk(radicale: str) -> Iterator[Desk]:
    """A calendar of the test's own."""
    with open_desk(radicale, uuid4().hex) as opened:
        yield opened


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with radicale_server(Path(tmp_path_factory.mktemp("radicale"))) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def practice(voice: Api) -> AsyncIterator[Practice]:
    async with open_practice(voice) as opened:
        yield opened


async def test_a_booking_is_in_the_calendar_and_follows_moves_and_cancellations(
    practice: Practice, desk: Desk
) -> None:
    connection = await practice.connect(desk.url)
    booked = await practice.book()
    delivery = await practice.delivery(booked)
    assert (delivery["status"], delivery["external_id"]) == ("delivered", UUID(booked["id"]).hex)
    event = desk.events()[uid(booked)]
    assert (event.start, event.end) == (THURSDAY, THURSDAY + HOUR)
    assert event["DTSTART"].params["TZID"] == "Europe/London"
    assert event["SUMMARY"] == "Appointment"
    (stored,) = await practice.api.rows("SELECT * FROM calendar_events")
    assert (stored["connection_id"], stored["starts_at"]) == (connection, THURSDAY)

    later = THURSDAY + 3 * HOUR
    await practice.admin.patch(f"appointments/{booked['id']}", {"scheduled_at": moment(later)})
    await practice.deliver()
    assert times(desk) == {uid(booked): (later, later + HOUR)}
    assert int(desk.events()[uid(booked)]["SEQUENCE"]) > int(event["SEQUENCE"])

    await practice.admin.post(f"appointments/{booked['id']}/cancel")
    await practice.deliver()
    assert desk.events() == {}
    assert (await practice.delivery(booked))["status"] == "delivered"


async def test_what_is_carried_out_twice_is_there_once(practice: Practice, desk: Desk) -> None:
    await practice.connect(desk.url)
    booked = await practice.book()
    again = "UPDATE deliveries SET status = 'queued', uncertain = true WHERE kind = 'calendar'"
    await practice.api.value(again)
    await practice.api.value("DELETE FROM calendar_events")
    await practice.deliver()
    assert times(desk) == {uid(booked): (THURSDAY, THURSDAY + HOUR)}
    assert (await practice.delivery(booked))["status"] == "delivered"


async def test_an_appointment_goes_with_its_practitioner(
    practice: Practice, desk: Desk, radicale: str
) -> None:
    org_id = practice.admin.clinic.id
    (grey,) = [row["id"] for row in await practice.api.rows("SELECT id FROM practitioners")]
    other = await practice.api.database.practitioner(org_id, name="Dr Other")
    await practice.connect(desk.url, practitioner_id=str(grey))
    with open_desk(radicale, uuid4().hex) as others:
        await practice.connect(others.url, practitioner_id=str(other))
        booked = await practice.book(practitioner_id=str(grey))
        assert (list(times(desk)), list(times(others))) == ([uid(booked)], [])
        change = {"practitioner_id": str(other)}
        await practice.admin.patch(f"appointments/{booked['id']}", change)
        await practice.deliver()
        assert (list(times(desk)), list(times(others))) == ([], [uid(booked)])


async def test_what_staff_added_to_an_event_stays_when_it_moves(
    practice: Practice, desk: Desk
) -> None:
    await practice.connect(desk.url)
    booked = await practice.book()
    note = (
        b"LOCATION:Room 2\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nDESCRIPTION:x\r\n"
    )
    desk.change(name(booked), {b"END:VEVENT": note + b"END:VALARM\r\nEND:VEVENT"})
    later = THURSDAY + 2 * HOUR
    await practice.admin.patch(f"appointments/{booked['id']}", {"scheduled_at": moment(later)})
    await practice.deliver()
    event = desk.events()[uid(booked)]
    assert (event.start, event["LOCATION"]) == (later, "Room 2")
    assert [part.name for part in event.subcomponents] == ["VALARM"]


async def test_the_calendars_own_time_is_not_booked(practice: Practice, desk: Desk) -> None:
    desk.put("dentist.ics", f"DTSTART:{THURSDAY:%Y%m%dT%H%M%SZ}", "DURATION:PT1H", "SUMMARY:Mine")
    await practice.connect(desk.url)
    assert await practice.read() == 1
    assert await practice.busy() == [(THURSDAY, HOUR)]
    assert await practice.books_in_vain(THURSDAY) == "SLOT_UNAVAILABLE"
    await practice.book(THURSDAY + HOUR)
    desk.delete("dentist.ics")
    await practice.read()
    assert await practice.busy() == []
    await practice.book(THURSDAY)


async def test_series_and_days_keep_the_time_they_keep_in_the_calendars_zone(
    practice: Practice, radicale: str
) -> None:
    with open_desk(radicale, uuid4().hex, zone="America/New_York") as desk:
        desk.put(
            "rounds.ics",
            "DTSTART;TZID=America/New_York:20261105T090000",
            "DTEND;TZID=America/New_York:20261105T093000",
            "RRULE:FREQ=WEEKLY;COUNT=4",
            "EXDATE;TZID=America/New_York:20261112T090000",
        )
        desk.put("away.ics", "DTSTART;VALUE=DATE:20261210", "DTEND;VALUE=DATE:20261212")
        desk.put("lunch_break.ics", "DTSTART:20261215T120000", "DTEND:20261215T123000")
        desk.put("free.ics", "DTSTART:20261216T120000Z", "DURATION:PT1H", "TRANSP:TRANSPARENT")
        desk.put("off.ics", "DTSTART:20261217T120000Z", "DURATION:PT1H", "STATUS:CANCELLED")
        desk.put(
            "declined.ics",
            "DTSTART:20261218T120000Z",
            "DURATION:PT1H",
            "ATTENDEE;PARTSTAT=DECLINED:mailto:grey",
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:other@example.com",
        )
        desk.put(
            "invited.ics",
            "DTSTART:20261219T120000Z",
            "DURATION:PT1H",
            "ATTENDEE;PARTSTAT=DECLINED:mailto:other@example.com",
        )
        desk.put("often.ics", "DTSTART:20261201T120000Z", "RRULE:FREQ=SECONDLY")
        await practice.connect(desk.url)
        await practice.read()
        at_nine = THURSDAY.replace(day=5, hour=14)
        half = HOUR / 2
        expected = [
            *[(at_nine + week * 7 * DAY, half) for week in (0, 2, 3)],
            (THURSDAY.replace(month=12, day=10, hour=5), 2 * DAY),
            (THURSDAY.replace(month=12, day=15, hour=17), half),
            (THURSDAY.replace(month=12, day=19, hour=12), HOUR),
        ]
        assert await practice.busy() == expected
        # One occurrence is moved, and the series' end comes with it.
        moved = ical(
            "UID:rounds.ics",
            "DTSTART;TZID=America/New_York:20261105T090000",
            "DURATION:PT30M",
            "RRULE:FREQ=WEEKLY;COUNT=2",
        ).replace(
            "END:VCALENDAR",
            "BEGIN:VEVENT\r\nUID:rounds.ics\r\nDTSTAMP:20261101T000000Z\r\n"
            "RECURRENCE-ID;TZID=America/New_York:20261112T090000\r\n"
            "DTSTART;TZID=America/New_York:20261112T110000\r\nDURATION:PT1H\r\nEND:VEVENT\r\n"
            "END:VCALENDAR",
        )
        desk.put_text("rounds.ics", moved)
        await practice.read()
        assert (await practice.busy())[:2] == [
            (at_nine, half),
            (at_nine + 7 * DAY + 2 * HOUR, HOUR),
        ]
        assert len(await practice.busy()) == 5


async def test_an_unknown_sync_token_is_a_full_reading(practice: Practice, desk: Desk) -> None:
    await practice.connect(desk.url)
    booked = await practice.book()
    await practice.read()
    token = (await practice.connection())["sync_token"]
    assert token
    desk.put("mine.ics", f"DTSTART:{THURSDAY + HOUR:%Y%m%dT%H%M%SZ}", "DURATION:PT1H")
    for known in (token.replace("sync/", "sync/0"), "nonsense"):
        await practice.api.value("UPDATE calendar_connections SET sync_token = $1", known)
        await practice.api.value("DELETE FROM busy_times")
        await practice.read()
        connection = await practice.connection()
        assert connection["status"] == "connected"
        assert connection["sync_token"] not in (known, token)
        assert await practice.busy() == [(THURSDAY + HOUR, HOUR)]
    assert (await practice.appointment(booked))["status"] == "confirmed"


async def test_what_staff_do_in_the_calendar_is_done_here(practice: Practice, desk: Desk) -> None:
    await practice.connect(desk.url)
    booked = await practice.book()
    await practice.read()
    desk.change(name(booked), {b":20261126T100000": b":20261126T140000",
                               b":20261126T110000": b":20261126T150000"})  # fmt: skip
    await practice.read()
    assert (await practice.appointment(booked))["scheduled_at"] == THURSDAY + 4 * HOUR
    await practice.deliver()
    assert times(desk) == {uid(booked): (THURSDAY + 4 * HOUR, THURSDAY + 5 * HOUR)}
    desk.delete(name(booked))
    await practice.read()
    assert (await practice.appointment(booked))["status"] == "cancelled"


async def test_what_staff_do_in_the_calendar_is_undone_where_the_clinic_wants_that(
    practice: Practice, desk: Desk
) -> None:
    await practice.api.value("UPDATE organizations SET calendar_changes = 'restore'")
    await practice.connect(desk.url)
    booked = await practice.book()
    await practice.read()
    desk.delete(name(booked))
    await practice.read()
    await practice.deliver()
    assert times(desk) == {uid(booked): (THURSDAY, THURSDAY + HOUR)}
    assert (await practice.appointment(booked))["status"] == "confirmed"


async def test_a_wrong_password_breaks_the_calendar_until_it_is_mended(
    practice: Practice, desk: Desk
) -> None:
    await practice.connect(desk.url, password="wrong")
    await practice.read()
    connection = await practice.connection()
    assert (connection["status"], connection["error_code"]) == ("broken", "unauthorized")
    assert connection["error"] == "The server refuses the user or the password."
    assert await practice.alerts() == ["calendar_broken"]
    booked = await practice.book()
    delivery = await practice.delivery(booked)
    assert (delivery["status"], delivery["error_code"]) == ("queued", "unauthorized")
    assert desk.events() == {}
    await practice.connect(desk.url)
    await practice.worker.drain()
    assert times(desk) == {uid(booked): (THURSDAY, THURSDAY + HOUR)}
    assert (await practice.delivery(booked))["status"] == "delivered"


async def test_a_calendar_that_is_gone_is_broken(practice: Practice, desk: Desk) -> None:
    await practice.connect(desk.url)
    await practice.read()
    desk.remove_calendar()
    await practice.read()
    connection = await practice.connection()
    assert (connection["status"], connection["error_code"]) == ("broken", "calendar_gone")
    assert await practice.alerts() == ["calendar_broken"]


async def test_a_booking_finds_out_that_its_calendar_is_gone(
    practice: Practice, desk: Desk
) -> None:
    await practice.connect(desk.url)
    await practice.read()
    desk.remove_calendar()
    booked = await practice.book()
    assert (await practice.delivery(booked))["error_code"] == "calendar_gone"
    assert (await practice.connection())["status"] == "broken"


async def test_an_event_that_changed_under_us_is_put_right(practice: Practice, desk: Desk) -> None:
    """412: the etag we know is not the server's any more."""
    await practice.connect(desk.url)
    booked = await practice.book()
    desk.change(name(booked), {b"SUMMARY:Appointment": b"SUMMARY:Somebody"})
    await practice.admin.post(f"appointments/{booked['id']}/cancel")
    await practice.deliver()
    assert desk.events() == {}
    assert (await practice.delivery(booked))["status"] == "delivered"


async def test_what_isnt_ours_is_left_alone(practice: Practice, desk: Desk) -> None:
    """Somebody else's event in the appointment's place."""
    await practice.connect(desk.url)
    booked = await practice.admin.book()
    desk.put(name(booked), f"DTSTART:{THURSDAY:%Y%m%dT%H%M%SZ}", "DURATION:PT1H")
    await practice.deliver()
    delivery = await practice.delivery(booked)
    assert (delivery["status"], delivery["error_code"]) == ("failed", "id_taken")
    assert list(desk.events()) == [name(booked)]


async def test_the_calendar_is_found_from_the_servers_address(
    practice: Practice, voice: Api, tmp_path: Path
) -> None:
    with radicale_server(tmp_path) as url, open_desk(url, "practice") as desk:
        await practice.connect(url)
        booked = await practice.book()
        assert list(times(desk)) == [uid(booked)]
        assert (await practice.connection())["calendar"] == desk.url
        # Another calendar later makes no doubt, in another process neither.
        with open_desk(url, "private"):
            async with open_practice(voice) as elsewhere:
                await elsewhere.read()
                assert (await elsewhere.connection())["status"] == "connected"


@pytest.mark.parametrize(
    ("wanted", "error_code"),
    [(None, "several_calendars"), ("Missing", "unknown_calendar"), ("Private", None)],
)
async def test_of_several_calendars_one_must_be_named(
    practice: Practice, tmp_path: Path, wanted: str | None, error_code: str | None
) -> None:
    with radicale_server(tmp_path) as url, open_desk(url, "practice"), open_desk(url, "private"):
        await practice.connect(url, **({"calendar": wanted} if wanted else {}))
        await practice.read()
        connection = await practice.connection()
        assert connection["error_code"] == error_code
        assert connection["status"] == ("broken" if error_code else "connected")
        if error_code:
            assert "Practice, Private" in connection["error"]
        else:
            assert connection["calendar"].endswith("/private/")


@pytest.mark.parametrize(
    "address",
    [
        "http://cloud.example.com/",
        "https://10.0.0.7/dav/",
        "https://169.254.169.254/",
        "https://u:p@cloud.example.com/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "cloud.example.com",
        "https://cloud.example.com/#x",
        "https://cloud.example.com:22/",
    ],
)
async def test_an_address_that_leads_nowhere_good_is_refused(
    practice: Practice, address: str
) -> None:
    body = {"address": address, "user": USER, "password": PASSWORD}
    problem = refusal(await practice.admin.send("POST", "calendars/caldav/connect", body))
    assert (problem["status"], problem["code"]) == (422, "INVALID_ARGUMENTS")
    assert PASSWORD not in str(problem)


@pytest.mark.parametrize("address", ["http://localhost:8080/dav/", "https://cloud.example.com"])
async def test_a_name_that_resolves_into_the_network_is_broken_in_words(
    practice: Practice, address: str
) -> None:
    """The name is looked up when the worker goes there, not when it is stored."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["10.0.0.7"]

    await practice.calendars.close()
    practice.calendars.loopback = False
    practice.calendars.outside = open_guarded_client(private_addresses=False, resolve=resolve)
    await practice.connect(address)
    await practice.read()
    connection = await practice.connection()
    assert (connection["status"], connection["error_code"]) == ("broken", "forbidden_address")


async def test_the_password_is_nowhere_to_be_read(practice: Practice, desk: Desk) -> None:
    await practice.connect(desk.url)
    await practice.read()
    (row,) = await practice.api.rows(
        "SELECT calendar_connections::text AS said FROM calendar_connections"
    )
    assert PASSWORD not in row["said"]
    assert PASSWORD not in repr(practice.calendars)


async def test_one_clinics_server_doesnt_keep_another_waiting(
    practice: Practice, desk: Desk, voice: Api
) -> None:
    """A server that accepts and says nothing."""
    connected: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set_result(writer)

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    try:
        await practice.connect(desk.url)
        async with open_practice(await _another(voice)) as slow:
            await slow.connect(f"http://127.0.0.1:{port}/dav/")
            reading = asyncio.create_task(slow.read())
            writer = await connected
            booked = await practice.admin.book()
            await practice.worker.drain()
            assert list(times(desk)) == [uid(booked)]
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            writer.close()
    finally:
        silent.close()
        await silent.wait_closed()


async def _another(api: Api) -> Api:
    return replace(api, clinic=await api.open_clinic("admin"))
