"""`/v1/appointments`: booked once, read, moved, cancelled, and what became of them."""

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.integration.clinics import Api
from tests.integration.v1_requests import (
    ANA,
    HOUR,
    THURSDAY,
    Client,
    booking,
    client,
    moment,
    ok,
    refusal,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ON_TOP = {**ANA, "allow_overlap": True, "overlap_reason": "in pain"}


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await client(voice, "staff")


@pytest_asyncio.fixture(loop_scope="module")
async def agent(voice: Api) -> Client:
    return await client(voice, "agent")


async def test_a_booking_is_shown_as_it_is_read_later(staff: Client) -> None:
    reply = await staff.send("POST", "appointments", booking(notes="first visit"))
    assert reply.status_code == 201, reply.text
    booked = reply.json()
    assert reply.headers["location"] == f"/v1/appointments/{booked['id']}"
    assert reply.headers["etag"] == '"1"'
    assert booked["status"] == "confirmed"
    assert booked.pop("replayed") is False
    assert booked["scheduled_at"] == moment(THURSDAY)
    read = await staff.send("GET", f"appointments/{booked['id']}")
    shown = ok(read)
    assert read.headers["etag"] == '"1"'
    assert {name: shown[name] for name in booked} == booked
    assert shown["patient"]["name"] == "Maya Okafor"
    assert (shown["notes"], shown["source"]) == ("first visit", "staff")
    assert [event["kind"] for event in shown["history"]] == ["booked"]


async def test_an_agent_books_as_a_program(voice: Api, agent: Client) -> None:
    booked = await agent.book()
    source = await voice.value("SELECT source FROM appointments WHERE id::text = $1", booked["id"])
    assert source == "rest"


async def test_the_number_is_read_as_it_is_dialled_there(staff: Client) -> None:
    booked = await staff.book(phone="020 7946 0958", contact_phone="07700 900456")
    shown = await staff.get(f"appointments/{booked['id']}")
    assert shown["patient"]["phone"] == "+442079460958"
    assert shown["patient"]["contact_phone"] == "+447700900456"


async def test_a_taken_time_is_refused_with_the_nearest_that_are_free(staff: Client) -> None:
    await staff.book()
    problem = refusal(await staff.send("POST", "appointments", booking(**ANA)))
    assert (problem["status"], problem["code"]) == (409, "SLOT_UNAVAILABLE")
    assert len(problem["alternatives"]) == 3
    nearest = problem["alternatives"][0]
    booked = await staff.post(
        "appointments",
        booking(**ANA) | {"scheduled_at": nearest["starts_at"]},
    )
    assert booked["practitioner_id"] == nearest["practitioner_id"]


async def test_the_same_wish_again_is_the_same_appointment(staff: Client) -> None:
    first = await staff.book()
    reply = await staff.send("POST", "appointments", booking())
    assert (reply.json()["id"], reply.json()["replayed"]) == (first["id"], True)
    assert "idempotency-replayed" not in reply.headers


async def test_a_key_gets_the_same_answer_once_more(staff: Client) -> None:
    key = {"Idempotency-Key": "first visit of Maya"}
    sent = [await staff.send("POST", "appointments", booking(), key) for _ in range(2)]
    assert [reply.status_code for reply in sent] == [201, 201]
    assert [reply.headers.get("idempotency-replayed") for reply in sent] == [None, "true"]
    first, again = (reply.json() for reply in sent)
    assert again == {**first, "replayed": True}


async def test_requests_of_one_key_at_once_are_one_booking(voice: Api, staff: Client) -> None:
    key = {"Idempotency-Key": "k"}
    body = booking()
    sent = await asyncio.gather(*(staff.send("POST", "appointments", body, key) for _ in range(6)))
    assert {reply.status_code for reply in sent} == {201}
    assert len({reply.json()["id"] for reply in sent}) == 1
    assert (await voice.counts())["appointments"] == 1


async def test_a_key_with_another_body_is_refused(voice: Api, staff: Client) -> None:
    await staff.post("appointments", booking(), Idempotency_Key="k")
    other = booking(THURSDAY + HOUR)
    refused = await staff.refused("POST", "appointments", other, Idempotency_Key="k")
    assert refused == (422, "IDEMPOTENCY_MISMATCH")
    assert (await voice.counts())["appointments"] == 1


async def test_a_key_is_its_credentials_own(voice: Api, staff: Client) -> None:
    colleague = await client(voice, "staff")
    await staff.post("appointments", booking(), Idempotency_Key="k")
    booked = await colleague.post(
        "appointments", booking(THURSDAY + HOUR, **ANA), Idempotency_Key="k"
    )
    assert booked["replayed"] is False


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\t", "\x7f"])
async def test_a_key_that_is_none_is_refused(staff: Client, key: str) -> None:
    refused = await staff.refused("POST", "appointments", booking(), Idempotency_Key=key)
    assert refused == (422, "INVALID_ARGUMENTS")


async def test_the_key_itself_is_not_kept(voice: Api, staff: Client) -> None:
    await staff.post("appointments", booking(), Idempotency_Key="for Maya Okafor")
    kept = await voice.value("SELECT idempotency_key FROM appointments")
    assert kept.startswith("rest:")
    assert "Maya" not in kept


async def test_staff_overbook_on_purpose_and_say_why(staff: Client, agent: Client) -> None:
    await staff.book()
    assert await agent.refused("POST", "appointments", booking(**ON_TOP)) == (403, "UNAUTHORIZED")
    unexplained = booking(**{**ON_TOP, "overlap_reason": " "})
    refused = await staff.refused("POST", "appointments", unexplained)
    assert refused == (422, "INVALID_ARGUMENTS")
    booked = await staff.book(**ON_TOP)
    shown = await staff.get(f"appointments/{booked['id']}")
    assert (shown["overlap_allowed"], shown["overlap_reason"]) == (True, "in pain")


async def test_a_move_takes_the_new_time_and_tells_the_old(staff: Client) -> None:
    booked = await staff.book()
    later = THURSDAY + 2 * HOUR
    reply = await staff.send(
        "PATCH",
        f"appointments/{booked['id']}",
        {"scheduled_at": moment(later)},
        {"If-Match": '"1"'},
    )
    moved = ok(reply)
    assert reply.headers["etag"] == '"2"'
    assert (moved["id"], moved["version"]) == (booked["id"], 2)
    assert moved["scheduled_at"] == moment(later)
    assert moved["previous"]["scheduled_at"] == moment(THURSDAY)
    await staff.book(**ANA)
    shown = await staff.get(f"appointments/{booked['id']}")
    assert [event["kind"] for event in shown["history"]] == ["booked", "moved"]


async def test_a_move_to_a_taken_time_changes_nothing(staff: Client) -> None:
    await staff.book()
    booked = await staff.book(THURSDAY + HOUR, **ANA)
    change = {"scheduled_at": moment(THURSDAY)}
    problem = refusal(await staff.send("PATCH", f"appointments/{booked['id']}", change))
    assert (problem["status"], problem["code"]) == (409, "SLOT_UNAVAILABLE")
    assert problem["alternatives"]
    assert (await staff.get(f"appointments/{booked['id']}"))["version"] == 1


async def test_only_staff_change_the_duration(staff: Client, agent: Client) -> None:
    booked = await staff.book()
    path, change = f"appointments/{booked['id']}", {"duration_minutes": 30}
    assert await agent.refused("PATCH", path, change) == (403, "UNAUTHORIZED")
    moved = await staff.patch(path, change)
    assert (moved["scheduled_at"], moved["ends_at"]) == (
        moment(THURSDAY),
        moment(THURSDAY + HOUR / 2),
    )


async def test_a_move_that_moves_nothing_is_refused(staff: Client) -> None:
    booked = await staff.book()
    for change in ({}, {"version": 1}, {"scheduled_at": None}):
        refused = await staff.refused("PATCH", f"appointments/{booked['id']}", change)
        assert refused == (422, "INVALID_ARGUMENTS")


async def test_a_move_to_where_it_is_changes_nothing(staff: Client) -> None:
    booked = await staff.book()
    change = {"scheduled_at": moment(THURSDAY)}
    moved = await staff.patch(f"appointments/{booked['id']}", change)
    assert (moved["replayed"], moved["version"]) == (True, 1)


@pytest.mark.parametrize("action", ["", "/cancel", "/complete", "/no-show", "/confirm"])
async def test_a_stale_version_is_412_by_the_header_and_409_by_the_body(
    voice: Api, staff: Client, action: str
) -> None:
    booked = await staff.book()
    await voice.value("UPDATE appointments SET version = 7")
    method, path = ("POST" if action else "PATCH"), f"appointments/{booked['id']}{action}"
    change = {} if action else {"scheduled_at": moment(THURSDAY + HOUR)}
    problem = refusal(await staff.send(method, path, change, {"If-Match": '"1"'}))
    assert (problem["status"], problem["code"]) == (412, "STALE_VERSION")
    assert problem["version"] == 7
    refused = await staff.refused(method, path, {**change, "version": 1})
    assert refused == (409, "STALE_VERSION")


async def test_two_different_versions_are_refused(staff: Client) -> None:
    booked = await staff.book()
    path = f"appointments/{booked['id']}/cancel"
    refused = await staff.refused("POST", path, {"version": 2}, If_Match='"1"')
    assert refused == (422, "INVALID_ARGUMENTS")


@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', "*"])
async def test_the_present_version_will_do(staff: Client, tag: str) -> None:
    booked = await staff.book()
    cancelled = await staff.post(f"appointments/{booked['id']}/cancel", If_Match=tag)
    assert (cancelled["status"], cancelled["version"]) == ("cancelled", 2)


@pytest.mark.parametrize("tag", ["1", '"one"', '"1", "2"', '"99999999999999999999"'])
async def test_a_tag_that_is_none_is_refused(staff: Client, tag: str) -> None:
    booked = await staff.book()
    refused = await staff.refused("POST", f"appointments/{booked['id']}/cancel", If_Match=tag)
    assert refused == (422, "INVALID_ARGUMENTS")


async def test_cancelled_twice_is_cancelled(staff: Client) -> None:
    booked = await staff.book()
    path = f"appointments/{booked['id']}/cancel"
    first = await staff.post(path, {"reason": "feels better"})
    again = await staff.post(path)
    assert (first["replayed"], again["replayed"]) == (False, True)
    await staff.book(**ANA)


async def test_a_caller_is_checked_where_the_clinic_wants_it(
    voice: Api, staff: Client, agent: Client
) -> None:
    await voice.value("UPDATE organizations SET caller_check = 'name_and_birth_date'")
    booked = await staff.book(birth_date="1990-02-28")
    path = f"appointments/{booked['id']}/cancel"
    problem = refusal(await agent.send("POST", path))
    assert (problem["status"], problem["code"]) == (409, "NEEDS_CONFIRMATION")
    assert problem["needs"] == "name"
    known = {"caller_phone": "07700 900123", "caller_name": "maya okafor"}
    other = {**known, "caller_birth_date": "1990-02-27"}
    assert await agent.refused("POST", path, other) == (403, "NOT_YOURS")
    right = {**known, "caller_birth_date": "1990-02-28"}
    assert (await agent.post(path, right))["status"] == "cancelled"


async def test_what_became_of_it_is_staffs_to_say_after_it_began(
    voice: Api, staff: Client, agent: Client
) -> None:
    booked = await staff.book()
    path = f"appointments/{booked['id']}"
    problem = refusal(await staff.send("POST", f"{path}/complete"))
    assert (problem["status"], problem["code"]) == (422, "INVALID_ARGUMENTS")
    assert problem["detail"] == "The appointment hasn't begun yet."
    await voice.database.set_clock(THURSDAY + 2 * HOUR)
    assert await agent.refused("POST", f"{path}/complete") == (403, "UNAUTHORIZED")
    for action, status in (
        ("no-show", "no_show"),
        ("confirm", "confirmed"),
        ("complete", "completed"),
    ):
        assert (await staff.post(f"{path}/{action}"))["status"] == status
    assert (await staff.post(f"{path}/complete"))["replayed"] is True
    history = (await staff.get(path))["history"]
    assert [event["kind"] for event in history] == ["booked", "no_show", "confirmed", "completed"]


async def test_lists_go_by_the_start(staff: Client) -> None:
    starts = [THURSDAY + n * HOUR for n in (3, 1, 2)]
    for number, start in enumerate(starts):
        await staff.book(start, name=f"Person {'ABC'[number]}")
    listed = await staff.get("appointments", from_=moment(starts[1]), to=moment(starts[0]))
    assert [item["scheduled_at"] for item in listed["items"]] == [
        moment(starts[1]),
        moment(starts[2]),
    ]
    assert listed["next_cursor"] is None


async def test_lists_are_filtered(voice: Api, staff: Client) -> None:
    first = await staff.book()
    second = await staff.book(THURSDAY + HOUR, **ANA)
    await staff.post(f"appointments/{first['id']}/cancel")
    await staff.post(
        "holds", {"service_type": "consultation", "scheduled_at": moment(THURSDAY + 2 * HOUR)}
    )
    day = {"from_": moment(THURSDAY - HOUR), "to": moment(THURSDAY + 9 * HOUR)}

    async def found(**query: object) -> list[str]:
        return [item["id"] for item in (await staff.get("appointments", **query))["items"]]

    assert await found(**day) == [first["id"], second["id"]]
    assert await found(**day, status="cancelled") == [first["id"]]
    assert len(await found(**day, status=["held", "confirmed"])) == 2
    assert await found(lead_id=second["lead_id"]) == [second["id"]]
    assert await found(**day, lead_id=first["lead_id"]) == [first["id"]]
    assert await found(**day, practitioner_id=second["practitioner_id"]) == [
        first["id"],
        second["id"],
    ]
    assert await found(**day, practitioner_id=str(uuid4())) == []


@pytest.mark.parametrize(
    ("days", "code"), [(0, "INVALID_DATE"), (-1, "INVALID_DATE"), (367, "INVALID_ARGUMENTS")]
)
async def test_a_range_that_is_none_is_refused(staff: Client, days: int, code: str) -> None:
    query = f"appointments?from={moment(THURSDAY)}&to={moment(THURSDAY + days * 24 * HOUR)}"
    assert await staff.refused("GET", query) == (422, code)


async def test_a_list_needs_a_range_or_a_lead(staff: Client) -> None:
    refused = await staff.refused("GET", f"appointments?from={moment(THURSDAY)}")
    assert refused == (422, "INVALID_ARGUMENTS")


async def test_an_appointment_that_came_by_sql_alone_is_shown(voice: Api, staff: Client) -> None:
    practitioner = await voice.database.practitioner(voice.clinic.id)
    made = await voice.database.appointment(
        voice.clinic.id, practitioner, scheduled_at=THURSDAY, ends_at=THURSDAY + HOUR
    )
    shown = await staff.get(f"appointments/{made}")
    assert (shown["patient"], shown["lead_id"]) == (None, None)
    assert [event["kind"] for event in shown["history"]] == ["booked"]


@pytest.mark.parametrize("metadata", ['{"notes": {"a": [1]}, "patient": "x"}', '{"patient": null}'])
async def test_metadata_of_another_form_is_shown_too(
    voice: Api, staff: Client, metadata: str
) -> None:
    booked = await staff.book()
    await voice.value("UPDATE appointments SET metadata = $1::text::jsonb", metadata)
    shown = await staff.get(f"appointments/{booked['id']}")
    assert shown["patient"]["name"] == "Maya Okafor"
    assert (await staff.get("appointments", lead_id=booked["lead_id"]))["items"]


async def test_a_hold_is_an_appointment_that_is_held(staff: Client) -> None:
    start = moment(THURSDAY)
    hold = await staff.post("holds", {"service_type": "consultation", "scheduled_at": start})
    shown = await staff.get(f"appointments/{hold['id']}")
    assert (shown["status"], shown["hold_expires_at"]) == ("held", hold["expires_at"])
    assert [event["kind"] for event in shown["history"]] == ["held"]
    refused = await staff.refused("POST", f"appointments/{hold['id']}/cancel")
    assert refused == (404, "NOT_FOUND")
