"""A repeated call is the same booking, and a household is not one person."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.clinics import NOW, TOOL_URL, VAPI_URL, Api, payload_of, wish
from tests.unit import vapi_bodies as bodies

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRIDAY_AT_TEN = "2026-11-27T10:00"


async def appointments(api: Api) -> int:
    return (await api.counts())["appointments"]


async def test_the_same_call_again_is_the_same_booking(voice: Api) -> None:
    first = await voice.book()
    stored = await voice.counts()
    again = await voice.book()
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again == first | {"replayed": True, "message": again["message"]}
    assert "already yours" in again["message"]
    assert "Thursday 26 November at 10 am" in again["message"]
    assert await voice.counts() == stored


async def test_equal_arguments_are_equal_in_any_order_and_as_a_string(voice: Api) -> None:
    arguments = wish(email="maya@example.com", durationMinutes=60)
    first = await voice.use_tool(arguments)
    turned = dict(reversed(arguments.items()))
    call = bodies.stringified(bodies.tool_call(arguments=turned))
    again = payload_of(await voice.answer(bodies.envelope([call])))
    assert (again["replayed"], again["appointmentId"]) == (True, first["appointmentId"])


@pytest.mark.parametrize(
    "changes",
    [
        {"scheduledAt": FRIDAY_AT_TEN},
        {"name": "Ana Ruiz"},
        {"phone": "+447700900456"},
        {"notes": "sore tooth"},
        {"scheduledAt": "half past never"},
    ],
)
async def test_the_same_call_with_other_arguments_is_a_mismatch(
    voice: Api, changes: dict[str, Any]
) -> None:
    await voice.book()
    stored = await voice.counts()
    refused = await voice.book(**changes)
    assert refused["error"] == "IDEMPOTENCY_MISMATCH"
    assert await voice.counts() == stored


@pytest.mark.parametrize(
    "changes",
    [
        {"tool_call_id": "call_2"},
        {"call_id": "another-call"},
        {"call_id": "another-call", "tool_call_id": "call_2"},
        {"tool_call_id": "call_2", "name": "  maya   OKAFOR "},
        {"tool_call_id": "call_2", "scheduledAt": "2026-11-26 10am"},
        {"tool_call_id": "call_2", "notes": "said more this time"},
        {"tool_call_id": "call_2", "caller": "07700 900123"},
    ],
)
async def test_the_same_person_service_and_start_is_the_same_booking(
    voice: Api, changes: dict[str, Any]
) -> None:
    first = await voice.book()
    stored = await voice.counts()
    again = await voice.book(**changes)
    assert (again["success"], again["replayed"]) == (True, True)
    assert again["appointmentId"] == first["appointmentId"]
    assert await voice.counts() == stored


async def test_accents_do_not_make_another_person(voice: Api) -> None:
    first = await voice.book(name="José García")
    again = await voice.book(name="jose garcia", tool_call_id="call_2")
    assert again["appointmentId"] == first["appointmentId"]


async def test_twenty_identical_requests_at_once_are_one_booking(voice: Api) -> None:
    answers = await asyncio.gather(*(voice.book() for _ in range(20)))
    assert [answer["success"] for answer in answers] == [True] * 20
    assert len({answer["appointmentId"] for answer in answers}) == 1
    assert [answer["replayed"] for answer in answers].count(False) == 1
    stored = await voice.counts()
    assert (stored["appointments"], stored["leads"], stored["events"]) == (1, 1, 1)


async def test_twenty_ids_for_one_wish_at_once_are_one_booking(voice: Api) -> None:
    answers = await asyncio.gather(*(voice.book(tool_call_id=f"call_{n}") for n in range(20)))
    assert [answer["success"] for answer in answers] == [True] * 20
    assert len({answer["appointmentId"] for answer in answers}) == 1
    assert await appointments(voice) == 1


async def test_twenty_callers_at_once_for_one_slot_are_one_booking(voice: Api) -> None:
    answers = await asyncio.gather(
        *(voice.book(caller=f"+4477009001{n:02}", call_id=f"call-{n}") for n in range(20))
    )
    errors = [answer.get("error") for answer in answers]
    assert errors.count(None) == 1
    assert errors.count("SLOT_UNAVAILABLE") == 19
    assert await appointments(voice) == 1


async def test_two_people_of_a_household_are_two(voice: Api) -> None:
    mother = await voice.book(name="Maya Okafor")
    child = await voice.book(
        name="Tobi Okafor", scheduledAt="2026-11-26T11:00", tool_call_id="call_2"
    )
    assert mother["contactId"] != child["contactId"]
    assert await appointments(voice) == 2
    rows = await voice.rows("SELECT name, phone FROM leads ORDER BY name")
    assert rows == [
        {"name": "Maya Okafor", "phone": bodies.CALLER},
        {"name": "Tobi Okafor", "phone": bodies.CALLER},
    ]


async def test_the_second_of_a_household_does_not_get_the_firsts_slot(voice: Api) -> None:
    await voice.book(name="Maya Okafor")
    refused = await voice.book(name="Tobi Okafor", tool_call_id="call_2")
    assert refused["error"] == "SLOT_UNAVAILABLE"
    assert (await voice.counts())["leads"] == 1


async def test_another_number_in_the_arguments_is_contact_only(voice: Api) -> None:
    booked = await voice.book(phone="020 7946 0958")
    (row,) = await voice.rows("SELECT l.phone, a.metadata FROM leads l, appointments a")
    assert row["phone"] == bodies.CALLER
    assert json.loads(row["metadata"])["patient"]["contact_phone"] == "+442079460958"
    again = await voice.book(tool_call_id="call_2")
    assert again["appointmentId"] == booked["appointmentId"]


async def test_nobody_gets_anothers_booking_by_saying_their_number(voice: Api) -> None:
    await voice.book()
    refused = await voice.book(caller="+447700900999", phone=bodies.CALLER, call_id="another-call")
    assert refused["error"] == "SLOT_UNAVAILABLE"


async def test_without_a_caller_the_phone_is_the_identity(voice: Api) -> None:
    booked = await voice.book(caller=None, phone="07700 900123")
    again = await voice.book(tool_call_id="call_2", caller=None, phone="+44 7700 900123")
    with_caller = await voice.book(tool_call_id="call_3", caller="+447700900123")
    ids = {answer["appointmentId"] for answer in (booked, again, with_caller)}
    assert ids == {booked["appointmentId"]}
    assert await voice.value("SELECT phone FROM leads") == "+447700900123"


async def test_a_tool_call_id_without_a_call_is_no_key(voice: Api) -> None:
    async def book_directly(start: str) -> dict[str, Any]:
        body = bodies.direct(wish(phone=bodies.CALLER, scheduledAt=start), "t1")
        answered = await voice.answer(body, path=TOOL_URL)
        result: dict[str, Any] = answered["result"]
        return result

    first, second = await book_directly("2026-11-26T10:00"), await book_directly(FRIDAY_AT_TEN)
    assert (first["replayed"], second["replayed"]) == (False, False)
    assert first["appointmentId"] != second["appointmentId"]
    assert (await book_directly(FRIDAY_AT_TEN))["replayed"] is True


async def test_the_same_ids_at_another_clinic_are_another_call(voice: Api) -> None:
    other = await voice.open_clinic()
    first, second = await voice.book(), await voice.book(other.bearer)
    assert (first["replayed"], second["replayed"]) == (False, False)
    assert first["appointmentId"] != second["appointmentId"]


@pytest.mark.parametrize(
    ("said", "hours_later"),
    [
        ("today at 3pm", 8),
        ("today at 3pm", 24),
        ("tomorrow at 10am", 24),
        ("tomorrow at 10am", 60),
        ("2026-11-02T15:00", 8),
        ("Tuesday at 10am", 30),
    ],
)
async def test_a_retry_finds_its_booking_when_its_words_mean_something_else_by_now(
    voice: Api, said: str, hours_later: int
) -> None:
    first = await voice.book(scheduledAt=said)
    assert first["success"] is True
    await voice.database.set_clock(NOW + timedelta(hours=hours_later))
    again = await voice.book(scheduledAt=said)
    assert (again["success"], again["replayed"]) == (True, True)
    assert again["appointmentId"] == first["appointmentId"]
    assert await appointments(voice) == 1


async def test_a_new_call_for_a_slot_that_has_passed_is_refused(voice: Api) -> None:
    await voice.book(scheduledAt="2026-11-02T15:00")
    await voice.database.set_clock(datetime(2026, 11, 2, 16, tzinfo=UTC))
    refused = await voice.book(scheduledAt="2026-11-02T15:00", tool_call_id="call_2")
    assert refused["error"] == "DATE_IN_PAST"


async def test_a_replay_tells_how_the_appointment_stands_now(voice: Api) -> None:
    first = await voice.book()
    await voice.value("UPDATE appointments SET status = 'cancelled'")
    again = await voice.book()
    assert (again["success"], again["replayed"]) == (True, True)
    assert again["appointmentId"] == first["appointmentId"]
    assert "is now cancelled" in again["message"]


async def test_after_a_cancellation_a_new_call_books_anew(voice: Api) -> None:
    first = await voice.book()
    await voice.value("UPDATE appointments SET status = 'cancelled'")
    second = await voice.book(tool_call_id="call_2")
    assert (second["success"], second["replayed"]) == (True, False)
    assert second["appointmentId"] != first["appointmentId"]


async def test_a_refused_call_may_be_made_again_once_it_can_be(voice: Api) -> None:
    """A refusal is no booking: the same ids are not spent."""
    other = await voice.book(name="Ana Ruiz", caller="+447700900999", call_id="another-call")
    assert (await voice.book())["error"] == "SLOT_UNAVAILABLE"
    await voice.value(
        "UPDATE appointments SET status = 'cancelled' WHERE id = $1::text::uuid",
        other["appointmentId"],
    )
    assert (await voice.book())["success"] is True


async def test_two_equal_calls_with_two_ids_in_one_request_are_one_booking(voice: Api) -> None:
    calls = [bodies.tool_call(identifier, arguments=wish()) for identifier in ("a", "b")]
    reply = await voice.post(VAPI_URL, bodies.envelope(calls))
    first, second = (json.loads(entry["result"]) for entry in reply.json()["results"])
    assert (first["replayed"], second["replayed"]) == (False, True)
    assert first["appointmentId"] == second["appointmentId"]


async def test_another_callers_booking_is_never_a_replay(voice: Api) -> None:
    """Ids are the platform's to choose: reused, or joined to look alike, they prove nothing."""
    first = await voice.book(call_id="a:b", tool_call_id="c")
    for call_id, tool_call_id in (("a:b", "c"), ("a", "b:c")):
        answer = await voice.book(
            call_id=call_id, tool_call_id=tool_call_id, caller="+447700900999"
        )
        assert answer["success"] is False
        assert first["appointmentId"] not in str(answer)
