"""`/v1/messages`, `/v1/alerts` and `/v1/events`: what staff must know."""

import asyncio

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from tests.integration.v1_requests import ANA, HOUR, THURSDAY, Client, client

pytestmark = pytest.mark.asyncio(loop_scope="module")

TAKE = "SELECT take_message($1, $2, p_name => 'Maya Okafor', p_caller_phone => '+447700900123', "
TAKE += "p_urgency => $3, p_call_id => 'c1')"


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await client(voice, "staff")


async def test_a_message_is_read_and_dealt_with(voice: Api, staff: Client) -> None:
    await voice.value(TAKE, voice.clinic.id, "please call back", "normal")
    (message,) = (await staff.get("messages", status="new"))["items"]
    assert (message["body"], message["name"]) == ("please call back", "Maya Okafor")
    done = await staff.patch(f"messages/{message['id']}", {"status": "done"})
    assert done == {**message, "status": "done"}
    assert (await staff.get("messages", status="new"))["items"] == []
    assert (await staff.get("messages"))["items"] == [done]


async def test_an_alert_is_seen_once(voice: Api, staff: Client) -> None:
    await voice.value(TAKE, voice.clinic.id, "it hurts", "emergency")
    (alert,) = (await staff.get("alerts", seen="false"))["items"]
    assert alert["kind"] == "emergency_message"
    assert "it hurts" not in str(alert)
    seen = await staff.post(f"alerts/{alert['id']}/seen")
    again = await staff.post(f"alerts/{alert['id']}/seen")
    assert seen == again
    assert seen["seen_at"]
    assert (await staff.get("alerts", seen="false"))["items"] == []
    assert (await staff.get("alerts", seen="true"))["items"] == [seen]


async def test_the_newest_come_first(voice: Api, staff: Client) -> None:
    for number in range(3):
        await voice.value(TAKE, voice.clinic.id, f"message {number}", "normal")
    first = await staff.get("messages", limit=2)
    rest = await staff.get("messages", limit=2, cursor=first["next_cursor"])
    bodies = [message["body"] for message in first["items"] + rest["items"]]
    assert bodies == ["message 2", "message 1", "message 0"]
    assert rest["next_cursor"] is None


async def drain(voice: Api, staff: Client, cursor: str | None = None) -> tuple[list[Json], str]:
    """Every event after the cursor, a page of two at a time, and the cursor after them."""
    await voice.database.others_are_done()
    found: list[Json] = []
    while True:
        asked: Json = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await staff.get("events", **asked)
        found += page["items"]
        cursor = page["next_cursor"]
        if not page["items"]:
            assert cursor is not None
            return found, cursor


async def test_events_are_read_on_from_where_one_stopped(voice: Api, staff: Client) -> None:
    nothing, cursor = await drain(voice, staff)
    assert nothing == []
    first = await staff.book()
    await staff.book(THURSDAY + HOUR, **ANA)
    await staff.post(f"appointments/{first['id']}/cancel")
    found, cursor = await drain(voice, staff, cursor)
    assert [event["kind"] for event in found] == ["booked", "booked", "cancelled"]
    assert found[0]["appointment_id"] == first["id"]
    assert len({event["id"] for event in found}) == 3
    assert (await drain(voice, staff, cursor))[0] == []
    assert (await drain(voice, staff))[0] == found


async def test_no_event_is_lost_to_one_that_commits_late(voice: Api, staff: Client) -> None:
    """The earlier transaction commits last: a cursor past the later one would never see it."""
    slow = await voice.database.connect_owner()
    await slow.execute("BEGIN")
    await slow.execute("INSERT INTO events (org_id, kind) VALUES ($1, 'slow')", voice.clinic.id)
    await staff.book()
    found, cursor = await drain(voice, staff)
    assert found == []
    await slow.execute("COMMIT")
    found, _ = await drain(voice, staff, cursor)
    assert [event["kind"] for event in found] == ["slow", "booked"]


async def test_events_hold_no_patients_details(voice: Api, staff: Client) -> None:
    booked = await staff.book(email="maya@example.com", notes="toothache")
    await staff.patch(f"leads/{booked['lead_id']}", {"name": "Maya Li", "email": None})
    await staff.post("waitlist", {**ANA, "service_type": "consultation"})
    await voice.value(TAKE, voice.clinic.id, "it hurts", "emergency")
    await staff.post(f"appointments/{booked['id']}/cancel", {"reason": "feels better"})
    found, _ = await drain(voice, staff)
    assert len(found) >= 6
    for detail in ("Maya", "Okafor", "Ana", "7700", "example.com", "tooth", "hurts", "better"):
        assert detail not in str(found)


async def test_pages_hold_still_while_events_arrive(voice: Api, staff: Client) -> None:
    await asyncio.gather(
        *(staff.book(THURSDAY + n * HOUR, name=f"Person {'ABCDE'[n]}") for n in range(5))
    )
    found, _ = await drain(voice, staff)
    assert [event["kind"] for event in found] == ["booked"] * 5
