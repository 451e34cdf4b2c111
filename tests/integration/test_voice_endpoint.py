"""Every shape a voice platform asks in, and the answer in its own shape."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.clinics import (
    THURSDAY_AT_TEN,
    TOOL_URL,
    VAPI_URL,
    Api,
    Json,
    payload_of,
    wish,
)
from tests.unit import vapi_bodies as bodies

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOOKED_FIELDS = {
    "success",
    "message",
    "appointmentId",
    "contactId",
    "scheduledAt",
    "endsAt",
    "practitioner",
    "calendarEventId",
    "calendarStatus",
    "smsStatus",
    "replayed",
}
REFUSED_FIELDS = {"success", "error", "message", "alternatives"}
OTHER_TOOLS = (
    "checkAvailability",
    "holdSlot",
    "rescheduleAppointment",
    "cancelAppointment",
    "lookupCaller",
    "getClinicInfo",
    "takeMessage",
    "joinWaitlist",
    "transferCall",
)
CALL = {"id": bodies.CALL_ID, "customer": {"number": bodies.CALLER}}
NAME = "bookClinicAppointment"


def wrapped(**message: object) -> Json:
    return {"message": {"type": "tool-calls", "call": CALL, **message}}


def wire_call() -> dict[str, object]:
    return bodies.tool_call(arguments=wish())


ENVELOPES: dict[str, Json] = {
    "wire": bodies.envelope([wire_call()]),
    "arguments are a string": bodies.envelope([bodies.stringified(wire_call())]),
    "custom-tools page": wrapped(
        toolCallList=[{"id": "call_1", "name": NAME, "arguments": wish()}],
        toolWithToolCallList=[
            {
                "type": "function",
                "name": NAME,
                "toolCall": {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": NAME, "parameters": wish()},
                },
            }
        ],
    ),
    "events page": wrapped(
        toolCallList=[{"id": "call_1", "name": NAME, "parameters": wish()}],
        toolWithToolCallList=[{"name": NAME, "toolCall": {"id": "call_1", "parameters": wish()}}],
    ),
    "toolCalls only": wrapped(toolCalls=[wire_call()]),
    "toolWithToolCallList only": wrapped(
        toolWithToolCallList=[{"type": "function", "name": NAME, "toolCall": wire_call()}]
    ),
    "events page's toolWithToolCallList only": wrapped(
        toolWithToolCallList=[{"name": NAME, "toolCall": {"id": "call_1", "parameters": wish()}}]
    ),
    "without the wrapper": wrapped(toolCallList=[wire_call()])["message"],
    "without wrapper and type": {"toolCallList": [wire_call()], "call": CALL},
}
LEGACY: dict[str, Json] = {
    "legacy": bodies.function_call(parameters=wish()),
    "legacy, parameters are a string": bodies.function_call(parameters=json.dumps(wish())),
    "legacy without the wrapper": bodies.function_call(parameters=wish())["message"],  # type: ignore[dict-item]
}
BARE_HEADERS = {"X-Caller": bodies.CALLER, "X-Call-Id": bodies.CALL_ID, "X-Called": bodies.DIALLED}


async def assert_stored(api: Api, booked: Json, *, phone: str = bodies.CALLER) -> None:
    """The one booking there is, is the one that was answered, for the caller."""
    (row,) = await api.rows(
        "SELECT a.id::text, a.org_id, a.scheduled_at, a.status, l.id::text AS lead, l.name, l.phone"
        " FROM appointments a JOIN leads l ON l.id = a.contact_id"
    )
    assert booked["success"] is True
    assert (booked["appointmentId"], booked["contactId"]) == (row["id"], row["lead"])
    assert (row["name"], row["phone"], row["status"]) == ("Maya Okafor", phone, "confirmed")
    assert row["org_id"] == api.clinic.id
    assert row["scheduled_at"].isoformat() == "2026-11-26T10:00:00+00:00"


@pytest.mark.parametrize("url", [VAPI_URL, TOOL_URL])
@pytest.mark.parametrize("shape", ENVELOPES)
async def test_every_envelope_books_and_is_answered_with_results(
    voice: Api, shape: str, url: str
) -> None:
    answered = await voice.answer(ENVELOPES[shape], path=url)
    assert answered.keys() == {"results"}
    (entry,) = answered["results"]
    assert entry.keys() == {"name", "toolCallId", "result"}
    assert (entry["name"], entry["toolCallId"]) == (NAME, "call_1")
    assert isinstance(entry["result"], str)
    await assert_stored(voice, json.loads(entry["result"]))


@pytest.mark.parametrize("shape", LEGACY)
async def test_a_legacy_function_call_is_answered_with_a_result_string(
    voice: Api, shape: str
) -> None:
    answered = await voice.answer(LEGACY[shape])
    assert answered.keys() == {"result"}
    await assert_stored(voice, json.loads(answered["result"]))


async def test_an_api_request_is_answered_with_the_bare_object(voice: Api) -> None:
    answered = await voice.answer(wish(), {**voice.clinic.bearer, **BARE_HEADERS}, TOOL_URL)
    assert answered["success"] is True
    await assert_stored(voice, answered)
    assert await voice.value("SELECT call_id FROM appointments") == bodies.CALL_ID


async def test_a_bare_body_names_no_caller(voice: Api) -> None:
    body = wish() | {"customer": {"number": bodies.CALLER}, "call": CALL}
    answered = await voice.answer(body, path=TOOL_URL)
    assert answered["error"] == "INVALID_PHONE"


async def test_the_direct_shape_is_answered_with_an_object(voice: Api) -> None:
    body = bodies.direct(wish(phone=bodies.CALLER), "t1")
    answered = await voice.answer(body, path=TOOL_URL)
    assert answered.keys() == {"toolCallId", "result"}
    assert answered["toolCallId"] == "t1"
    await assert_stored(voice, answered["result"])


async def test_a_booking_has_the_fields_of_the_contract(voice: Api) -> None:
    booked = await voice.book()
    assert booked.keys() >= BOOKED_FIELDS
    assert booked["scheduledAt"] == "2026-11-26T10:00:00+00:00"
    assert booked["endsAt"] == "2026-11-26T11:00:00+00:00"
    assert booked["practitioner"] == "Harbor Dental"
    assert booked["calendarEventId"] is None
    assert (booked["calendarStatus"], booked["smsStatus"]) == ("off", "queued")
    assert booked["replayed"] is False


async def test_a_booking_has_no_other_fields(voice: Api) -> None:
    assert (await voice.book()).keys() == BOOKED_FIELDS


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "Somebody Else"}, "SLOT_UNAVAILABLE"),
        ({"scheduledAt": "2026-11-29T10:00"}, "OUTSIDE_HOURS"),
        ({"weekday": "Friday"}, "NEEDS_CONFIRMATION"),
        ({"phone": "maybe"}, "INVALID_PHONE"),
        ({"email": "maybe"}, "INVALID_EMAIL"),
        ({"name": ""}, "INVALID_NAME"),
        ({"serviceType": "surgery"}, "UNKNOWN_SERVICE"),
        ({"practitioner": "Dr Nobody"}, "UNKNOWN_PRACTITIONER"),
    ],
)
async def test_a_refusal_has_the_fields_of_the_contract(
    voice: Api, changes: Json, code: str
) -> None:
    await voice.book()
    refused = await voice.book(tool_call_id="call_2", **changes)
    assert refused.keys() >= REFUSED_FIELDS
    assert (refused["success"], refused["error"]) == (False, code)
    assert isinstance(refused["alternatives"], list)
    assert len(refused["alternatives"]) <= 3


async def test_a_refusal_says_nothing_about_whoever_holds_the_slot(voice: Api) -> None:
    booked = await voice.book(notes="sore tooth", email="maya@example.com")
    body = bodies.envelope(
        [bodies.tool_call("call_2", arguments=wish(name="Ana Ruiz"))], caller="+447700900999"
    )
    reply = await voice.post(VAPI_URL, body)
    assert payload_of(reply.json())["error"] == "SLOT_UNAVAILABLE"
    for private in ("Maya", "Okafor", "sore tooth", "example.com", bodies.CALLER[1:]):
        assert private not in reply.text
    assert booked["appointmentId"] not in reply.text
    assert booked["contactId"] not in reply.text


@pytest.mark.parametrize(
    ("clinic", "said", "stored", "spoken"),
    [
        ({}, THURSDAY_AT_TEN, "2026-11-26T10:00:00+00:00", "Thursday 26 November at 10 am"),
        (
            {},
            "2027-06-01T14:30",
            "2027-06-01T13:30:00+00:00",
            "Tuesday 1 June 2027 at 2:30 pm",
        ),
        (
            {"timezone": "America/New_York", "country": "US"},
            "2026-11-26T10:00",
            "2026-11-26T15:00:00+00:00",
            "Thursday, November 26 at 10 am",
        ),
        (
            {"timezone": "America/New_York", "country": None},
            "2027-06-01T12:00",
            "2027-06-01T16:00:00+00:00",
            "Tuesday, June 1, 2027 at 12 noon",
        ),
        (
            {},
            "2026-11-26T10:00:00-05:00",
            "2026-11-26T15:00:00+00:00",
            "Thursday 26 November at 3 pm",
        ),
    ],
)
async def test_the_sentence_speaks_the_clinics_own_time(
    voice: Api, clinic: Json, said: str, stored: str, spoken: str
) -> None:
    there = await voice.open_clinic(**clinic)
    booked = await voice.book(there.bearer, scheduledAt=said)
    assert booked["scheduledAt"] == stored
    assert booked["message"] == f"You're booked: consultation on {spoken} with Harbor Dental."


@pytest.mark.parametrize(
    ("said", "stored", "spoken"),
    [
        ("2026-11-26T10:00", "2026-11-26T15:00:00+00:00", "Thursday, November 26 at 10 am"),
        ("2027-06-01T12:00", "2027-06-01T16:00:00+00:00", "Tuesday, June 1, 2027 at 12 noon"),
    ],
)
async def test_new_york_is_spoken_to_in_its_own_order(
    voice: Api, said: str, stored: str, spoken: str
) -> None:
    there = await voice.open_clinic(timezone="America/New_York", country="US")
    await voice.value("DELETE FROM opening_hours")
    booked = await voice.book(there.bearer, scheduledAt=said)
    assert booked["scheduledAt"] == stored
    assert booked["message"] == f"You're booked: consultation on {spoken} with Harbor Dental."


async def test_a_date_and_a_spoken_time_may_stand_apart_or_in_one_string(voice: Api) -> None:
    apart = wish(scheduledAt=None, appointmentDate="2026-11-26", appointmentTime="10 am")
    first = await voice.use_tool(apart)
    again = await voice.book(scheduledAt="2026-11-26 10am", tool_call_id="call_2")
    assert first["success"] is again["success"] is True
    assert first["appointmentId"] == again["appointmentId"]


async def test_tomorrow_is_the_clinics_tomorrow(voice: Api) -> None:
    booked = await voice.book(scheduledAt="tomorrow at 3pm")
    assert booked["scheduledAt"] == "2026-11-03T15:00:00+00:00"


async def test_a_stale_year_is_corrected_and_said_back(voice: Api) -> None:
    booked = await voice.book(scheduledAt="2023-11-26T10:00:00")
    assert booked["scheduledAt"] == "2026-11-26T10:00:00+00:00"
    assert "Thursday 26 November" in booked["message"]


async def test_the_configured_duration_wins(voice: Api) -> None:
    booked = await voice.book(durationMinutes=15)
    assert booked["endsAt"] == "2026-11-26T11:00:00+00:00"


async def test_several_calls_are_answered_in_order_and_duplicates_once(voice: Api) -> None:
    def call(identifier: str, hour: int, name: str = NAME) -> dict[str, object]:
        return bodies.tool_call(identifier, name, wish(scheduledAt=f"2026-11-26T{hour}:00"))

    calls = [call("c", 13), call("a", 11), call("c", 13), call("x", 12, "no_such"), call("b", 10)]
    answered = await voice.answer(bodies.envelope(calls))
    entries = answered["results"]
    assert [entry["toolCallId"] for entry in entries] == ["c", "a", "x", "b"]
    assert [entry["name"] for entry in entries] == [NAME, NAME, "no_such", NAME]
    assert ["result" in entry for entry in entries] == [True, True, False, True]
    booked = [json.loads(entry["result"]) for entry in entries if "result" in entry]
    assert [one["scheduledAt"][11:13] for one in booked] == ["13", "11", "10"]
    assert (await voice.counts())["appointments"] == 3


async def test_one_refused_call_does_not_spoil_the_others(voice: Api) -> None:
    calls = [
        bodies.tool_call("bad", arguments=wish(name="")),
        bodies.tool_call("odd", arguments="{"),
        bodies.tool_call("good", arguments=wish()),
    ]
    answered = await voice.answer(bodies.envelope(calls))
    bad, odd, good = answered["results"]
    assert json.loads(bad["result"])["error"] == "INVALID_NAME"
    assert json.loads(odd["error"])["error"] == "INVALID_ARGUMENTS"
    assert json.loads(good["result"])["success"] is True


@pytest.mark.parametrize("url", [VAPI_URL, TOOL_URL])
async def test_an_empty_list_is_answered_with_an_empty_list(voice: Api, url: str) -> None:
    assert await voice.answer(bodies.envelope([]), path=url) == {"results": []}


async def test_every_value_is_one_line_whatever_the_clinic_is_called(voice: Api) -> None:
    await voice.value("UPDATE practitioners SET name = $1", "Dr\r\nGrey\u2028of\u0085York")
    booked = await voice.answer(bodies.envelope([wire_call()]))
    (entry,) = booked["results"]
    assert len(entry["result"].splitlines()) == 1
    assert json.loads(entry["result"])["practitioner"] == "Dr\r\nGrey\u2028of\u0085York"


@pytest.mark.parametrize("url", [VAPI_URL, TOOL_URL])
@pytest.mark.parametrize("tool", OTHER_TOOLS)
async def test_every_tool_is_known_and_answers_without_arguments(
    voice: Api, tool: str, url: str
) -> None:
    """The name of a tool of ours wins over the URL."""
    answered = await voice.answer(bodies.envelope([bodies.tool_call(name=tool)]), path=url)
    (entry,) = answered["results"]
    assert entry.keys() == {"name", "toolCallId", "result"}
    assert entry["name"] == tool
    payload = json.loads(entry["result"])
    assert payload.keys() >= {"success", "message"}
    assert ("error" in payload) is not payload["success"]
    assert len(payload["message"].splitlines()) == 1


@pytest.mark.parametrize("tool", OTHER_TOOLS)
async def test_every_tool_answers_a_bare_body_and_the_direct_shape(voice: Api, tool: str) -> None:
    url = f"/api/vapi/tools/{tool}"
    bare = await voice.answer({}, {**voice.clinic.bearer, **BARE_HEADERS}, url)
    direct = await voice.answer(bodies.direct({}), path=url)
    assert direct.keys() == {"toolCallId", "result"}
    for payload in (bare, direct["result"]):
        assert payload.keys() >= {"success", "message"}
        assert payload.get("error") != "UNKNOWN_TOOL"


async def test_an_unknown_tool_is_an_error_that_says_so(voice: Api) -> None:
    body = bodies.envelope([bodies.tool_call(name="sendMoney")])
    (entry,) = (await voice.answer(body))["results"]
    payload = json.loads(entry["error"])
    assert payload["success"] is False
    assert payload["error"] == "UNKNOWN_TOOL"
    assert payload["message"]


async def test_the_url_names_the_tool_a_clinic_calls_something_else(voice: Api) -> None:
    body = bodies.envelope([bodies.tool_call(name="book_a_visit", arguments=wish())])
    (entry,) = (await voice.answer(body, path=TOOL_URL))["results"]
    assert entry["name"] == "book_a_visit"
    await assert_stored(voice, json.loads(entry["result"]))


async def test_the_name_in_the_body_wins_over_the_url(voice: Api) -> None:
    body = bodies.envelope([wire_call()])
    answered = await voice.answer(body, path="/api/vapi/tools/checkAvailability")
    await assert_stored(voice, payload_of(answered))


@pytest.mark.parametrize("missing", [{}, {"toolCallId": None}, {"toolCallId": 7}])
async def test_the_direct_shape_answers_with_the_id_it_got(
    voice: Api, missing: Mapping[str, Any]
) -> None:
    body = {"tool": {"arguments": wish(phone=bodies.CALLER)}, **missing}
    answered = await voice.answer(body, path=TOOL_URL)
    assert answered["toolCallId"] == ("7" if missing.get("toolCallId") else "")
    assert answered["result"]["success"] is True
