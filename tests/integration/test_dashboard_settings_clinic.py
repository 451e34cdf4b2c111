"""The clinic's settings: each page changes its part of what `/v1/clinic` shows, and no other."""

from datetime import UTC, datetime

import pytest
import pytest_asyncio

from tests.integration.clinic_forms import (
    CLINIC,
    EXCEPTIONS,
    HOURS,
    PAGES,
    PRACTITIONERS,
    ROOMS,
    SERVICES,
    assert_saved,
    confirm_in,
    document,
    fill,
)
from tests.integration.clinics import Api, Json
from tests.integration.front_desk import Desk, sign_in
from tests.integration.page_forms import error_beside, form, parse, submit, words
from tests.integration.v1_requests import Client, client

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def admin(voice: Api) -> Client:
    return await client(voice, "admin")


@pytest_asyncio.fixture(loop_scope="module")
async def owner(voice: Api) -> Desk:
    return await sign_in(voice)


@pytest.mark.parametrize("path", ["/settings", *PAGES])
async def test_every_page_is_read_by_everybody(voice: Api, path: str) -> None:
    for role in ("owner", "staff", "read_only"):
        desk = await sign_in(voice, role)
        answer = await desk.get(path)
        assert answer.status_code == 200
        assert words(answer.text)


@pytest.mark.parametrize("path", PAGES)
async def test_only_an_owner_changes_it(voice: Api, admin: Client, path: str) -> None:
    before = await document(admin)
    for role in ("staff", "read_only"):
        desk = await sign_in(voice, role)
        opened = await desk.get(path)
        assert "Only an owner" in words(opened.text)
        answer = await desk.post(path, {**form(opened.text, path), "name": "Mine"})
        assert answer.status_code == 403
    assert await document(admin) == before


@pytest.mark.parametrize("path", PAGES)
async def test_a_form_sent_as_it_is_changes_nothing(owner: Desk, admin: Client, path: str) -> None:
    """What a page shows is what is stored, and all of it."""
    await fill(admin)
    before = await document(admin)
    answer = await submit(owner, path)
    assert answer.headers["location"].endswith("?done=same"), words(answer.text)
    assert await document(admin) == before


async def test_the_clinics_rules_are_saved(owner: Desk, admin: Client, voice: Api) -> None:
    answer = await submit(
        owner,
        CLINIC,
        {
            "name": "Hill Dental",
            "address": "2 Hill",
            "phone": "020 7946 0999",
            "notice_minutes": "120",
            "reminder_hours": "48 2",
            "quiet_from": "9:30",
            "caller_check": "name",
            "calendar_title": "name",
            "own_red_flags": "yes",
            "red_flags": "chest pain\n\nbleeding a lot\n",
        },
    )
    assert_saved(answer)
    found = await document(admin)
    assert (found["name"], found["address"]) == ("Hill Dental", "2 Hill")
    assert found["phone"] == "+442079460999"
    assert (found["notice_minutes"], found["reminder_hours"]) == (120, [48, 2])
    assert (found["quiet_from"], found["caller_check"]) == ("09:30", "name")
    assert found["red_flags"] == ["chest pain", "bleeding a lot"]
    (row,) = await voice.rows("SELECT * FROM audit_log WHERE action = 'clinic_configured'")
    assert (row["staff_id"], row["subject_id"]) == (owner.staff_id, str(voice.clinic.id))

    assert_saved(await submit(owner, CLINIC, {"own_red_flags": None, "address": ""}))
    found = await document(admin)
    assert (found["red_flags"], found["address"]) == (None, None)


async def test_a_region_closes_its_public_holidays(owner: Desk, admin: Client) -> None:
    assert_saved(await submit(owner, CLINIC, {"holidays_region": "gb-eng"}))
    found = await document(admin)
    assert found["holidays_region"] == "GB-ENG"
    christmas = [row for row in found["exceptions"] if row["day"] == "2026-12-25"]
    assert [row["source"] for row in christmas] == ["holiday"]
    assert "Christmas Day" in words((await owner.get(EXCEPTIONS)).text)

    assert_saved(await submit(owner, CLINIC, {"holidays_region": ""}))
    assert (await document(admin))["exceptions"] == []


async def test_an_exception_of_ones_own_wins_over_the_holiday_until_it_is_taken_away(
    owner: Desk, admin: Client
) -> None:
    await submit(owner, CLINIC, {"holidays_region": "GB"})
    added = {
        "exceptions-0-day": "2026-12-25",
        "exceptions-0-opens": "10",
        "exceptions-0-closes": "",
    }
    answer = await submit(owner, EXCEPTIONS, added)
    assert answer.status_code == 422
    assert error_beside(answer.text, "exceptions-0-opens")
    added |= {"exceptions-0-opens": "10:00", "exceptions-0-closes": "12:00"}
    assert_saved(await submit(owner, EXCEPTIONS, added))
    sources = [row["source"] for row in await on(admin, "2026-12-25")]
    assert sources == ["clinic"]
    assert_saved(await submit(owner, EXCEPTIONS, {"exceptions-0-remove": "yes"}))
    assert [row["source"] for row in await on(admin, "2026-12-25")] == ["holiday"]


async def on(admin: Client, day: str) -> list[Json]:
    return [row for row in (await document(admin))["exceptions"] if row["day"] == day]


async def test_hours_and_breaks_are_added_changed_and_taken_away(
    owner: Desk, admin: Client
) -> None:
    answer = await submit(
        owner,
        HOURS,
        {
            "hours-0-opens": "8:30",
            "hours-1-remove": "yes",
            "hours-5-practitioner": "Harbor Dental",
            "hours-5-weekday": "6",
            "hours-5-opens": "10.00",
            "hours-5-closes": "12:00",
            "breaks-0-weekday": "1",
            "breaks-0-starts": "13:00",
            "breaks-0-ends": "13:30",
        },
    )
    assert_saved(answer)
    found = await document(admin)
    hours = [(row["practitioner"], row["weekday"], row["opens"]) for row in found["hours"]]
    assert hours == [
        (None, 1, "08:30"),
        (None, 3, "09:00"),
        (None, 4, "09:00"),
        (None, 5, "09:00"),
        ("Harbor Dental", 6, "10:00"),
    ]
    assert found["breaks"] == [
        {"practitioner": None, "weekday": 1, "starts": "13:00", "ends": "13:30", "label": "break"}
    ]


async def test_an_absence_is_in_the_clinics_time(owner: Desk, admin: Client) -> None:
    row = {
        "absences-0-practitioner": "Harbor Dental",
        "absences-0-from_day": "2027-06-01",
        "absences-0-from_time": "09:00",
        "absences-0-until_day": "2027-06-02",
        "absences-0-until_time": "",
        "absences-0-reason": "course",
    }
    assert_saved(await submit(owner, EXCEPTIONS, row))
    assert (await document(admin))["absences"] == [
        {
            "practitioner": "Harbor Dental",
            "starts_at": "2027-06-01T08:00:00Z",
            "ends_at": "2027-06-01T23:00:00Z",
            "reason": "course",
        }
    ]


async def test_a_time_that_comes_twice_is_said_and_kept(owner: Desk, admin: Client) -> None:
    row = {
        "absences-0-practitioner": "Harbor Dental",
        "absences-0-from_day": "2027-10-31",
        "absences-0-from_time": "01:30",
        "absences-0-from_which": "later",
        "absences-0-until_day": "2027-11-01",
    }
    assert_saved(await submit(owner, EXCEPTIONS, row))
    (absence,) = (await document(admin))["absences"]
    assert absence["starts_at"] == "2027-10-31T01:30:00Z"
    answer = await submit(owner, EXCEPTIONS)
    assert answer.headers["location"].endswith("done=same")


async def test_practitioners_rooms_and_services_are_changed(owner: Desk, admin: Client) -> None:
    assert_saved(await submit(owner, PRACTITIONERS, {"practitioners-1-name": "Dr Reyes"}))
    assert_saved(await submit(owner, PRACTITIONERS, {"practitioners-0-name": "Dr Ana Reyes"}))
    assert_saved(await submit(owner, ROOMS, {"rooms-0-name": "Room 1"}))
    found = await document(admin)
    assert [each["name"] for each in found["practitioners"]] == ["Dr Ana Reyes", "Harbor Dental"]
    reyes, room = found["practitioners"][0]["id"], found["rooms"][0]["id"]
    assert_saved(
        await submit(
            owner,
            SERVICES,
            {
                "services-1-name": "Deep clean",
                "services-1-duration_minutes": "45",
                "services-1-buffer_after_minutes": "10",
                "services-1-price_minor_units": "80.5",
                "services-1-currency": "gbp",
                "services-1-practitioners": [reyes],
                "services-1-rooms": [room],
            },
        )
    )
    found = await document(admin)
    (service,) = (each for each in found["services"] if each["key"] == "deep-clean")
    assert (service["duration_minutes"], service["buffer_after_minutes"]) == (45, 10)
    assert (service["price_minor_units"], service["currency"]) == (8050, "GBP")
    assert found["practitioners"][0]["services"] == ["deep-clean"]
    assert found["rooms"][0]["services"] == ["deep-clean"]
    assert "80.50" in (await owner.get(SERVICES)).text


async def test_somebody_becomes_inactive_after_a_warning(owner: Desk, admin: Client) -> None:
    await admin.book()
    quiet = {"practitioners-0-active": None, "practitioners-1-name": "Dr Reyes"}
    answer = await submit(owner, PRACTITIONERS, quiet)
    assert answer.status_code == 200
    assert "Harbor Dental is no longer active" in words(answer.text)
    assert len((await document(admin))["practitioners"]) == 1
    confirmed = form(answer.text, PRACTITIONERS) | {"confirm": confirm_in(answer.text)}
    assert_saved(await owner.post(PRACTITIONERS, confirmed))
    found = (await document(admin))["practitioners"]
    assert {each["name"]: each["active"] for each in found} == {
        "Dr Reyes": True,
        "Harbor Dental": False,
    }


async def test_appointments_outside_the_new_hours_are_told_before_it_is_saved(
    owner: Desk, admin: Client
) -> None:
    """Thursday at ten is booked; then the clinic opens at noon."""
    await admin.book()
    later = {"hours-3-opens": "12:00"}
    answer = await submit(owner, HOURS, later)
    assert "Upcoming appointments that would lie outside the hours, and stay: 1." in words(
        answer.text
    )
    assert (await document(admin))["hours"][3]["opens"] == "09:00"
    # Noticed of another form, it isn't of this one.
    sent = form(answer.text, HOURS) | {"confirm": confirm_in(answer.text), "hours-3-opens": "13:00"}
    again = await owner.post(HOURS, sent)
    assert again.status_code == 200
    assert (await document(admin))["hours"][3]["opens"] == "09:00"
    sent |= {"confirm": confirm_in(again.text)}
    assert_saved(await owner.post(HOURS, sent))
    assert (await document(admin))["hours"][3]["opens"] == "13:00"
    # It lies outside already: another change needs no word about it.
    assert_saved(await submit(owner, HOURS, {"hours-0-opens": "08:00"}))


async def test_another_zone_under_appointments_is_confirmed(owner: Desk, admin: Client) -> None:
    await admin.book()
    answer = await submit(owner, CLINIC, {"timezone": "Europe/Paris"})
    assert answer.status_code == 200
    assert "Each keeps its moment" in words(answer.text)
    assert (await document(admin))["timezone"] == "Europe/London"
    confirmed = form(answer.text, CLINIC) | {"confirm": confirm_in(answer.text)}
    assert_saved(await owner.post(CLINIC, confirmed))
    assert (await document(admin))["timezone"] == "Europe/Paris"


async def test_a_preview_tells_what_would_change_and_changes_nothing(
    owner: Desk, admin: Client
) -> None:
    before = await document(admin)
    answer = await submit(owner, CLINIC, {"notice_minutes": "45", "step": "preview"})
    assert answer.status_code == 200
    assert "notice minutes 0 45" in words(answer.text)
    assert await document(admin) == before
    confirmed = form(answer.text, CLINIC) | {"confirm": confirm_in(answer.text)}
    assert_saved(await owner.post(CLINIC, confirmed))
    assert (await document(admin))["notice_minutes"] == 45


async def test_the_cards_say_how_things_stand(voice: Api, owner: Desk) -> None:
    said = words((await owner.get("/settings")).text)
    assert "No calendar connected" in said
    assert "Text messages: off" in said
    assert "Open on 5 days a week" in said
    now = datetime(2026, 11, 2, tzinfo=UTC)
    await voice.database.call(
        await voice.database.owner(),
        "connect_calendar",
        voice.clinic.id,
        practitioner_id=None,
        vendor="google",
        calendar="primary",
        account=None,
        credentials=b"x",
        access_expires_at=now,
    )
    assert "1 of 1 calendar connected" in words((await owner.get("/settings")).text)
    reader = await sign_in(voice, "read_only")
    assert "Lines and keys" not in words((await reader.get("/settings")).text)


async def test_every_card_leads_to_a_page_of_ones_own(voice: Api) -> None:
    for role in ("owner", "staff", "read_only"):
        desk = await sign_in(voice, role)
        cards = parse((await desk.get("/settings")).text)
        (listed,) = (each for each in cards.iter("ul") if each.get("class") == "cards")
        links = [link.get("href") or "" for link in listed.iter("a")]
        assert len(links) >= 10
        for link in links:
            answer = await voice.http.get(link, headers=desk.cookies)
            assert answer.status_code == 200, (role, link)
