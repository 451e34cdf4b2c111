"""Emergencies: the number is said, the staff are alerted, and nothing is booked."""

from datetime import UTC, datetime

import pytest

from tests.integration.clinics import Api, Json
from tests.integration.tool_calls import (
    TOMORROW_AT_TEN,
    all_rows,
    booked,
    broken,
    set_clinic,
    use,
)
from tests.unit import vapi_bodies as bodies

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIN = "I have chest pain and I can't breathe"
BOOKING: Json = {"name": "Maya Okafor", "scheduledAt": TOMORROW_AT_TEN}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("bookClinicAppointment", {**BOOKING, "notes": PAIN}),
        ("bookClinicAppointment", {**BOOKING, "symptoms": {"described": [PAIN]}}),
        ("bookClinicAppointment", {**BOOKING, "notes": [PAIN]}),
        ("bookClinicAppointment", {"notes": PAIN}),
        ("checkAvailability", {"reason": PAIN}),
        ("holdSlot", {"scheduledAt": TOMORROW_AT_TEN, "reason": PAIN}),
        ("rescheduleAppointment", {"scheduledAt": TOMORROW_AT_TEN, "reason": PAIN}),
        ("cancelAppointment", {"reason": PAIN}),
        ("lookupCaller", {"reason": PAIN}),
        ("getClinicInfo", {"topic": PAIN}),
        ("joinWaitlist", {"name": "Maya Okafor", "notes": PAIN}),
        ("transferCall", {"reason": PAIN}),
    ],
)
async def test_whatever_was_asked_for_the_number_is_said(
    voice: Api, tool: str, arguments: Json
) -> None:
    await booked(voice, "2026-11-05T10:00")
    before = await all_rows(voice)
    payload = await use(voice, tool, arguments)
    assert (payload["success"], payload["error"], payload["emergency"]) == (
        False,
        "EMERGENCY",
        True,
    )
    assert payload["emergencyNumber"] == "999"
    assert payload["message"] == "This may be an emergency. Please hang up and call 9 9 9 now."
    assert payload["destination"] is None
    assert await all_rows(voice) == before | {
        "alerts": 1,
        "events": before["events"] + 1,
        "deliveries": before["deliveries"] + 1,  # which tells staff
    }
    (alert,) = await voice.rows("SELECT kind, call_id, message_id FROM alerts")
    assert alert == {"kind": "emergency", "call_id": bodies.CALL_ID, "message_id": None}


async def test_an_alert_holds_nothing_about_the_patient(voice: Api) -> None:
    await use(voice, "bookClinicAppointment", {**BOOKING, "notes": PAIN})
    told = str(await voice.rows("SELECT * FROM alerts")) + str(
        await voice.rows("SELECT * FROM events")
    )
    for private in ("Maya", "chest", bodies.CALLER):
        assert private not in told


async def test_one_alert_for_a_call_however_often_it_is_said(voice: Api) -> None:
    for _ in range(3):
        await use(voice, "bookClinicAppointment", {**BOOKING, "notes": PAIN})
    assert (await all_rows(voice))["alerts"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"message": PAIN},
        {"message": PAIN, "name": "07700 900123", "callbackNumber": "12345"},
        {"message": f"{PAIN} \x00\ud800 {'and so on ' * 500}"},
        {"message": [PAIN]},
        {"message": "Somebody must come at once.", "urgency": "Emergency"},
    ],
)
async def test_a_message_is_kept_all_the_same(voice: Api, arguments: Json) -> None:
    payload = await use(voice, "takeMessage", arguments, tool_call_id="call_1")
    assert (payload["error"], payload["emergencyNumber"]) == ("EMERGENCY", "999")
    (row,) = await voice.rows("SELECT id::text, urgency FROM messages")
    assert row == {"id": payload["messageId"], "urgency": "emergency"}
    (alert,) = await voice.rows("SELECT kind, message_id::text FROM alerts")
    assert alert == {"kind": "emergency_message", "message_id": row["id"]}
    again = await use(voice, "takeMessage", arguments, tool_call_id="call_1")
    assert again["messageId"] == payload["messageId"]
    assert (await all_rows(voice))["messages"] == 1


async def test_an_emergency_without_words_alerts_as_well(voice: Api) -> None:
    payload = await use(voice, "takeMessage", {"urgency": "emergency"})
    assert payload["error"] == "EMERGENCY"
    assert "messageId" not in payload
    assert await voice.value("SELECT kind FROM alerts") == "emergency"


async def test_somebody_answers_while_the_clinic_is_open(voice: Api) -> None:
    await set_clinic(voice, transfer_number="+442079460000")
    await voice.database.set_clock(datetime(2026, 11, 2, 10, tzinfo=UTC))
    payload = await use(voice, "getClinicInfo", {"topic": PAIN})
    assert payload["destination"]["number"] == "+442079460000"
    assert "putting you through" in payload["message"]
    assert "9 9 9" in payload["message"]


@pytest.mark.parametrize(
    ("clinic", "number"),
    [
        ({"timezone": "America/New_York", "country": "US"}, "911"),
        ({"timezone": "Europe/Berlin", "country": None}, "112"),
    ],
)
async def test_the_number_is_the_countrys(voice: Api, clinic: Json, number: str) -> None:
    there = await voice.open_clinic(**clinic)
    payload = await use(voice, "cancelAppointment", {"reason": PAIN}, headers=there.bearer)
    assert payload["emergencyNumber"] == number


async def test_a_clinics_own_words(voice: Api) -> None:
    await set_clinic(voice, red_flags=["knocked out tooth"])
    own = await use(voice, "transferCall", {"reason": "He has a knocked out tooth"})
    assert own["error"] == "EMERGENCY"
    assert (await use(voice, "transferCall", {"reason": PAIN}))["error"] != "EMERGENCY"


@pytest.mark.parametrize("key", ["name", "serviceType", "practitioner", "phone", "scheduledAt"])
async def test_names_services_and_times_are_no_complaints(voice: Api, key: str) -> None:
    payload = await use(voice, "bookClinicAppointment", {**BOOKING, key: "chest pain"})
    assert payload.get("error") != "EMERGENCY"
    assert (await all_rows(voice))["alerts"] == 0


@pytest.mark.parametrize("function", ["raise_alert", "take_message", "transfer_destination"])
async def test_the_number_is_said_even_when_nothing_can_be_recorded(
    voice: Api, function: str
) -> None:
    async with broken(voice, function):
        for tool, arguments in (
            ("bookClinicAppointment", {**BOOKING, "notes": PAIN}),
            ("takeMessage", {"message": PAIN}),
        ):
            payload = await use(voice, tool, arguments)
            assert (payload["error"], payload["emergencyNumber"]) == ("EMERGENCY", "999")
            assert payload["destination"] is None
    assert (await all_rows(voice))["appointments"] == 0


async def test_a_caller_over_the_limit_is_told_the_number(voice: Api) -> None:
    for _ in range(30):
        await use(voice, "transferCall")
    assert (await use(voice, "transferCall"))["error"] == "RATE_LIMITED"
    assert (await use(voice, "transferCall", {"reason": PAIN}))["error"] == "EMERGENCY"
