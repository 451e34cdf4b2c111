"""Moving an appointment on the patient's page: days, free times, and what was taken meanwhile."""

from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from tests.integration.patient_page import SAME_SITE, Page, link_to, open_page, stored
from tests.integration.v1_requests import HOUR, THURSDAY, Client, client

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = timedelta(days=1)


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    await voice.value("UPDATE organizations SET phone = '+442079460000'")
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


async def test_a_patient_moves_to_a_time_they_choose(voice: Api, booked: Json, page: Page) -> None:
    moving = await page.follow("Move it to another time")
    assert "Now: Thursday 26 November at 10 am" in moving.text
    day = await moving.press("Show free times", day="2026-11-27")
    assert "Friday 27 November" in day.texts("legend")
    assert list(day.choices)[:3] == ["9 am", "9:15 am", "9:30 am"]

    asked = await day.press("Go on", time=day.choices["9:30 am"])
    assert asked.heading == "Move your appointment?"
    assert asked.facts["New time"].startswith("Friday 27 November at 9:30 am")
    moved = await asked.press("Yes, move it")

    assert moved.message == "Your appointment is moved."
    assert moved.facts["When"].startswith("Friday 27 November at 9:30 am")
    found = await stored(voice, booked)
    assert (found["scheduled_at"], found["version"]) == (THURSDAY + DAY - HOUR / 2, 2)
    queued = await voice.rows(
        "SELECT kind FROM deliveries WHERE subject_id = $1 AND version = 2 ORDER BY kind",
        UUID(booked["id"]),
    )
    assert [delivery["kind"] for delivery in queued] == ["calendar", "sms_change"]


async def test_half_an_hour_later_is_offered_too(page: Page) -> None:
    """What moves is not in its own way, and where it is now is no choice."""
    moving = await page.follow("Move it to another time")
    day = await moving.press("Show free times", day="2026-11-26")

    assert {"9 am", "9:30 am", "10:30 am"} <= set(day.choices)
    assert "10 am" not in day.choices


async def test_a_day_without_times_leads_to_the_next(page: Page) -> None:
    moving = await page.follow("Move it to another time")

    day = await moving.press("Show free times", day="2026-11-28")  # a Saturday

    assert "Nothing is free on Saturday 28 November." in day.text
    assert "Monday 30 November" in day.texts("legend")
    tuesday = await day.follow("Tuesday 1 December")
    assert "Tuesday 1 December" in tuesday.texts("legend")
    later = await day.follow("Later days")
    assert later.choices


@pytest.mark.parametrize("day", ["", "tomorrow", "0001-01-01", "9999-12-31", "2026-02-30"])
async def test_any_day_is_answered(page: Page, day: str) -> None:
    moving = await page.follow("Move it to another time")

    assert (await moving.press("Show free times", day=day)).status == 200


async def test_far_ahead_the_clinic_says_why(voice: Api, page: Page) -> None:
    await voice.value("UPDATE organizations SET horizon_days = 30")
    moving = await page.follow("Move it to another time")

    day = await moving.press("Show free times", day="2027-03-01")

    assert "The clinic doesn't book that far ahead yet." in day.text
    assert day.choices == {}


async def test_anybody_else_may_be_chosen(voice: Api, booked: Json, page: Page) -> None:
    other = await voice.database.practitioner(voice.clinic.id, name="Dr Shaw")
    await voice.value(
        "INSERT INTO opening_hours (org_id, practitioner_id, weekday, opens, closes) "
        "VALUES ($1, $2, 5, '09:00', '19:00')",
        voice.clinic.id,
        other,
    )
    moving = await page.follow("Move it to another time")
    same = await moving.press("Show free times", day="2026-11-27")
    assert "6 pm" not in same.choices

    anybody = await moving.press("Show free times", day="2026-11-27", with_="anybody")
    assert "9 am with Dr Grey" in anybody.choices
    asked = await anybody.press("Go on", time=anybody.choices["6 pm with Dr Shaw"])
    assert asked.facts["With"] == "Dr Shaw"
    moved = await asked.press("Yes, move it")

    assert moved.facts["With"] == "Dr Shaw"
    assert (await stored(voice, booked))["practitioner_id"] == other


async def test_a_time_that_was_taken_is_answered_with_others(
    voice: Api, staff: Client, booked: Json, page: Page
) -> None:
    moving = await page.follow("Move it to another time")
    day = await moving.press("Show free times", day="2026-11-27")
    asked = await day.press("Go on", time=day.choices["10 am"])
    await staff.book(THURSDAY + DAY, name="Somebody Else")

    refused = await asked.press("Yes, move it")

    assert refused.status == 409
    assert refused.message == "That time was taken in the meantime. Please choose another one."
    assert len(refused.choices) == 3
    assert all(choice.startswith("Friday 27 November, ") for choice in refused.choices)
    assert "Somebody" not in refused.text
    assert (await stored(voice, booked))["version"] == 1
    choice, value = next(iter(refused.choices.items()))
    moved = await (await refused.press("Go on", time=value)).press("Yes, move it")
    assert moved.message == "Your appointment is moved."
    assert choice.removeprefix("Friday 27 November, ") in moved.facts["When"]


async def test_a_time_taken_before_it_is_confirmed_is_said_to_be(staff: Client, page: Page) -> None:
    day = await (await page.follow("Move it to another time")).press(
        "Show free times", day="2026-11-27"
    )
    await staff.book(THURSDAY + DAY, name="Somebody Else")

    refused = await day.press("Go on", time=day.choices["10 am"])

    assert refused.status == 409
    assert refused.message == "That time was taken in the meantime. Please choose another one."
    assert "10 am" not in refused.choices


@pytest.mark.parametrize(
    "time",
    [
        "",
        "x",
        "2026-11-27T10:00~x",
        "2026-11-27T10:00:00+00:00",
        "9999-12-31T23:59:59-23:00~",
        f"2026-11-27T10:00~{UUID(int=7)}",
        f"2026-11-27T10:00:00+00:00~{UUID(int=7)}",
        f"0001-01-01T00:00:00+23:00~{UUID(int=7)}",
    ],
)
async def test_a_forged_time_moves_nothing(voice: Api, booked: Json, page: Page, time: str) -> None:
    for method in ("GET", "POST"):
        fields = {"time": time, "version": "1"}
        reply = await voice.http.request(
            method,
            f"{page.address}/move",
            params=fields if method == "GET" else None,
            data=fields if method == "POST" else None,
            headers=SAME_SITE,
        )
        assert reply.status_code == 409, reply.text
        Page.read(voice.http, page.address, reply)
    assert (await stored(voice, booked))["version"] == 1


async def test_without_a_choice_it_is_asked_for(page: Page) -> None:
    moving = await page.follow("Move it to another time")

    asked = await moving.press("Go on")

    assert (asked.status, asked.message) == (409, "Please choose a time.")


async def test_what_the_clinic_gives_no_more_is_for_the_phone(voice: Api, page: Page) -> None:
    await voice.value("UPDATE services SET active = false")

    answer = await page.follow("Move it to another time")

    assert answer.message == "That can't be done here. Please phone the clinic."
    assert answer.facts["Phone"] == "+44 20 7946 0000"


async def test_whom_it_was_with_may_be_gone(voice: Api, page: Page) -> None:
    await voice.database.practitioner(voice.clinic.id, name="Dr Shaw")
    await voice.value("UPDATE practitioners SET active = false WHERE name = 'Dr Grey'")

    moving = await page.follow("Move it to another time")

    assert moving.choices
    assert all(choice.endswith("with Dr Shaw") for choice in moving.choices)
