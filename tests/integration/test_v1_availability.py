"""`/v1/availability` and `/v1/holds`: what is free, and keeping it for a while."""

from datetime import timedelta

import pytest
import pytest_asyncio

from tests.integration.clinics import NOW, Api, Json
from tests.integration.v1_requests import ANA, HOUR, THURSDAY, Client, client, moment, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOLD = {"service_type": "consultation", "scheduled_at": moment(THURSDAY)}
THE_DAY = {"from_": moment(THURSDAY - HOUR), "to": moment(THURSDAY + 7 * HOUR)}


@pytest_asyncio.fixture(loop_scope="module")
async def agent(voice: Api) -> Client:
    return await client(voice, "agent")


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await client(voice, "staff")


async def free(caller: Client, **query: object) -> list[str]:
    asked = {"service_type": "consultation", **THE_DAY, **query}
    return [slot["starts_at"] for slot in (await caller.get("availability", **asked))["slots"]]


async def test_what_is_offered_can_be_booked(agent: Client) -> None:
    await agent.book()
    offered = await free(agent)
    assert moment(THURSDAY) not in offered
    assert moment(THURSDAY + HOUR) in offered
    await agent.book(THURSDAY + HOUR, **ANA)
    assert moment(THURSDAY + HOUR) not in await free(agent)


async def test_pages_go_on_from_next_from(agent: Client) -> None:
    everything, found, start = await free(agent), [], THE_DAY["from_"]
    while start is not None:
        page = await agent.get(
            "availability", service_type="consultation", from_=start, to=THE_DAY["to"], limit=4
        )
        found += [slot["starts_at"] for slot in page["slots"]]
        start = page["next_from"]
    assert found == everything
    assert len(found) > 8


async def test_a_spread_is_for_choosing(agent: Client) -> None:
    asked = {"service_type": "consultation", **THE_DAY, "limit": 3}
    page = await agent.get("availability", **asked, spread="true")
    assert len(page["slots"]) == 3
    assert page["next_from"] is None


async def test_the_part_of_the_day_can_be_named(agent: Client) -> None:
    assert await free(agent, time_from="15:00", time_until="24:00") == [
        moment(THURSDAY + 5 * HOUR + timedelta(minutes=15 * n)) for n in range(5)
    ]


async def test_why_nothing_is_free_is_told_and_to_staff_in_detail(
    agent: Client, staff: Client
) -> None:
    sunday = {"from_": "2026-11-29T00:00:00Z", "to": "2026-11-30T00:00:00Z"}
    asked = {"service_type": "consultation", **sunday}
    told = await agent.get("availability", **asked)
    assert (told["slots"], told["reason"], told["reason_detail"]) == ([], "closed", None)
    assert (await staff.get("availability", **asked))["reason"] == "closed"


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ({"to": THE_DAY["from_"]}, (422, "INVALID_DATE")),
        ({"to": moment(THURSDAY + timedelta(days=92))}, (422, "INVALID_ARGUMENTS")),
        ({"from_": "2026-11-26"}, (422, "INVALID_DATE")),
        ({"from_": "2026-11-26T10:00:00"}, (422, "INVALID_DATE")),
        ({"from_": "2026-11-26T10:00:00+00:00".replace("+", " ")}, (422, "INVALID_DATE")),
        ({"from_": "0001-01-01T00:00:00+14:00"}, (422, "INVALID_DATE")),
        ({"from_": "1795687200"}, (422, "INVALID_DATE")),
        ({"service_type": "surgery"}, (404, "UNKNOWN_SERVICE")),
        ({"duration_minutes": 0}, (422, "INVALID_DURATION")),
        ({"time_from": "9:00"}, (422, "INVALID_ARGUMENTS")),
        ({"time_from": "12:00", "time_until": "09:00"}, (422, "INVALID_DATE")),
        ({"limit": 501}, (422, "INVALID_ARGUMENTS")),
        ({"practitioner_id": "me"}, (422, "INVALID_ARGUMENTS")),
        ({"colour": "blue"}, (422, "INVALID_ARGUMENTS")),
    ],
)
async def test_what_can_not_be_asked_is_refused(
    agent: Client, query: Json, refused: tuple[int, str]
) -> None:
    asked = {"service_type": "consultation", **THE_DAY, **query}
    problem = refusal(await agent.send("GET", "availability", **asked))
    assert (problem["status"], problem["code"]) == refused


async def test_a_hold_keeps_others_out_until_it_is_booked(agent: Client) -> None:
    hold = await agent.post("holds", {**HOLD, "call_id": "c1"})
    assert hold["scheduled_at"] == moment(THURSDAY)
    assert moment(THURSDAY) not in await free(agent)
    assert moment(THURSDAY) in await free(agent, call_id="c1")
    refused = await agent.refused("POST", "holds", {**HOLD, "call_id": "c2"})
    assert refused == (409, "SLOT_UNAVAILABLE")
    booked = await agent.book(hold_id=hold["id"], call_id="c1")
    assert booked["scheduled_at"] == moment(THURSDAY)


async def test_a_hold_is_its_calls(agent: Client, staff: Client) -> None:
    hold = await agent.post("holds", {**HOLD, "call_id": "c1"})
    path = f"holds/{hold['id']}"
    assert await agent.refused("DELETE", f"{path}?call_id=c2") == (403, "NOT_YOURS")
    reply = await agent.send("DELETE", path, call_id="c1")
    assert (reply.status_code, reply.content) == (204, b"")
    assert moment(THURSDAY) in await free(agent)
    other = await agent.post("holds", {**HOLD, "call_id": "c3"})
    assert (await staff.send("DELETE", f"holds/{other['id']}")).status_code == 204


async def test_a_lapsed_hold_can_not_be_booked(voice: Api, agent: Client) -> None:
    hold = await agent.post("holds", HOLD)
    await voice.database.set_clock(NOW + timedelta(minutes=6))
    problem = refusal(
        await agent.send(
            "POST",
            "appointments",
            {**HOLD, "name": "Maya Okafor", "phone": "+447700900123", "hold_id": hold["id"]},
        )
    )
    assert (problem["status"], problem["code"]) == (409, "HOLD_EXPIRED")
    assert problem["alternatives"]


async def test_a_key_gets_the_same_hold(agent: Client) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = [await agent.send("POST", "holds", HOLD, key) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**first.json(), "replayed": True}
    other = {**HOLD, "scheduled_at": moment(THURSDAY + HOUR)}
    refused = await agent.refused("POST", "holds", other, Idempotency_Key="k")
    assert refused == (422, "IDEMPOTENCY_MISMATCH")


async def test_a_call_holds_only_so_much(agent: Client) -> None:
    for n in range(3):
        start = moment(THURSDAY + n * HOUR)
        await agent.post("holds", {**HOLD, "scheduled_at": start, "call_id": "c1"})
    fourth = {**HOLD, "scheduled_at": moment(THURSDAY + 3 * HOUR), "call_id": "c1"}
    assert await agent.refused("POST", "holds", fourth) == (409, "LIMIT_REACHED")
