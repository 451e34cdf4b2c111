"""Calls as the voice platform reports them, through the real endpoint, and their promise check."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.serving import serve_app
from tests.integration.clinics import NOW, Api, Json, settings_for
from tests.integration.test_voice_messages import message
from tests.unit import vapi_bodies as bodies
from voxanne.deliveries.http import open_client
from voxanne.deliveries.promise_check import Ask, PromiseCheck, link_calls
from voxanne.deliveries.promise_model import PromiseModel
from voxanne.outbox.metrics import WorkerMetrics
from voxanne.work import open_promise_check

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENT_MS = int(NOW.timestamp() * 1000)
RIGHT = "AI: You're booked for Thursday, November 26th at 10 AM.\nUser: Thanks."
WRONG = "AI: You're booked for Thursday, November 26th at 11 AM.\nUser: Thanks."
UNCLEAR = "User: I want Thursday at ten.\nAI: Okay, I'll book you in for Thursday at ten."


def ended(transcript: str | None = RIGHT, sent_at_ms: int = SENT_MS, **fields: Any) -> Json:
    artifact = {} if transcript is None else {"transcript": transcript}
    return message(
        "end-of-call-report",
        sent_at_ms,
        **{
            "artifact": artifact,
            "analysis": {},
            "endedReason": "customer-ended-call",
            "startedAt": (NOW - timedelta(minutes=2)).isoformat(),
            "endedAt": NOW.isoformat(),
            **fields,
        },
    )


async def call(api: Api, call_id: str = bodies.CALL_ID) -> Json:
    (row,) = await api.rows("SELECT * FROM calls WHERE call_id = $1", call_id)
    return row


async def check(
    api: Api, ask: Ask | None = None, *, after: timedelta = timedelta(minutes=1)
) -> Counter[str]:
    """One round, when it is due. What was counted."""
    counted: Counter[str] = Counter()

    def count(promise: str) -> None:
        counted[promise] += 1

    await api.database.set_clock(NOW + after)
    await PromiseCheck(api.pool, count, ask).run()
    return counted


async def test_a_booking_its_report_and_a_kept_promise(voice: Api) -> None:
    await voice.answer(message("status-update", SENT_MS - 9_000, status="in-progress"))
    await voice.book()
    assert await voice.answer(ended()) == {}
    row = await call(voice)
    assert (row["org_id"], row["status"], row["end_reason"]) == (
        voice.clinic.id,
        "ended",
        "customer-ended-call",
    )
    assert row["caller_phone"] == bodies.CALLER
    assert row["lead_id"] == await voice.value("SELECT id FROM leads")
    assert row["ended_at"] - row["started_at"] == timedelta(minutes=2)
    assert await check(voice) == {"kept": 1}
    assert (await call(voice))["promise"] == "kept"
    assert await voice.value("SELECT count(*) FROM alerts") == 0


async def test_a_promise_that_the_diary_doesnt_keep_alerts_staff(voice: Api) -> None:
    await voice.book()
    await voice.answer(ended(WRONG))
    assert await check(voice) == {"mismatch": 1}
    row = await call(voice)
    (finding,) = json.loads(row["promise_findings"])
    assert (finding["rule"], finding["ledger"]) == ("said_other_time", "2026-11-26T10:00:00+00:00")
    assert finding["said"] == "You're booked for Thursday, November 26th at 11 AM."
    (alert,) = await voice.rows("SELECT * FROM alerts")
    assert (alert["kind"], alert["call_id"]) == ("promise_mismatch", bodies.CALL_ID)
    assert await check(voice) == {}


@pytest.mark.parametrize("again", [False, True])
async def test_what_is_cancelled_after_the_call_breaks_no_promise(voice: Api, again: bool) -> None:
    """Before a report that is late, or comes again with more of what was said."""
    await voice.book()
    if again:
        await voice.answer(ended())
    await voice.database.set_clock(NOW + timedelta(minutes=5))
    cancelled = await voice.value(
        "SELECT cancel_appointment($1, id, p_source => 'sms') FROM appointments", voice.clinic.id
    )
    assert json.loads(cancelled)["success"]
    await voice.database.set_clock(NOW + timedelta(minutes=10))
    await voice.answer(ended(f"{RIGHT}\nAI: Goodbye.", SENT_MS + 600_000))
    assert await check(voice, after=timedelta(minutes=11)) == {"kept": 1}


async def test_said_booked_and_no_row(voice: Api) -> None:
    await voice.answer(ended())
    assert await check(voice) == {"mismatch": 1}
    assert (await call(voice))["lead_id"] is None


async def test_a_report_before_its_calls_booking(voice: Api) -> None:
    await voice.answer(ended())
    await voice.book()
    assert await check(voice) == {"kept": 1}
    assert (await call(voice))["lead_id"] == await voice.value("SELECT id FROM leads")


async def test_a_report_twice_with_nulls_and_late(voice: Api) -> None:
    await voice.answer(ended())
    for late in (
        ended(),
        ended(None, SENT_MS + 1, artifact=None, analysis=None, endedAt=None, cost=None),
        message("status-update", SENT_MS + 2, status="in-progress"),
    ):
        assert await voice.answer(late) == {}
    row = await call(voice)
    assert (row["status"], row["transcript"]) == ("ended", RIGHT)
    kinds = await voice.rows("SELECT kind FROM events WHERE kind LIKE 'call_%' ORDER BY id")
    assert [event["kind"] for event in kinds] == ["call_ended", "call_reported"]


async def test_a_transcript_of_a_megabyte_is_cut(voice: Api) -> None:
    said = "User: I would like to come on Tuesday, please.\n" * 23_000
    assert await voice.answer(ended(said)) == {}
    row = await call(voice)
    assert row["transcript"] == said[:200_000]
    assert row["transcript_cut"] is True
    assert await check(voice) == {"none": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"endedReason": 7, "cost": "much", "startedAt": "9999-12-31T23:59:59Z"},
        {"startedAt": "0001-01-01", "endedAt": -(10**300), "cost": 10**300, "durationSeconds": -1},
        {"artifact": {"transcript": "\x00\ud800AI: You're booked.", "messages": "x"}},
        {"artifact": {"messages": [{"role": "tool_calls", "toolCalls": [{"id": 7, "name": "t"}]}]}},
        {"analysis": {"summary": ["x"], "structuredData": {"appointmentBooked": {}, "urgency": 3}}},
        {"artifact": {"recordingUrl": "javascript:alert(1)", "performanceMetrics": {"a": []}}},
        {"call": {"id": bodies.CALL_ID, "type": {"a": 1}, "createdAt": True}},
    ],
)
async def test_hostile_values_are_answered_and_recorded(voice: Api, fields: Json) -> None:
    assert await voice.answer(ended(**fields)) == {}
    assert await voice.value("SELECT count(*) FROM voice_messages") == 1
    row = await call(voice)
    assert row["status"] == "ended"
    assert row["started_at"] <= row["ended_at"] <= NOW + timedelta(minutes=1)
    assert row["recording_url"] is None


async def test_tools_analysis_and_language_are_recorded(voice: Api) -> None:
    history = [
        {
            "role": "tool_calls",
            "time": SENT_MS - 900,
            "toolCalls": [bodies.stringified(bodies.tool_call("a"))],
        },
        {
            "role": "tool_call_result",
            "toolCallId": "a",
            "result": '{"error":"BUSY"}',
            "time": SENT_MS,
        },
    ]
    body = ended(
        artifact={"messages": history, "recordingUrl": "https://recordings.test/a.mp3"},
        analysis={"summary": "Short.", "structuredData": {"sentiment": "angry", "urgency": "high"}},
        cost=0.25,
    )
    body["message"]["assistant"]["transcriber"] = {"language": "es-MX"}
    await voice.answer(body)
    row = await call(voice)
    (tool,) = json.loads(row["tools"])
    assert (tool["tool"], tool["outcome"], tool["duration_ms"]) == (
        "bookClinicAppointment",
        "BUSY",
        900,
    )
    assert (row["sentiment"], row["urgency"], row["language"]) == ("negative", "high", "es")
    assert (row["summary"], float(row["cost_usd"])) == ("Short.", 0.25)


async def test_the_same_call_id_at_two_clinics_is_two_calls(voice: Api) -> None:
    other = await voice.open_clinic()
    await voice.answer(ended())
    await voice.answer(ended(WRONG), other.bearer)
    rows = await voice.rows("SELECT org_id, transcript FROM calls")
    assert {row["org_id"]: row["transcript"] for row in rows} == {
        voice.clinic.id: RIGHT,
        other.id: WRONG,
    }


async def test_a_call_is_linked_when_its_caller_appears(voice: Api) -> None:
    await voice.answer(ended("AI: We open at nine."))
    assert await check(voice) == {"none": 1}
    assert await link_calls(voice.pool) == 0
    await voice.book(call_id="a-later-call")
    assert await link_calls(voice.pool) == 1
    assert (await call(voice))["lead_id"] == await voice.value("SELECT id FROM leads")


async def test_two_workers_check_each_call_once(voice: Api) -> None:
    for number in range(30):
        body = ended()
        body["message"]["call"]["id"] = f"call-{number}"
        await voice.answer(body)
    await voice.database.set_clock(NOW + timedelta(minutes=1))
    counted: Counter[str] = Counter()

    def count(promise: str) -> None:
        counted[promise] += 1

    await asyncio.gather(*(PromiseCheck(voice.pool, count).run() for _ in range(3)))
    assert counted == {"mismatch": 30}
    assert await voice.value("SELECT count(*) FROM alerts") == 30


async def test_a_worker_counts_what_it_checks(voice: Api) -> None:
    metrics = WorkerMetrics()
    check_ = open_promise_check(settings_for(voice.database.owner_url), voice.pool, metrics)
    assert check_.ask is None  # nobody else reads a transcript unless the deployment says so
    await voice.answer(ended())
    await voice.database.set_clock(NOW + timedelta(minutes=1))
    assert await check_.run() == 1
    assert b'voxanne_promise_checks_total{promise="mismatch"} 1.0' in metrics.render()


async def test_a_model_is_named_with_its_server(voice: Api) -> None:
    url = {"promise_model_url": "http://127.0.0.1:9/v1"}
    with pytest.raises(ValueError, match="VOXANNE_PROMISE_MODEL_NAME"):
        settings_for(voice.database.owner_url, **url)
    chosen = settings_for(voice.database.owner_url, **url, promise_model_name="small")
    assert open_promise_check(chosen, voice.pool, WorkerMetrics()).ask is not None


# A language model


class Model:
    """Answers what it is told to, over real HTTP."""

    def __init__(self) -> None:
        self.asked: list[Json] = []
        self.authorization: str | None = None
        self.status = 200
        self.content: object = json.dumps({"verdict": "kept", "said": ""})

    async def answer(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.authorization = request.headers.get("authorization")
        choices = [{"message": {"role": "assistant", "content": self.content}}]
        return JSONResponse({"choices": choices}, self.status)


@asynccontextmanager
async def running(model: Model) -> AsyncIterator[PromiseModel]:
    app = Starlette(routes=[Route("/v1/chat/completions", model.answer, methods=["POST"])])
    async with serve_app(app) as port, open_client() as client:
        yield PromiseModel(client, f"http://127.0.0.1:{port}/v1/", "small", "key-1")


async def test_a_model_is_asked_of_unclear_calls_alone(voice: Api) -> None:
    model = Model()
    async with running(model) as asking:
        await voice.book()
        await voice.answer(ended(RIGHT))
        assert await check(voice, asking.ask) == {"kept": 1}
        assert model.asked == []
        await voice.answer(_other(UNCLEAR))
        assert await check(voice, asking.ask) == {}  # not due yet
        await voice.database.set_clock(NOW + timedelta(minutes=5))
        await PromiseCheck(voice.pool, ask=asking.ask).run()
    assert (await call(voice, "other"))["promise"] == "kept"
    (asked,) = model.asked
    assert (asked["model"], asked["temperature"]) == ("small", 0)
    assert model.authorization == "Bearer key-1"
    assert "I'll book you in" in asked["messages"][1]["content"]


def _other(transcript: str) -> Json:
    body = ended(transcript)
    body["message"]["call"]["id"] = "other"
    body["message"]["call"]["customer"] = body["message"]["customer"] = {"number": "+447700900777"}
    return body


async def test_a_models_mismatch_alerts_with_what_was_said(voice: Api) -> None:
    model = Model()
    said = "Okay, I'll book you in for Thursday at ten."
    model.content = json.dumps({"verdict": "mismatch", "said": said})
    async with running(model) as asking:
        await voice.answer(ended(UNCLEAR))
        assert await check(voice, asking.ask) == {"mismatch": 1}
    findings = json.loads((await call(voice))["promise_findings"])
    assert [finding["rule"] for finding in findings] == ["said_will_book", "model_says_mismatch"]
    assert findings[1]["said"] == said
    assert await voice.value("SELECT count(*) FROM alerts") == 1


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (500, "{}"),
        (401, json.dumps({"verdict": "kept", "said": ""})),
        (200, "I think it's fine."),
        (200, None),
        (200, json.dumps({"verdict": "kept"})),
        (200, json.dumps({"verdict": "fine", "said": ""})),
        (200, json.dumps({"verdict": "mismatch", "said": ""})),
        (200, json.dumps({"verdict": "mismatch", "said": "I want Thursday at ten."})),
        (200, json.dumps({"verdict": "mismatch", "said": "You are booked."})),  # nobody's
        (200, json.dumps({"verdict": "kept", "said": "", "note": "x"})),
        (200, "[" * 100_000),
    ],
)
async def test_a_model_that_answers_otherwise_changes_nothing(
    voice: Api, status: int, content: object
) -> None:
    model = Model()
    model.status, model.content = status, content
    async with running(model) as asking:
        await voice.answer(ended(UNCLEAR))
        assert await check(voice, asking.ask) == {"unclear": 1}
    assert len(model.asked) == 1
    assert await voice.value("SELECT count(*) FROM alerts") == 0


async def test_a_model_that_isnt_there_changes_nothing(voice: Api) -> None:
    async with running(Model()) as asking:
        gone = PromiseModel(asking.client, "http://127.0.0.1:9/v1", "small")
        await voice.answer(ended(UNCLEAR))
        assert await check(voice, gone.ask) == {"unclear": 1}


async def test_the_model_sees_the_end_of_a_long_transcript(voice: Api) -> None:
    model = Model()
    async with running(model) as asking:
        await voice.answer(ended("User: Hello there.\nAI: Yes?\n" * 4_000 + UNCLEAR))
        await check(voice, asking.ask)
    (asked,) = model.asked
    assert len(asked["messages"][1]["content"]) < 25_000
    assert "I'll book you in" in asked["messages"][1]["content"]
