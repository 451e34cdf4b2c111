"""`/calendar/{token}.ics`: who has the address reads the calendar, and nobody else."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import icalendar
import pytest
import pytest_asyncio

from tests.integration.clinics import NOW, Api
from tests.integration.v1_requests import HOUR, THURSDAY, Client, client, moment, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await client(voice, "staff")


@pytest_asyncio.fixture(loop_scope="module")
async def grey(staff: Client, voice: Api) -> UUID:
    """The clinic's practitioner."""
    query = "SELECT id FROM practitioners WHERE org_id = $1"
    found: UUID = await voice.value(query, staff.clinic.id)
    return found


async def open_feed(staff: Client, practitioner: UUID) -> str:
    """The new feed's path."""
    opened = await staff.post(f"practitioners/{practitioner}/feed")
    base, path = opened["url"].split("/calendar/")
    assert base == "http://clinic.test"
    return f"/calendar/{path}"


async def read(api: Api, path: str, **headers: str) -> httpx2.Response:
    """As a calendar program does: without any credential."""
    return await api.http.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def events(api: Api, path: str) -> dict[str, Any]:
    """The feed's events by their UID."""
    reply = await read(api, path)
    assert reply.status_code == 200
    found: list[Any] = icalendar.Calendar.from_ical(reply.content).events
    return {event["UID"]: event for event in found}


async def test_a_booking_is_moved_and_cancelled_in_the_feed(
    voice: Api, staff: Client, grey: UUID
) -> None:
    path = await open_feed(staff, grey)
    booked = await staff.book()
    uid = f"{booked['id']}@voxanne"
    event = (await events(voice, path))[uid]
    assert (event.start, event.end) == (THURSDAY, THURSDAY + HOUR)
    assert event["DTSTART"].params["TZID"] == "Europe/London"
    assert (event["SUMMARY"], event["STATUS"], event["SEQUENCE"]) == (
        "Appointment",
        "CONFIRMED",
        booked["version"] - 1,
    )
    later = moment(THURSDAY + 3 * HOUR)
    moved = await staff.patch(f"appointments/{booked['id']}", {"scheduled_at": later})
    event = (await events(voice, path))[uid]
    assert event.start == THURSDAY + 3 * HOUR
    assert event["SEQUENCE"] == moved["version"] - 1 > booked["version"] - 1
    await staff.post(f"appointments/{booked['id']}/cancel")
    assert (await events(voice, path))[uid]["STATUS"] == "CANCELLED"


async def test_nothing_of_a_patient_is_in_it_unless_the_clinic_chose(
    voice: Api, staff: Client, grey: UUID
) -> None:
    path = await open_feed(staff, grey)
    await staff.book(notes="a broken tooth", email="maya@example.com")
    text = (await read(voice, path)).text
    for secret in ("Maya", "7700900123", "broken tooth", "maya@", "consultation", "Consultation"):
        assert secret not in text
    for chosen, title in (
        ("name", "Maya Okafor"),
        ("name_and_service", "Maya Okafor, Consultation"),
    ):
        await voice.value("UPDATE organizations SET calendar_title = $1", chosen)
        (event,) = (await events(voice, path)).values()
        assert event["SUMMARY"] == title
        assert "7700900123" not in (await read(voice, path)).text


async def test_what_is_held_lapsed_or_long_ago_is_not_in_it(
    voice: Api, staff: Client, grey: UUID
) -> None:
    path = await open_feed(staff, grey)
    await staff.post(
        "holds", {"service_type": "consultation", "scheduled_at": moment(THURSDAY + HOUR)}
    )
    day = timedelta(days=1)
    for starts, status in (
        (NOW - 31 * day, "completed"),
        (NOW - 29 * day, "completed"),
        (NOW - 28 * day, "no_show"),
        (NOW + 2 * day, "expired"),
        (NOW + 364 * day, "confirmed"),
        (NOW + 367 * day, "confirmed"),
    ):
        await voice.database.appointment(staff.clinic.id, grey, scheduled_at=starts, status=status)
    other = await voice.database.practitioner(staff.clinic.id, name="Dr Other")
    await voice.database.appointment(staff.clinic.id, other, scheduled_at=NOW + 3 * day)
    found = (await events(voice, path)).values()
    assert [event.start for event in found] == [NOW - 29 * day, NOW - 28 * day, NOW + 364 * day]
    assert {event["STATUS"] for event in found} == {"CONFIRMED"}


async def test_what_is_known_is_not_sent_again(voice: Api, staff: Client, grey: UUID) -> None:
    path = await open_feed(staff, grey)
    await staff.book()
    first = await read(voice, path)
    etag = first.headers["etag"]
    assert first.headers["content-type"] == "text/calendar; charset=utf-8"
    assert first.headers["cache-control"] == "private, no-cache"
    again = await read(voice, path, If_None_Match=etag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await read(voice, path, If_None_Match='"other"')).content == first.content
    head = await voice.http.head(path)
    assert (head.status_code, head.headers["etag"]) == (200, etag)
    await staff.book(THURSDAY + HOUR)
    changed = await read(voice, path, If_None_Match=etag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


async def test_a_new_address_ends_the_old_one_and_closing_ends_both(
    voice: Api, staff: Client, grey: UUID
) -> None:
    old = await open_feed(staff, grey)
    new = await open_feed(staff, grey)
    assert len(new.split("/")[-1]) == len("43 characters of 6 bits: 32 random bytes at") + len(
        ".ics"
    )
    assert (await read(voice, new)).status_code == 200
    revoked = await read(voice, old)
    guessed = await read(voice, "/calendar/AAAA.ics")
    assert (revoked.status_code, revoked.content) == (guessed.status_code, guessed.content)
    assert revoked.status_code == 404
    hashes = await voice.rows("SELECT token_hash FROM calendar_feeds")
    assert new.encode() not in b"".join(row["token_hash"] for row in hashes)
    reply = await staff.send("DELETE", f"practitioners/{grey}/feed")
    assert reply.status_code == 204
    assert (await read(voice, new)).content == guessed.content
    assert await staff.refused("DELETE", f"practitioners/{grey}/feed") == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path", ["/calendar/.ics", "/calendar/" + "A" * 5000 + ".ics", "/calendar/%00%FF.ics"]
)
async def test_a_strange_token_is_an_unknown_one(voice: Api, path: str) -> None:
    assert (await read(voice, path)).status_code == 404


async def test_a_feed_is_of_one_of_the_clinics_own(voice: Api, staff: Client, grey: UUID) -> None:
    other = await client(voice, "admin", await voice.open_clinic("admin"))
    for practitioner in (grey, uuid4()):
        reply = await other.send("POST", f"practitioners/{practitioner}/feed")
        assert refusal(reply)["code"] == "UNKNOWN_PRACTITIONER"
    await open_feed(staff, grey)
    assert await other.refused("DELETE", f"practitioners/{grey}/feed") == (404, "NOT_FOUND")


async def test_the_address_is_never_logged(
    voice: Api,
    staff: Client,
    grey: UUID,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = await open_feed(staff, grey)
    await read(voice, path)
    said = caplog.text + "".join(capfd.readouterr())
    assert "/calendar/{token}.ics" in said
    assert path.split("/")[-1] not in said
