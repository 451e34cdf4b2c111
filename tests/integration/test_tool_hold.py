"""`holdSlot`, and what becomes of a hold: booked, extended, released, lapsed."""

from datetime import datetime, timedelta

import pytest

from tests.integration.clinics import NOW, Api, Json
from tests.integration.test_voice_messages import message
from tests.integration.tool_calls import (
    NONSENSE,
    SOMEBODY_ELSE,
    TOMORROW_AT_TEN,
    add_practitioner,
    all_rows,
    booked,
    broken,
    use,
)
from tests.unit import vapi_bodies as bodies

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOL = "holdSlot"
WISH: Json = {"scheduledAt": TOMORROW_AT_TEN}
BOOKING: Json = {"name": "Maya Okafor", **WISH}


async def expiry(api: Api) -> datetime | None:
    found: datetime | None = await api.value(
        "SELECT hold_expires_at FROM appointments WHERE status = 'held'"
    )
    return found


async def test_a_hold_has_the_fields_of_the_contract(voice: Api) -> None:
    held = await use(voice, TOOL, WISH)
    assert held.keys() == {"success", "message", "holdId", "expiresAt"}
    expires_at = datetime.fromisoformat(held["expiresAt"])
    assert timedelta(minutes=4) < expires_at - NOW < timedelta(minutes=6)
    assert held["message"] == (
        "I'm keeping it for you for 5 minutes: consultation on Tuesday 3 November at 10 am with "
        "Harbor Dental."
    )
    assert await voice.value("SELECT id::text FROM appointments") == held["holdId"]


async def test_nobody_else_gets_a_held_time(voice: Api) -> None:
    await use(voice, TOOL, WISH)
    for tool, arguments in (("holdSlot", WISH), ("bookClinicAppointment", BOOKING)):
        refused = await use(voice, tool, arguments, **SOMEBODY_ELSE)
        assert refused["error"] == "SLOT_UNAVAILABLE"
        assert len(refused["alternatives"]) == 3
        assert refused["alternatives"][0].keys() == {"startsAt", "practitioner", "spoken"}
        assert all(offer["spoken"] in refused["message"] for offer in refused["alternatives"])


@pytest.mark.parametrize("named", [True, False])
async def test_a_hold_is_booked_by_its_call(voice: Api, named: bool) -> None:
    held = await use(voice, TOOL, WISH)
    arguments = BOOKING | ({"holdId": held["holdId"]} if named else {})
    payload = await use(voice, "bookClinicAppointment", arguments)
    assert (payload["success"], payload["replayed"]) == (True, False)
    assert await voice.value("SELECT count(*) FROM appointments WHERE status = 'held'") == 0


async def test_another_calls_hold_is_not_yours(voice: Api) -> None:
    held = await use(voice, TOOL, WISH)
    arguments = BOOKING | {"holdId": held["holdId"]}
    refused = await use(voice, "bookClinicAppointment", arguments, **SOMEBODY_ELSE)
    assert refused["error"] == "NOT_YOURS"


async def test_an_expired_hold_is_said_to_be(voice: Api) -> None:
    held = await use(voice, TOOL, WISH)
    await voice.database.set_clock(NOW + timedelta(minutes=6))
    arguments = BOOKING | {"holdId": held["holdId"]}
    refused = await use(voice, "bookClinicAppointment", arguments)
    assert refused["error"] == "HOLD_EXPIRED"
    assert len(refused["alternatives"]) == 3
    retaken = await use(voice, "bookClinicAppointment", BOOKING, **SOMEBODY_ELSE)
    assert retaken["success"] is True


@pytest.mark.parametrize(
    "hold_id", ["no id", "", "00000000-0000-4000-8000-000000000000", ["x"], 7, "\x00", "\ud800"]
)
async def test_a_hold_that_is_none(voice: Api, hold_id: object) -> None:
    payload = await use(voice, "bookClinicAppointment", BOOKING | {"holdId": hold_id})
    if hold_id == "":
        assert payload["success"] is True
    else:
        assert (payload["error"], payload["success"]) == ("NOT_FOUND", False)
        assert isinstance(payload["alternatives"], list)


async def test_another_clinics_hold_is_none(voice: Api) -> None:
    other = await voice.open_clinic()
    held = await use(voice, TOOL, WISH, headers=other.bearer)
    payload = await use(voice, "bookClinicAppointment", BOOKING | {"holdId": held["holdId"]})
    assert payload["error"] == "NOT_FOUND"


async def test_the_same_call_again_is_the_same_hold(voice: Api) -> None:
    first = await use(voice, TOOL, WISH, tool_call_id="call_1")
    rows = await all_rows(voice)
    again = await use(voice, TOOL, WISH, tool_call_id="call_1")
    assert again["holdId"] == first["holdId"]
    other = await use(voice, TOOL, {"scheduledAt": "2026-11-03T11:00"}, tool_call_id="call_1")
    assert other["error"] == "IDEMPOTENCY_MISMATCH"
    assert await all_rows(voice) == rows


async def test_the_same_call_long_after_is_not_told_that_it_holds(voice: Api) -> None:
    await use(voice, TOOL, WISH, tool_call_id="call_1")
    await voice.database.set_clock(NOW + timedelta(minutes=10))
    again = await use(voice, TOOL, WISH, tool_call_id="call_1")
    assert again["error"] == "HOLD_EXPIRED"


async def test_a_call_holds_three_at_most(voice: Api) -> None:
    for hour in (9, 10, 11):
        held = await use(voice, TOOL, {"scheduledAt": f"2026-11-03T{hour:02}:00"})
        assert held["success"] is True
    refused = await use(voice, TOOL, {"scheduledAt": "2026-11-03T12:00"})
    assert refused["error"] == "LIMIT_REACHED"


async def test_any_tool_of_the_call_extends_its_holds(voice: Api) -> None:
    await use(voice, TOOL, WISH)
    before = await expiry(voice)
    await voice.database.set_clock(NOW + timedelta(minutes=4))
    await use(voice, "getClinicInfo", {"topic": "hours"}, **SOMEBODY_ELSE)
    assert await expiry(voice) == before, "another call's tool"
    await use(voice, "getClinicInfo", {"topic": "hours"})
    extended = await expiry(voice)
    assert before is not None
    assert extended is not None
    assert extended - before > timedelta(minutes=3)


async def test_what_was_decided_stands_when_holds_can_not_be_extended(voice: Api) -> None:
    async with broken(voice, "extend_holds"):
        held = await use(voice, TOOL, WISH)
        told = await use(voice, "getClinicInfo", {"topic": "hours"})
    assert (held["success"], told["success"]) == (True, True)


@pytest.mark.parametrize(
    ("kind", "fields", "left"),
    [
        ("end-of-call-report", {}, 0),
        ("status-update", {"status": "ended"}, 0),
        ("status-update", {"status": "in-progress"}, 1),
    ],
)
async def test_the_end_of_the_call_releases_them(
    voice: Api, kind: str, fields: Json, left: int
) -> None:
    await use(voice, TOOL, WISH)
    await voice.answer(message(kind, **fields))
    held = await use(voice, TOOL, WISH, **SOMEBODY_ELSE)
    assert held["success"] is (left == 0)


async def test_a_practitioner_can_be_named(voice: Api) -> None:
    await add_practitioner(voice, "Dr Grey")
    held = await use(voice, TOOL, WISH | {"practitioner": "Grey"})
    assert "with Dr Grey" in held["message"]
    other = await use(voice, TOOL, WISH | {"practitioner": "Grey"}, **SOMEBODY_ELSE)
    assert other["error"] == "SLOT_UNAVAILABLE"
    assert "with" not in other["message"], "all are with who was asked for"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "INVALID_DATE"),
        ({"scheduledAt": "tomorrow"}, "NEEDS_CONFIRMATION"),
        ({"scheduledAt": "2026-11-01T10:00"}, "DATE_IN_PAST"),
        ({"scheduledAt": "2026-11-08T10:00"}, "OUTSIDE_HOURS"),
        ({"scheduledAt": "2027-12-08T10:00"}, "TOO_FAR_AHEAD"),
        ({**WISH, "weekday": "Friday"}, "NEEDS_CONFIRMATION"),
        ({**WISH, "serviceType": "surgery"}, "UNKNOWN_SERVICE"),
        ({**WISH, "practitioner": "Dr Nobody"}, "UNKNOWN_PRACTITIONER"),
    ],
)
async def test_a_bad_argument_is_refused_with_its_code(
    voice: Api, arguments: Json, code: str
) -> None:
    refused = await use(voice, TOOL, arguments)
    assert (refused["success"], refused["error"]) == (False, code)
    assert isinstance(refused["alternatives"], list)
    assert await voice.value("SELECT count(*) FROM appointments") == 0


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
async def test_nonsense_gets_an_answer(voice: Api, value: object) -> None:
    for name in ("scheduledAt", "appointmentDate", "weekday", "serviceType", "practitioner"):
        payload = await use(voice, TOOL, WISH | {name: value})
        assert payload.get("error") not in ("INTERNAL_ERROR", "BUSY"), name


async def test_a_caller_without_a_number_may_hold(voice: Api) -> None:
    held = await use(voice, TOOL, WISH, caller=None)
    arguments = BOOKING | {"phone": bodies.CALLER, "holdId": held["holdId"]}
    payload = await use(voice, "bookClinicAppointment", arguments, caller=None)
    assert payload["success"] is True


async def test_a_taken_time_is_refused_without_a_word_about_whose(voice: Api) -> None:
    mine = await booked(voice)
    refused = await use(voice, TOOL, WISH, **SOMEBODY_ELSE)
    assert refused["error"] == "SLOT_UNAVAILABLE"
    for private in ("Maya", bodies.CALLER, mine["appointmentId"], mine["contactId"]):
        assert private not in str(refused)
