"""The page behind the link in a message: seeing, confirming, moving, cancelling; no account."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from icalendar import Calendar, Event

from tests.integration.clinics import NOW, Api, Clinic, Json, open_clinic
from tests.integration.patient_page import SAME_SITE, Page, link_to, open_page, stored
from tests.integration.v1_requests import HOUR, THURSDAY, Client, client

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = timedelta(days=1)
NOTHING_HERE = "There is nothing here"


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    await voice.value(
        "UPDATE organizations SET address = $2, phone = $3, email = $4 WHERE id = $1",
        voice.clinic.id,
        "1 High Street\nLondon",
        "+442079460000",
        "care@harbor.example",
    )
    await voice.value(
        "UPDATE practitioners SET name = 'Dr Grey' WHERE org_id = $1", voice.clinic.id
    )
    return await client(voice, "staff")


@pytest_asyncio.fixture(loop_scope="module")
async def booked(staff: Client) -> Json:
    return await staff.book()


@pytest_asyncio.fixture(loop_scope="module")
async def page(voice: Api, booked: Json) -> Page:
    return await open_page(voice, await link_to(voice, booked["id"]))


async def everything(api: Api) -> list[Json]:
    """Whatever a page could change."""
    return [
        record
        for table in ("appointments", "events", "deliveries", "waitlist", "leads")
        for record in await api.rows(f"SELECT {table}::text FROM {table} ORDER BY 1")
    ]


# Seeing


async def test_the_page_tells_all_of_the_appointment(page: Page) -> None:
    assert page.status == 200
    assert page.heading == "Your appointment"
    assert page.facts == {
        "When": "Thursday 26 November at 10 am Greenwich Mean Time",
        "Length": "60 minutes",
        "With": "Dr Grey",
        "Service": "Consultation",
        "Name": "Maya Okafor",
        "Where": "1 High Street London",
        "Phone": "+44 20 7946 0000",
    }
    assert "This appointment is booked." in page.text
    assert "Harbor Dental" in "".join(page.only("title").itertext())
    hidden = page.root.itertext()
    assert "7700900123" not in "".join(hidden)


@pytest.mark.parametrize(
    ("language", "country", "when", "state"),
    [
        ("en", "US", "Thursday, November 26 at 10 am", "This appointment is booked."),
        ("de", "DE", "Donnerstag, 26. November, 10 Uhr", "Dieser Termin ist gebucht."),
        ("es", "ES", "jueves 26 de noviembre a las 10:00", "Esta cita está reservada."),
        ("fr", "FR", "Thursday 26 November at 10 am", "This appointment is booked."),
    ],
)
async def test_the_page_speaks_the_clinics_language(
    voice: Api, staff: Client, language: str, country: str, when: str, state: str
) -> None:
    await voice.value(
        "UPDATE organizations SET language = $2, country = $3 WHERE id = $1",
        voice.clinic.id,
        language,
        country,
    )
    booked = await staff.book()

    page = await open_page(voice, await link_to(voice, booked["id"]))

    assert page.only("html").get("lang") == (language if language != "fr" else "en")
    assert next(iter(page.facts.values())).startswith(when)
    assert state in page.text
    for link in [a.get("href", "") for a in page.all("a")]:
        if link.endswith(("/move", "/cancel")):
            assert (await page.open(link)).only("html").get("lang") != "fr"


async def test_a_time_is_the_clinics_on_both_sides_of_a_clock_change(
    voice: Api, staff: Client
) -> None:
    await voice.value("UPDATE organizations SET horizon_days = 365")
    for start in (datetime(2027, 3, 26, 9, tzinfo=UTC), datetime(2027, 3, 29, 8, tzinfo=UTC)):
        page = await open_page(voice, await link_to(voice, (await staff.book(start))["id"]))

        assert "at 9 am" in page.facts["When"]
        assert ("Summer" in page.facts["When"]) == (start.day == 29)


async def test_what_people_wrote_is_text(voice: Api, staff: Client) -> None:
    await voice.value(
        "UPDATE organizations SET name = $1, address = $1", "<script>alert(\"x\")</script> & 'Co'"
    )
    booked = await staff.book()

    page = await open_page(voice, await link_to(voice, booked["id"]))

    assert page.facts["Where"] == "<script>alert(\"x\")</script> & 'Co'"


async def test_opening_pages_changes_nothing(voice: Api, page: Page) -> None:
    before = await everything(voice)

    moving = await page.follow("Move it to another time")
    await moving.press("Go on", time=next(iter(moving.choices.values())))
    await page.follow("Cancel it")
    for path in ("/confirm", "/accept", "/decline"):
        assert (await voice.http.get(f"{page.address}{path}")).status_code == 405

    assert await everything(voice) == before


async def test_the_stylesheet_is_found_from_every_page(voice: Api, page: Page) -> None:
    for one in (page, await page.follow("Cancel it")):
        reply = await voice.http.get(
            str(voice.http.base_url.join(one.address).join(one.only("link").get("href", "")))
        )
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("token", ["A" * 16, "x", "A" * 500, "...", "%00" * 16, "' OR 1=1 --"])
async def test_an_unknown_link_gives_no_hint(voice: Api, page: Page, token: str) -> None:
    for rest in ("", "/move", "/cancel", "/appointment.ics"):
        nothing = await open_page(voice, f"/a/{token}{rest}")

        assert nothing.status == 404
        assert nothing.heading == NOTHING_HERE
        assert "Harbor" not in nothing.text
    for action in ("confirm", "move", "cancel", "accept", "decline"):
        assert (await voice.http.post(f"/a/{token}/{action}")).status_code == 404


async def test_nobody_is_known_so_the_visitors_language_is_used(voice: Api) -> None:
    page = await open_page(voice, f"/a/{'A' * 16}", accept_language="fr, de-AT;q=0.9, en;q=0.8")

    assert page.only("html").get("lang") == "de"


async def test_a_link_ends_a_month_after_its_appointment(
    voice: Api, booked: Json, page: Page
) -> None:
    for later, status in ((29, 200), (31, 404)):
        await voice.database.set_clock(THURSDAY + later * DAY)
        again = await open_page(voice, page.address)
        assert again.status == status
        assert again.buttons == []
    assert again.heading == NOTHING_HERE


async def test_a_number_of_no_country_is_shown_as_it_is(voice: Api, page: Page) -> None:
    await voice.value("UPDATE organizations SET phone = '+999123456'")

    assert (await open_page(voice, page.address)).facts["Phone"] == "+999123456"


# Confirming


async def test_a_patient_says_that_they_come(
    voice: Api, staff: Client, booked: Json, page: Page
) -> None:
    done = await page.press("I'll be there")

    assert done.message == "Thank you. The clinic knows that you're coming."
    assert "I'll be there" not in done.buttons
    found = await stored(voice, booked)
    assert found["patient_confirmed_at"] is not None
    assert found["version"] == 1
    assert (await staff.get(f"appointments/{booked['id']}"))["patient_confirmed_at"] is not None
    again = await page.press("I'll be there")
    assert again.message == done.message
    assert await voice.value("SELECT count(*) FROM events WHERE kind = 'patient_confirmed'") == 1


# Cancelling


async def test_a_patient_cancels_when_asked_once_more(voice: Api, booked: Json, page: Page) -> None:
    asked = await page.follow("Cancel it")
    assert asked.heading == "Cancel your appointment?"
    assert (await asked.follow("No, keep it")).heading == "Your appointment"
    assert (await stored(voice, booked))["status"] == "confirmed"

    done = await asked.press("Yes, cancel it")

    assert done.message == "Your appointment is cancelled."
    assert done.buttons == []
    found = await stored(voice, booked)
    assert (found["status"], found["version"]) == ("cancelled", 2)
    event = await voice.value("SELECT data FROM events WHERE kind = 'cancelled'")
    assert json.loads(event)["source"] == "link"
    again = await asked.press("Yes, cancel it")
    assert again.message == done.message


async def test_no_callers_check_stands_in_the_way(voice: Api, booked: Json, page: Page) -> None:
    await voice.value("UPDATE organizations SET caller_check = 'name_and_birth_date'")

    await (await page.follow("Cancel it")).press("Yes, cancel it")

    assert (await stored(voice, booked))["status"] == "cancelled"


# Out of date


@pytest.mark.parametrize("action", ["confirm", "move", "cancel"])
async def test_a_page_that_is_out_of_date_says_so(
    voice: Api, staff: Client, booked: Json, page: Page, action: str
) -> None:
    day = await (await page.follow("Move it to another time")).press(
        "Show free times", day="2026-11-27"
    )
    last = {
        "confirm": page,
        "move": await day.press("Go on", time=day.choices["9 am"]),
        "cancel": await page.follow("Cancel it"),
    }[action]
    changes = {"scheduled_at": (THURSDAY + 3 * HOUR).isoformat()}
    await staff.patch(f"appointments/{booked['id']}", changes, if_match='"1"')

    stale = await last.press(last.buttons[0])

    assert stale.status == 409
    assert stale.message == (
        "This appointment was changed in the meantime. This is how it stands now."
    )
    assert stale.facts["When"].startswith("Thursday 26 November at 1 pm")
    found = await stored(voice, booked)
    assert (found["version"], found["status"]) == (2, "confirmed")
    assert found["patient_confirmed_at"] is None


@pytest.mark.parametrize("version", ["", "0", "-1", "x", "1" * 50, "1.0"])
async def test_a_version_that_is_none_is_out_of_date(
    voice: Api, booked: Json, page: Page, version: str
) -> None:
    refused = await page.press("I'll be there", version=version)

    assert refused.status == 409
    assert (await stored(voice, booked))["patient_confirmed_at"] is None


@pytest.mark.parametrize("status", ["cancelled", "completed", "no_show", "past"])
async def test_what_is_over_is_said_to_be_and_stays(
    voice: Api, booked: Json, page: Page, status: str
) -> None:
    if status == "past":
        await voice.database.set_clock(THURSDAY + HOUR / 2)
    else:
        await voice.value(
            "UPDATE appointments SET status = $2 WHERE id = $1", UUID(booked["id"]), status
        )
    before = await stored(voice, booked)

    over = await open_page(voice, page.address)

    expected = "cancelled" if status == "cancelled" else "over"
    assert f"This appointment is {expected}." in over.text
    assert over.buttons == []
    assert over.facts["When"].startswith("Thursday 26 November at 10 am")
    for path in ("/move", "/cancel"):
        assert (await open_page(voice, f"{page.address}{path}")).buttons == []
    await page.press("I'll be there")
    await voice.http.post(f"{page.address}/cancel", data={"version": "1"}, headers=SAME_SITE)
    assert await stored(voice, booked) == before


# The calendar's entry


async def test_the_entry_for_a_calendar(voice: Api, booked: Json, page: Page) -> None:
    [path] = [a.get("href", "") for a in page.all("a") if "ics" in a.get("href", "")]
    address = voice.http.base_url.join(page.address).join(path)
    reply = await voice.http.get(str(address))

    assert reply.headers["content-type"] == "text/calendar; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert "appointment.ics" in reply.headers["content-disposition"]
    calendar = Calendar.from_ical(reply.content)
    [event] = [part for part in calendar.walk() if isinstance(part, Event)]
    assert event.start == THURSDAY
    assert event.end == THURSDAY + HOUR
    assert str(event["uid"]) == f"{booked['id']}@voxanne"
    assert str(event["summary"]) == "Appointment at Harbor Dental"
    assert (str(event["sequence"]), str(event["status"])) == ("0", "CONFIRMED")
    assert "Maya" not in reply.text
    assert "onsultation" not in reply.text

    await (await page.follow("Cancel it")).press("Yes, cancel it")
    reply = await voice.http.get(str(address))
    assert "STATUS:CANCELLED" in reply.text
    assert "SEQUENCE:1" in reply.text


# Whose it is


async def test_a_link_reaches_nothing_of_another(
    voice: Api, staff: Client, booked: Json, page: Page
) -> None:
    """Whatever ids are sent along: the appointment is the link's, the clinic the appointment's."""
    second = await staff.book(THURSDAY + 2 * HOUR)
    stranger = await client(voice, "staff", await open_clinic(voice.database))
    third = await stranger.book()
    others = [await stored(voice, one) for one in (second, third)]
    ids = {"appointment_id": third["id"], "org_id": str(stranger.clinic.id), "id": second["id"]}

    foreign = f"{(THURSDAY + DAY).isoformat()}~{third['practitioner_id']}"
    refused = await voice.http.post(
        f"{page.address}/move", data={**ids, "version": "1", "time": foreign}, headers=SAME_SITE
    )
    assert refused.status_code == 409
    cancelled = await voice.http.post(
        f"{page.address}/cancel", data={**ids, "version": "1"}, headers=SAME_SITE
    )
    assert cancelled.status_code == 303

    assert [await stored(voice, one) for one in (second, third)] == others
    assert (await stored(voice, booked))["status"] == "cancelled"


async def booked_at(voice: Api, clinic: Clinic) -> Json:
    return await (await client(voice, "staff", clinic)).book()


async def test_clinics_have_different_links(voice: Api, page: Page) -> None:
    other = await open_clinic(voice.database, name="Elsewhere")
    theirs = await booked_at(voice, other)

    elsewhere = await open_page(voice, await link_to(voice, theirs["id"], other))

    assert elsewhere.address != page.address
    assert elsewhere.texts("header") == ["Elsewhere"]
    assert page.texts("header") == ["Harbor Dental"]


async def test_now_is_the_databases(voice: Api) -> None:
    assert abs(await voice.value("SELECT current_moment()") - NOW) < timedelta(minutes=5)
