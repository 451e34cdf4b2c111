"""`/v1/waitlist`: joined, offered, accepted, declined, left."""

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from tests.integration.v1_requests import ANA, HOUR, MAYA, THURSDAY, Client, client, moment, ok

pytestmark = pytest.mark.asyncio(loop_scope="module")

WISH = {**ANA, "service_type": "consultation"}


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await client(voice, "staff")


@pytest_asyncio.fixture(loop_scope="module")
async def agent(voice: Api) -> Client:
    return await client(voice, "agent")


async def offered(staff: Client) -> Json:
    """Ana's wish, once Maya's time was offered to her."""
    booked = await staff.book()
    wish = await staff.post("waitlist", WISH)
    await staff.post(f"appointments/{booked['id']}/cancel")
    found: list[Json] = (await staff.get("waitlist"))["items"]
    assert [entry["id"] for entry in found] == [wish["id"]]
    return found[0]


async def test_who_joins_is_listed(staff: Client, agent: Client) -> None:
    joined = await agent.post(
        "waitlist",
        {**WISH, "date_from": "2026-11-26", "date_to": "2026-11-27", "time_until": "12:00"},
    )
    assert (joined["status"], joined["position"]) == ("waiting", 1)
    (found,) = (await staff.get("waitlist"))["items"]
    assert (found["name"], found["phone"], found["offer"]) == (ANA["name"], ANA["phone"], None)
    assert (found["time_from"], found["time_until"]) == ("00:00:00", "12:00:00")
    assert (await staff.get("waitlist", lead_id=found["lead_id"]))["items"] == [found]
    assert (await staff.get("waitlist", status="left"))["items"] == []


async def test_a_key_gets_the_same_place(agent: Client) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = [await agent.send("POST", "waitlist", WISH, key) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**first.json(), "replayed": True}
    refused = await agent.refused("POST", "waitlist", {**WISH, **MAYA}, Idempotency_Key="k")
    assert refused == (422, "IDEMPOTENCY_MISMATCH")


async def test_a_freed_time_is_offered_and_accepted(staff: Client, agent: Client) -> None:
    wish = await offered(staff)
    assert wish["status"] == "offered"
    assert wish["offer"]["scheduled_at"] == moment(THURSDAY)
    path = f"waitlist/{wish['id']}"
    refused = await agent.refused("POST", f"{path}/accept", {"caller_phone": MAYA["phone"]})
    assert refused == (403, "NOT_YOURS")
    booked = await agent.post(f"{path}/accept", {"caller_phone": ANA["phone"]})
    assert (booked["status"], booked["scheduled_at"]) == ("confirmed", moment(THURSDAY))
    assert (await agent.post(f"{path}/accept"))["id"] == booked["id"]
    (found,) = (await staff.get("waitlist", status=["booked"]))["items"]
    assert found["id"] == wish["id"]


async def test_who_accepts_gets_the_time_they_were_told_of_or_none(
    voice: Api, staff: Client, agent: Client
) -> None:
    """By the time they say yes another time may be in hand."""
    await voice.value("UPDATE organizations SET slot_minutes = 60")
    wish = await offered(staff)
    first = wish["offer"]
    path = f"waitlist/{wish['id']}"
    await agent.post(f"{path}/decline")
    other = await staff.book(THURSDAY + HOUR)
    await staff.post(f"appointments/{other['id']}/cancel")
    (found,) = (await staff.get("waitlist"))["items"]
    assert found["offer"]["scheduled_at"] == moment(THURSDAY + HOUR)
    refused = await agent.refused("POST", f"{path}/accept", {"hold_id": first["hold_id"]})
    assert refused == (409, "HOLD_EXPIRED")
    accepted = await agent.post(f"{path}/accept", {"hold_id": found["offer"]["hold_id"]})
    assert accepted["scheduled_at"] == moment(THURSDAY + HOUR)


async def test_a_declined_time_is_free(voice: Api, staff: Client, agent: Client) -> None:
    await voice.value("UPDATE organizations SET slot_minutes = 60")
    wish = await offered(staff)
    declined = await agent.post(f"waitlist/{wish['id']}/decline")
    assert declined["status"] == "waiting"
    await agent.book()


async def test_who_leaves_waits_no_more(staff: Client, agent: Client) -> None:
    wish = await agent.post("waitlist", WISH)
    path = f"waitlist/{wish['id']}"
    refused = await agent.refused("DELETE", f"{path}?caller_phone=07700%20900123")
    assert refused == (403, "NOT_YOURS")
    assert await agent.refused("DELETE", path, If_Match='"9"') == (412, "STALE_VERSION")
    ok(await agent.send("DELETE", path, headers={"If-Match": '"1"'}))
    assert (await staff.get("waitlist"))["items"] == []


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"name": "!"}, (422, "INVALID_NAME")),
        ({"phone": "12"}, (422, "INVALID_PHONE")),
        ({"service_type": "surgery"}, (404, "UNKNOWN_SERVICE")),
        ({"date_from": "2026-11-27", "date_to": "2026-11-26"}, (422, "INVALID_DATE")),
        ({"date_from": "soon"}, (422, "INVALID_DATE")),
        ({"time_from": "25:00"}, (422, "INVALID_ARGUMENTS")),
        ({"mood": "hopeful"}, (422, "INVALID_ARGUMENTS")),
    ],
)
async def test_what_can_not_be_wished_is_refused(
    agent: Client, change: dict[str, object], refused: tuple[int, str]
) -> None:
    assert await agent.refused("POST", "waitlist", {**WISH, **change}) == refused
