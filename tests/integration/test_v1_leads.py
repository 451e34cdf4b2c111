"""`/v1/leads`: the people a clinic knows, found and corrected."""

import json
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from tests.integration.v1_requests import ANA, HOUR, MAYA, THURSDAY, Client, client, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await client(voice, "staff")


async def maya(staff: Client) -> Json:
    """Maya's lead, after her first booking."""
    booked = await staff.book(email="maya@example.com")
    return await staff.get(f"leads/{booked['lead_id']}")


async def test_a_booking_makes_a_lead(staff: Client) -> None:
    lead = await maya(staff)
    assert (lead["name"], lead["phone"]) == (MAYA["name"], MAYA["phone"])
    assert (lead["email"], lead["birth_date"], lead["version"]) == ("maya@example.com", None, 1)
    assert "person" not in lead
    assert "org_id" not in lead


async def test_a_number_finds_its_household(staff: Client) -> None:
    await staff.book()
    await staff.book(THURSDAY + HOUR, name="Sam Okafor")
    await staff.book(THURSDAY + 2 * HOUR, **ANA)
    found = await staff.get("leads", phone="07700 900123")
    assert {lead["name"] for lead in found["items"]} == {"Maya Okafor", "Sam Okafor"}
    assert len((await staff.get("leads"))["items"]) == 3
    assert await staff.refused("GET", "leads?phone=12") == (422, "INVALID_PHONE")


async def test_details_are_corrected_and_taken_away(voice: Api, staff: Client) -> None:
    path = f"leads/{(await maya(staff))['id']}"
    reply = await staff.send(
        "PATCH", path, {"name": "maya okafor-li", "birth_date": "1990-02-28"}, {"If-Match": '"1"'}
    )
    changed = reply.json()
    assert reply.headers["etag"] == '"2"'
    assert (changed["name"], changed["birth_date"]) == ("Maya Okafor-Li", "1990-02-28")
    assert changed["email"] == "maya@example.com"
    cleared = await staff.patch(path, {"email": None, "birth_date": None, "version": 2})
    assert (cleared["email"], cleared["birth_date"]) == (None, None)
    assert await staff.get(path) == cleared
    events = await voice.rows(
        "SELECT data FROM events WHERE kind = 'lead_changed' ORDER BY transaction_id"
    )
    fields = [set(json.loads(event["data"])["fields"]) for event in events]
    assert fields == [{"name", "birth_date"}, {"email", "birth_date"}]


async def test_the_next_booking_finds_the_new_name(staff: Client) -> None:
    lead = await maya(staff)
    await staff.patch(f"leads/{lead['id']}", {"name": "Maya Li"})
    again = await staff.book(THURSDAY + HOUR, name="Maya Li")
    assert again["lead_id"] == lead["id"]


async def test_two_of_a_number_are_not_called_alike(staff: Client) -> None:
    lead = await maya(staff)
    await staff.book(THURSDAY + HOUR, name="Sam Okafor")
    problem = refusal(await staff.send("PATCH", f"leads/{lead['id']}", {"name": "SAM OKAFOR"}))
    assert (problem["status"], problem["code"]) == (409, "NEEDS_CONFIRMATION")
    assert problem["needs"] == "name"
    assert (await staff.get(f"leads/{lead['id']}")) == lead


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "👻"}, "INVALID_NAME"),
        ({"name": ""}, "INVALID_NAME"),
        ({"name": None}, "INVALID_NAME"),
        ({"name": "x" * 121}, "INVALID_NAME"),
        ({"email": "maya at home"}, "INVALID_EMAIL"),
        ({"birth_date": "1990-02-30"}, "INVALID_DATE"),
        ({"birth_date": "1789-07-14"}, "INVALID_DATE"),
        ({"birth_date": 0}, "INVALID_DATE"),
        ({}, "INVALID_ARGUMENTS"),
        ({"version": 1}, "INVALID_ARGUMENTS"),
        ({"phone": ANA["phone"]}, "INVALID_ARGUMENTS"),
        ({"status": "patient"}, "INVALID_ARGUMENTS"),
        ({"name": "Maya\x00"}, "INVALID_NAME"),
    ],
)
async def test_what_can_not_be_is_refused(staff: Client, change: dict[str, Any], code: str) -> None:
    lead = await maya(staff)
    assert await staff.refused("PATCH", f"leads/{lead['id']}", change) == (422, code)
    assert await staff.get(f"leads/{lead['id']}") == lead


async def test_a_stale_version_is_refused(staff: Client) -> None:
    path = f"leads/{(await maya(staff))['id']}"
    await staff.patch(path, {"email": None})
    change = {"email": "new@example.com"}
    problem = refusal(await staff.send("PATCH", path, change, {"If-Match": '"1"'}))
    assert (problem["status"], problem["version"]) == (412, 2)
    assert await staff.refused("PATCH", path, {**change, "version": 1}) == (409, "STALE_VERSION")


async def test_who_was_merged_says_into_whom(voice: Api, staff: Client) -> None:
    lead = await maya(staff)
    other = (await staff.book(THURSDAY + HOUR, **ANA))["lead_id"]
    assert lead["merged_into"] is None
    answer = await voice.database.call(
        await voice.database.owner(),
        "merge_leads",
        voice.clinic.id,
        lead_id=UUID(lead["id"]),
        other_id=UUID(other),
        staff_id=None,
    )
    assert answer["success"], answer
    assert (await staff.get(f"leads/{other}"))["merged_into"] == lead["id"]
    assert (await staff.get(f"leads/{lead['id']}"))["merged_into"] is None
    found = {each["id"] for each in (await staff.get("leads"))["items"]}
    assert found == {lead["id"], other}
    again = await staff.book(THURSDAY + 2 * HOUR, **ANA)
    assert again["lead_id"] == other
