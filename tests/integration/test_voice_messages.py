"""What a voice platform sends besides tool calls: answered, kept once, without secrets."""

import json
import time
from typing import Any

import pytest

from tests.integration.clinics import TOOL_URL, VAPI_URL, Api, Json, wish
from tests.unit import vapi_bodies as bodies

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENT_AT_MS = bodies.SENT_AT_MS
KEPT_TYPES = (
    "status-update",
    "end-of-call-report",
    "conversation-update",
    "hang",
    "speech-update",
    "assistant.started",
    'transcript[transcriptType="final"]',
    "something-vapi-invents-next-year",
)


def message(kind: object, sent_at_ms: object = SENT_AT_MS, **fields: object) -> Json:
    """A whole message of this type, with all that every message carries."""
    whole = bodies.envelope([])["message"]
    assert isinstance(whole, dict)
    calls = ("toolCalls", "toolCallList", "toolWithToolCallList")
    kept = {key: value for key, value in whole.items() if key not in calls}
    return {"message": {**kept, "type": kind, "timestamp": sent_at_ms, **fields}}


async def kept(api: Api) -> list[Json]:
    rows = await api.rows("SELECT * FROM voice_messages ORDER BY type")
    return [row | {"payload": json.loads(row["payload"])} for row in rows]


@pytest.mark.parametrize("kind", KEPT_TYPES)
async def test_a_message_is_answered_with_nothing_and_kept(voice: Api, kind: str) -> None:
    assert await voice.answer(message(kind, endedReason="customer-ended-call")) == {}
    (row,) = await kept(voice)
    assert (row["org_id"], row["call_id"], row["type"]) == (voice.clinic.id, bodies.CALL_ID, kind)
    assert row["payload"]["endedReason"] == "customer-ended-call"
    assert int(row["sent_at"].timestamp() * 1000) == SENT_AT_MS


async def test_a_handoff_is_refused_with_something_to_say(voice: Api) -> None:
    answered = await voice.answer(message("handoff-destination-request"))
    assert answered.keys() == {"error"}
    assert answered["error"].strip()
    assert len(answered["error"].splitlines()) == 1


async def test_a_message_is_kept_once_per_call_and_type(voice: Api) -> None:
    for _ in range(3):
        await voice.answer(message("status-update", status="ringing"))
    await voice.answer(message("hang"))
    other_call = message("hang")
    other_call["message"]["call"]["id"] = "another-call"
    await voice.answer(other_call)
    pairs = [(row["call_id"], row["type"]) for row in await kept(voice)]
    assert sorted(pairs) == [
        (bodies.CALL_ID, "hang"),
        (bodies.CALL_ID, "status-update"),
        ("another-call", "hang"),
    ]


@pytest.mark.parametrize("late", [SENT_AT_MS - 1, SENT_AT_MS, None, "yesterday"])
async def test_the_newest_wins_and_a_late_one_changes_nothing(voice: Api, late: object) -> None:
    await voice.answer(message("status-update", SENT_AT_MS - 5_000, status="ringing"))
    await voice.answer(message("status-update", SENT_AT_MS, status="ended"))
    await voice.answer(message("status-update", late, status="queued"))
    (row,) = await kept(voice)
    assert row["payload"]["status"] == "ended"


async def test_a_time_in_words_is_read(voice: Api) -> None:
    """As bodies of 2024 had it."""
    await voice.answer(message("hang", "2026-05-04T15:10:26.083Z"))
    (row,) = await kept(voice)
    assert row["sent_at"].isoformat() == "2026-05-04T15:10:26.083000+00:00"


async def test_secrets_are_not_kept(voice: Api) -> None:
    planted = {
        "server": {"url": "https://x.test", "secret": "planted-server-secret"},
        "credentials": [{"apiKey": "planted-api-key"}],
        "headers": {"Authorization": "planted-authorization"},
        "monitor": {"controlUrl": "https://planted-control-url.test"},
        "phoneNumber": {"twilioAuthToken": "planted-twilio-token", "number": bodies.DIALLED},
    }
    await voice.answer(message("end-of-call-report", **planted))
    text = await voice.value("SELECT payload::text FROM voice_messages")
    assert "planted" not in text
    for secret in (bodies.TWILIO_TOKEN, bodies.CONTROL_URL, "AC0123"):
        assert secret not in text
    assert bodies.DIALLED in text
    assert "https://x.test" in text


async def test_nul_and_lone_surrogates_survive_as_replacements(voice: Api) -> None:
    transcript = "User: Hello\x00 \ud800there, 😀 Zoë.\nBot: Yes?"
    await voice.answer(message("end-of-call-report", artifact={"transcript": transcript}))
    (row,) = await kept(voice)
    said = row["payload"]["artifact"]["transcript"]
    assert said == "User: Hello\ufffd \ufffdthere, 😀 Zoë.\nBot: Yes?"


@pytest.mark.parametrize("value", ["NaN", "1e999", "[" * 200 + "]" * 200, "9" * 4_000])
async def test_values_that_jsonb_would_refuse_are_kept_somehow(voice: Api, value: str) -> None:
    body = json.dumps(message("hang", odd="MARK", fine="yes")).replace('"MARK"', value)
    assert await voice.answer(body) == {}
    (row,) = await kept(voice)
    assert row["payload"]["fine"] == "yes"


async def test_a_transcript_of_a_megabyte_and_a_half_is_kept(voice: Api) -> None:
    transcript = "User: I would like to come on Tuesday, please.\n" * 33_000
    body = message("end-of-call-report", artifact={"transcript": transcript})
    started = time.monotonic()
    assert await voice.answer(body) == {}
    assert time.monotonic() - started < 1.5
    (row,) = await kept(voice)
    assert row["payload"]["artifact"]["transcript"] == transcript


async def test_a_tool_call_is_not_kept_as_a_message(voice: Api) -> None:
    await voice.book()
    assert await kept(voice) == []


async def test_lists_in_another_message_run_no_tool(voice: Api) -> None:
    calls = [bodies.tool_call(arguments=wish())]
    body = message("conversation-update", toolCallList=calls, toolCalls=calls)
    assert await voice.answer(body) == {}
    assert (await voice.counts())["appointments"] == 0


async def test_nothing_is_kept_for_a_clinic_that_the_key_does_not_speak_for(voice: Api) -> None:
    other = await voice.open_clinic()
    body = message("status-update", metadata={"org_id": str(other.id)})
    assert await voice.answer(body) == {}
    assert await voice.answer(message("hang"), other.bearer) == {}
    (row,) = await kept(voice)
    assert (row["org_id"], row["type"]) == (other.id, "hang")


@pytest.mark.parametrize("call", [None, {}, {"id": ""}, {"id": "x" * 201}, "call"])
async def test_a_message_of_no_call_is_answered_and_not_kept(voice: Api, call: Any) -> None:
    assert await voice.answer(message("status-update", call=call)) == {}
    assert await kept(voice) == []


async def test_a_chat_is_a_call_too(voice: Api) -> None:
    assert await voice.answer(message("chat.created", call=None, chat={"id": "chat-1"})) == {}
    (row,) = await kept(voice)
    assert row["call_id"] == "chat-1"


async def test_a_message_without_a_credential_is_refused_and_not_kept(voice: Api) -> None:
    assert (await voice.post(VAPI_URL, message("status-update"), {})).status_code == 401
    assert await kept(voice) == []


async def test_a_message_at_a_tools_own_url_is_kept_as_well(voice: Api) -> None:
    assert await voice.answer(message("status-update"), path=TOOL_URL) == {}
    assert [row["type"] for row in await kept(voice)] == ["status-update"]
