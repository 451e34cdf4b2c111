"""`takeMessage` and `joinWaitlist`: what a caller leaves for later."""

import pytest

from tests.integration.clinics import Api, Json
from tests.integration.tool_calls import (
    NONSENSE,
    SOMEBODY_ELSE,
    TOMORROW_AT_TEN,
    add_practitioner,
    all_rows,
    booked,
    use,
)
from tests.unit import vapi_bodies as bodies

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGE, WAIT = "takeMessage", "joinWaitlist"
TEXT: Json = {"message": "Please call me about the invoice."}


async def test_a_message_is_kept(voice: Api) -> None:
    said = TEXT | {"name": "Maya Okafor", "callbackNumber": "020 7946 0958", "urgency": "low"}
    payload = await use(voice, MESSAGE, said)
    assert payload.keys() == {"success", "message", "messageId"}
    assert payload["message"] == "I've noted your message, and the clinic will see it."
    (row,) = await voice.rows("SELECT * FROM messages")
    assert str(row["id"]) == payload["messageId"]
    assert (row["body"], row["name"], row["urgency"]) == (TEXT["message"], "Maya Okafor", "low")
    assert (row["caller_phone"], row["callback_phone"]) == (bodies.CALLER, "+442079460958")
    assert (row["call_id"], row["org_id"]) == (bodies.CALL_ID, voice.clinic.id)
    assert (await all_rows(voice))["alerts"] == 0


@pytest.mark.parametrize("urgency", ["high", "URGENT"])
async def test_a_pressing_message_alerts_the_staff(voice: Api, urgency: str) -> None:
    payload = await use(voice, MESSAGE, TEXT | {"urgency": urgency})
    assert payload["success"] is True
    (alert,) = await voice.rows("SELECT kind, message_id::text FROM alerts")
    assert alert == {"kind": "high_message", "message_id": payload["messageId"]}


async def test_without_any_number_one_is_asked_for(voice: Api) -> None:
    payload = await use(voice, MESSAGE, TEXT, caller=None)
    assert payload["success"] is True
    assert payload["message"].endswith("may I have one?")
    known = await use(voice, MESSAGE, TEXT | {"callbackNumber": "07700 900456"}, caller=None)
    assert known["message"].endswith("the clinic will see it.")


async def test_the_same_call_again_is_the_same_message(voice: Api) -> None:
    first = await use(voice, MESSAGE, TEXT, tool_call_id="call_1")
    rows = await all_rows(voice)
    again = await use(voice, MESSAGE, TEXT, tool_call_id="call_1")
    assert again["messageId"] == first["messageId"]
    other = await use(voice, MESSAGE, {"message": "Never mind."}, tool_call_id="call_1")
    assert other["error"] == "IDEMPOTENCY_MISMATCH"
    assert await all_rows(voice) == rows


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "INVALID_ARGUMENTS"),
        ({"message": "  "}, "INVALID_ARGUMENTS"),
        ({"message": "a" * 2_001}, "INVALID_ARGUMENTS"),
        ({"message": "a\x00b"}, "INVALID_ARGUMENTS"),
        ({"message": ["call me"]}, "INVALID_ARGUMENTS"),
        ({**TEXT, "callbackNumber": "12345"}, "INVALID_PHONE"),
        ({**TEXT, "name": "07700 900123"}, "INVALID_NAME"),
    ],
)
async def test_a_bad_message_is_refused_with_its_code(
    voice: Api, arguments: Json, code: str
) -> None:
    payload = await use(voice, MESSAGE, arguments)
    assert (payload["success"], payload["error"]) == (False, code)
    assert (await all_rows(voice))["messages"] == 0


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
async def test_nonsense_gets_an_answer(voice: Api, value: object) -> None:
    for name in ("message", "name", "callbackNumber", "urgency"):
        payload = await use(voice, MESSAGE, TEXT | {name: value})
        assert payload.get("error") not in ("INTERNAL_ERROR", "BUSY"), name
    names = ("name", "serviceType", "practitioner", "dateFrom", "dateTo", "timeOfDay", "phone")
    for name in names:
        payload = await use(voice, WAIT, {"name": "Maya Okafor", name: value})
        assert payload.get("error") not in ("INTERNAL_ERROR", "BUSY"), name


async def test_a_caller_joins_the_list(voice: Api) -> None:
    said = {"name": "Maya Okafor", "dateTo": "2026-11-10", "timeOfDay": "morning"}
    payload = await use(voice, WAIT, said)
    assert payload.keys() == {"success", "message", "waitlistId", "position"}
    assert payload["position"] == 1
    assert payload["message"] == (
        "You're on the waiting list for consultation, from Monday 2 November to Tuesday 10 "
        "November. The clinic will offer you the first time that becomes free."
    )
    (row,) = await voice.rows("SELECT * FROM waitlist")
    assert str(row["id"]) == payload["waitlistId"]
    assert (row["date_from"].isoformat(), row["date_to"].isoformat()) == (
        "2026-11-02",
        "2026-11-10",
    )
    assert (row["time_from"].hour, row["time_until"].hour) == (0, 12)
    second = await use(voice, WAIT, {**said, "name": "Ana Ruiz"}, **SOMEBODY_ELSE)
    assert second["position"] == 2


async def test_one_day_is_spoken_as_one(voice: Api) -> None:
    said = {"name": "Maya Okafor", "dateFrom": "tomorrow", "dateTo": "tomorrow"}
    assert "for consultation on Tuesday 3 November." in (await use(voice, WAIT, said))["message"]


async def test_who_is_known_by_the_number_need_not_say_a_name(voice: Api) -> None:
    assert (await use(voice, WAIT))["error"] == "INVALID_NAME"
    await booked(voice)
    assert (await use(voice, WAIT))["success"] is True
    await booked(voice, "2026-11-04T10:00", name="Tobi Okafor")
    assert (await use(voice, WAIT))["error"] == "INVALID_NAME"


async def test_the_same_wish_again_is_the_same_entry(voice: Api) -> None:
    said = {"name": "Maya Okafor"}
    first = await use(voice, WAIT, said, tool_call_id="call_1")
    again = await use(voice, WAIT, said, tool_call_id="call_1")
    once_more = await use(voice, WAIT, said)
    assert len({one["waitlistId"] for one in (first, again, once_more)}) == 1
    assert (await all_rows(voice))["waitlist"] == 1


async def test_without_a_number_a_phone_is_required(voice: Api) -> None:
    said = {"name": "Maya Okafor"}
    assert (await use(voice, WAIT, said, caller=None))["error"] == "INVALID_PHONE"
    joined = await use(voice, WAIT, said | {"phone": "07700 900456"}, caller=None)
    assert joined["success"] is True
    assert await voice.value("SELECT phone FROM leads") == "+447700900456"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"serviceType": "surgery"}, "UNKNOWN_SERVICE"),
        ({"practitioner": "Dr Nobody"}, "UNKNOWN_PRACTITIONER"),
        ({"dateFrom": "2026-11-10", "dateTo": "2026-11-09"}, "INVALID_DATE"),
        ({"dateTo": "2026-11-01"}, "DATE_IN_PAST"),
        ({"dateTo": "9999-12-31"}, "INVALID_DATE"),
        ({"timeOfDay": "at dusk"}, "INVALID_ARGUMENTS"),
        ({"name": "07700 900123"}, "INVALID_NAME"),
    ],
)
async def test_a_bad_wish_is_refused_with_its_code(voice: Api, arguments: Json, code: str) -> None:
    payload = await use(voice, WAIT, {"name": "Maya Okafor"} | arguments)
    assert (payload["success"], payload["error"]) == (False, code)
    assert (await all_rows(voice))["waitlist"] == 0


async def test_a_sixth_entry_of_one_number_is_refused(voice: Api) -> None:
    for day in range(3, 8):
        joined = await use(voice, WAIT, {"name": "Maya Okafor", "dateTo": f"2026-11-{day:02}"})
        assert joined["success"] is True
    assert (await use(voice, WAIT, {"name": "Maya Okafor"}))["error"] == "LIMIT_REACHED"


@pytest.mark.parametrize("how", ["by its time", "by its hold"])
async def test_a_freed_time_is_offered_on_the_next_call_and_booked(voice: Api, how: str) -> None:
    await add_practitioner(voice, "Dr Grey")
    await booked(voice, practitioner="Grey")
    wish = {"name": "Ana Ruiz", "practitioner": "Grey", "dateTo": "2026-11-03"}
    await use(voice, WAIT, wish, **SOMEBODY_ELSE)
    await use(voice, "cancelAppointment")
    told = await use(voice, "lookupCaller", **SOMEBODY_ELSE)
    (offer,) = told["people"][0]["offers"]
    assert offer["spoken"] == "Tuesday 3 November at 10 am"
    assert told["message"].endswith(
        "A time became free for Ana Ruiz: consultation on Tuesday 3 November at 10 am with "
        "Dr Grey. Shall I book it?"
    )
    rival = await use(
        voice,
        "bookClinicAppointment",
        {"name": "Bo Li", "scheduledAt": TOMORROW_AT_TEN, "practitioner": "Grey"},
        caller="+447700900777",
        call_id="a-third-call",
    )
    assert rival["error"] == "SLOT_UNAVAILABLE"
    arguments = {"name": "Ana Ruiz", "scheduledAt": offer["scheduledAt"]}
    if how == "by its hold":
        arguments["holdId"] = offer["holdId"]
    answered = await use(voice, "bookClinicAppointment", arguments, **SOMEBODY_ELSE)
    assert (answered["success"], answered["practitioner"]) == (True, "Dr Grey")
    assert await voice.value("SELECT status FROM waitlist") == "booked"


async def test_another_clinics_list_is_another(voice: Api) -> None:
    other = await voice.open_clinic()
    await use(voice, WAIT, {"name": "Maya Okafor"}, headers=other.bearer)
    assert (await use(voice, WAIT, {"name": "Maya Okafor"}))["position"] == 1
