"""`rescheduleAppointment` and `cancelAppointment`: callers touch only what is their own."""

import asyncio
from typing import Any

import pytest

from tests.integration.clinics import Api, Json
from tests.integration.tool_calls import (
    NONSENSE,
    SOMEBODY_ELSE,
    add_practitioner,
    all_rows,
    booked,
    set_clinic,
    use,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOVE, CANCEL = "rescheduleAppointment", "cancelAppointment"
THURSDAY: Json = {"scheduledAt": "2026-11-05T10:00"}
BOTH = [(MOVE, THURSDAY), (CANCEL, {})]


async def state(api: Api, appointment: Json) -> tuple[str, str]:
    """Status and start."""
    (row,) = await api.rows(
        "SELECT status, scheduled_at FROM appointments WHERE id = $1::text::uuid",
        appointment["appointmentId"],
    )
    return row["status"], row["scheduled_at"].isoformat()


async def test_the_only_upcoming_one_is_moved(voice: Api) -> None:
    mine = await booked(voice)
    moved = await use(voice, MOVE, THURSDAY)
    assert moved["success"] is True
    assert moved["appointmentId"] == mine["appointmentId"]
    assert moved["scheduledAt"] == "2026-11-05T10:00:00+00:00"
    assert moved["previous"] == {
        "scheduledAt": "2026-11-03T10:00:00+00:00",
        "practitioner": "Harbor Dental",
    }
    assert moved["message"] == (
        "It's moved: consultation on Thursday 5 November at 10 am with Harbor Dental, instead of "
        "Tuesday 3 November at 10 am."
    )
    assert await state(voice, mine) == ("confirmed", "2026-11-05T10:00:00+00:00")


async def test_the_only_upcoming_one_is_cancelled(voice: Api) -> None:
    mine = await booked(voice)
    cancelled = await use(voice, CANCEL, {"reason": "I'm on holiday"})
    assert (cancelled["success"], cancelled["appointmentId"]) == (True, mine["appointmentId"])
    assert cancelled["message"] == (
        "It's cancelled: consultation on Tuesday 3 November at 10 am with Harbor Dental."
    )
    assert (await state(voice, mine))[0] == "cancelled"


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
async def test_of_several_the_caller_is_asked_which(voice: Api, tool: str, arguments: Json) -> None:
    first = await booked(voice)
    second = await booked(voice, "2026-11-04T11:00")
    asked = await use(voice, tool, arguments)
    assert (asked["success"], asked["error"]) == (False, "NEEDS_CONFIRMATION")
    assert asked["message"] == (
        "Which one do you mean: consultation on Tuesday 3 November at 10 am with Harbor Dental or "
        "consultation on Wednesday 4 November at 11 am with Harbor Dental?"
    )
    assert [one["appointmentId"] for one in asked["candidates"]] == [
        first["appointmentId"],
        second["appointmentId"],
    ]
    chosen = arguments | {"appointmentId": asked["candidates"][1]["appointmentId"]}
    assert (await use(voice, tool, chosen))["appointmentId"] == second["appointmentId"]


async def test_a_name_chooses_in_a_household(voice: Api) -> None:
    await booked(voice)
    child = await booked(voice, "2026-11-04T11:00", name="Tobi Okafor")
    cancelled = await use(voice, CANCEL, {"name": " tobi  OKAFOR"})
    assert cancelled["appointmentId"] == child["appointmentId"]


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
async def test_without_an_upcoming_one_there_is_nothing_to_change(
    voice: Api, tool: str, arguments: Json
) -> None:
    refused = await use(voice, tool, arguments)
    assert (refused["success"], refused["error"]) == (False, "NOT_FOUND")


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
async def test_anothers_appointment_is_not_yours(voice: Api, tool: str, arguments: Json) -> None:
    mine = await booked(voice)
    rows = await all_rows(voice)
    wanted = arguments | {"appointmentId": mine["appointmentId"]}
    refused = await use(voice, tool, wanted, **SOMEBODY_ELSE)
    assert (refused["success"], refused["error"]) == (False, "NOT_YOURS")
    assert "Maya" not in str(refused)
    assert "10" not in refused["message"]
    assert await all_rows(voice) == rows
    assert (await state(voice, mine))[0] == "confirmed"


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
async def test_a_name_or_a_phone_argument_is_no_proof(
    voice: Api, tool: str, arguments: Json
) -> None:
    mine = await booked(voice)
    said = {"name": "Maya Okafor", "phone": "+447700900123", "customer": "+447700900123"}
    wanted = arguments | said | {"appointmentId": mine["appointmentId"]}
    assert (await use(voice, tool, wanted, **SOMEBODY_ELSE))["error"] == "NOT_YOURS"
    del wanted["appointmentId"]
    assert (await use(voice, tool, wanted, **SOMEBODY_ELSE))["error"] == "NOT_FOUND"


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
async def test_another_clinics_appointment_is_not_here(
    voice: Api, tool: str, arguments: Json
) -> None:
    other = await voice.open_clinic()
    theirs = await booked(voice, headers=other.bearer)
    wanted = arguments | {"appointmentId": theirs["appointmentId"]}
    assert (await use(voice, tool, wanted))["error"] == "NOT_FOUND"
    assert (await state(voice, theirs))[0] == "confirmed"


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
@pytest.mark.parametrize("value", [*NONSENSE, "00000000-0000-4000-8000-000000000000"], ids=repr)
async def test_an_id_that_is_none(voice: Api, tool: str, arguments: Json, value: Any) -> None:
    mine = await booked(voice)
    payload = await use(voice, tool, arguments | {"appointmentId": value})
    if value == "":
        assert payload["appointmentId"] == mine["appointmentId"]
    else:
        assert payload["error"] == "NOT_FOUND"


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
async def test_without_a_number_the_id_is_needed_and_is_enough(
    voice: Api, tool: str, arguments: Json
) -> None:
    mine = await booked(voice)
    refused = await use(voice, tool, arguments, caller=None)
    assert refused["error"] == "NOT_FOUND"
    assert "number" in refused["message"]
    wanted = arguments | {"appointmentId": mine["appointmentId"]}
    assert (await use(voice, tool, wanted, caller=None))["success"] is True


@pytest.mark.parametrize("check", ["name", "name_and_birth_date"])
@pytest.mark.parametrize(("tool", "arguments"), BOTH)
@pytest.mark.parametrize("by_id", [True, False])
@pytest.mark.parametrize("caller", ["+447700900123", None])
async def test_a_clinic_may_want_to_know_more(
    voice: Api, check: str, tool: str, arguments: Json, by_id: bool, caller: str | None
) -> None:
    await set_clinic(voice, caller_check=check)
    mine = await booked(voice, birthDate="3 March 1981")
    if by_id or caller is None:
        arguments = arguments | {"appointmentId": mine["appointmentId"]}
    asked = await use(voice, tool, arguments, caller=caller)
    assert (asked["error"], asked["needs"]) == ("NEEDS_CONFIRMATION", "name")
    assert asked["message"].endswith("what is the patient's full name, please?")
    arguments = arguments | {"name": "maya okafor"}
    if check == "name_and_birth_date":
        asked = await use(voice, tool, arguments, caller=caller)
        assert (asked["error"], asked["needs"]) == ("NEEDS_CONFIRMATION", "birthDate")
        arguments = arguments | {"birthDate": "1981-03-03"}
    assert (await use(voice, tool, arguments, caller=caller))["success"] is True


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
@pytest.mark.parametrize(
    "wrong", [{"name": "Ana Ruiz"}, {"birthDate": "4 March 1981"}, {"birthDate": "today"}]
)
async def test_what_does_not_match_changes_nothing(
    voice: Api, tool: str, arguments: Json, wrong: Json
) -> None:
    await set_clinic(voice, caller_check="name_and_birth_date")
    mine = await booked(voice, birthDate="1981-03-03")
    right = {"name": "Maya Okafor", "birthDate": "1981-03-03"}
    by_id = await use(
        voice, tool, arguments | right | wrong | {"appointmentId": mine["appointmentId"]}
    )
    assert by_id["error"] == "NOT_YOURS"
    assert "match" in by_id["message"]
    assert (await use(voice, tool, arguments | right | wrong))["error"] == "NOT_FOUND"
    assert (await state(voice, mine))[0] == "confirmed"


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
async def test_a_birth_date_that_could_be_two_is_asked_about(
    voice: Api, tool: str, arguments: Json
) -> None:
    await set_clinic(voice, caller_check="name_and_birth_date")
    await booked(voice, birthDate="1981-04-03")
    said = {"name": "Maya Okafor", "birthDate": "03/04/1981"}
    asked = await use(voice, tool, arguments | said)
    assert asked["error"] == "NEEDS_CONFIRMATION"
    assert asked["candidates"] == ["1981-03-04", "1981-04-03"]


@pytest.mark.parametrize("reason", [7, ["ill"], "a\x00b", "\ud800", "so long " * 1_000])
async def test_no_reason_keeps_a_caller_from_cancelling(voice: Api, reason: object) -> None:
    await booked(voice)
    assert (await use(voice, CANCEL, {"reason": reason}))["success"] is True


async def test_the_same_call_again_is_the_same_cancellation(voice: Api) -> None:
    mine = await booked(voice)
    first = await use(voice, CANCEL, tool_call_id="call_1")
    rows = await all_rows(voice)
    again = await use(voice, CANCEL, tool_call_id="call_1")
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["appointmentId"] == mine["appointmentId"]
    by_id = await use(voice, CANCEL, {"appointmentId": mine["appointmentId"]})
    assert (by_id["success"], by_id["replayed"]) == (True, True)
    assert await all_rows(voice) == rows


async def test_the_same_call_again_is_the_same_move(voice: Api) -> None:
    await booked(voice)
    first = await use(voice, MOVE, THURSDAY, tool_call_id="call_1")
    rows = await all_rows(voice)
    again = await use(voice, MOVE, THURSDAY, tool_call_id="call_1")
    assert (first["replayed"], again["replayed"]) == (False, True)
    there = await use(voice, MOVE, THURSDAY)
    assert (there["success"], there["replayed"]) == (True, True)
    assert there["message"].startswith("It's there already: consultation on Thursday 5 November")
    assert await all_rows(voice) == rows


@pytest.mark.parametrize(("tool", "arguments"), BOTH)
async def test_the_same_call_with_other_arguments_is_a_mismatch(
    voice: Api, tool: str, arguments: Json
) -> None:
    await booked(voice)
    await use(voice, tool, arguments, tool_call_id="call_1")
    other = await use(voice, tool, arguments | {"reason": "another"}, tool_call_id="call_1")
    assert other["error"] == "IDEMPOTENCY_MISMATCH"


async def test_a_taken_time_is_refused_with_alternatives(voice: Api) -> None:
    mine = await booked(voice)
    await booked(voice, "2026-11-05T10:00", name="Ana Ruiz", **SOMEBODY_ELSE)
    refused = await use(voice, MOVE, THURSDAY)
    assert refused["error"] == "SLOT_UNAVAILABLE"
    assert len(refused["alternatives"]) == 3
    assert all(offer["spoken"] in refused["message"] for offer in refused["alternatives"])
    assert "Ana" not in str(refused)
    assert (await state(voice, mine))[1] == "2026-11-03T10:00:00+00:00"
    nearest = {"scheduledAt": refused["alternatives"][0]["startsAt"]}
    assert (await use(voice, MOVE, nearest))["success"] is True


async def test_to_another_practitioner(voice: Api) -> None:
    await add_practitioner(voice, "Dr Grey")
    await booked(voice, practitioner="Harbor Dental")
    moved = await use(voice, MOVE, THURSDAY | {"practitioner": "Grey"})
    assert moved["previous"]["practitioner"] == "Harbor Dental"
    assert "with Dr Grey" in moved["message"]
    stays = await use(voice, MOVE, {"scheduledAt": "2026-11-06T10:00"})
    assert "with Dr Grey" in stays["message"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "INVALID_DATE"),
        ({"scheduledAt": "3 pm"}, "NEEDS_CONFIRMATION"),
        ({**THURSDAY, "weekday": "Friday"}, "NEEDS_CONFIRMATION"),
        ({"scheduledAt": "2026-11-01T10:00"}, "DATE_IN_PAST"),
        ({"scheduledAt": "2026-11-08T10:00"}, "OUTSIDE_HOURS"),
        ({"scheduledAt": "2028-11-08T10:00"}, "TOO_FAR_AHEAD"),
        ({**THURSDAY, "practitioner": "Dr Nobody"}, "UNKNOWN_PRACTITIONER"),
    ],
)
@pytest.mark.parametrize("tool_call_id", ["call_1", ""])
async def test_a_bad_time_is_refused_with_its_code(
    voice: Api, arguments: Json, code: str, tool_call_id: str
) -> None:
    mine = await booked(voice)
    refused = await use(voice, MOVE, arguments, tool_call_id=tool_call_id)
    assert (refused["success"], refused["error"]) == (False, code)
    assert isinstance(refused["alternatives"], list)
    assert (await state(voice, mine))[1] == "2026-11-03T10:00:00+00:00"


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
async def test_nonsense_gets_an_answer(voice: Api, value: object) -> None:
    await set_clinic(voice, caller_check="name_and_birth_date")
    await booked(voice, birthDate="1981-03-03")
    right = {"name": "Maya Okafor", "birthDate": "1981-03-03"}
    for tool, arguments in BOTH:
        for name in ("scheduledAt", "weekday", "practitioner", "name", "birthDate", "reason"):
            payload = await use(voice, tool, arguments | right | {name: value})
            assert payload.get("error") not in ("INTERNAL_ERROR", "BUSY"), (tool, name)


async def test_a_cancelled_or_past_one_is_not_moved(voice: Api) -> None:
    mine = await booked(voice)
    await use(voice, CANCEL)
    wanted = THURSDAY | {"appointmentId": mine["appointmentId"]}
    assert (await use(voice, MOVE, wanted))["error"] == "NOT_FOUND"


async def test_two_callers_swap_nothing_but_do_not_block_each_other(voice: Api) -> None:
    await booked(voice)
    await booked(voice, "2026-11-05T10:00", name="Ana Ruiz", **SOMEBODY_ELSE)
    answers = await asyncio.gather(
        use(voice, MOVE, THURSDAY),
        use(voice, MOVE, {"scheduledAt": "2026-11-03T10:00"}, **SOMEBODY_ELSE),
    )
    assert [answer["error"] for answer in answers] == ["SLOT_UNAVAILABLE"] * 2
