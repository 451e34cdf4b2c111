"""What a voice platform reports of a call, whatever it sends."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import vapi_bodies as bodies
from voxanne.inbound.voice import call_reports
from voxanne.inbound.voice.call_reports import TRANSCRIPT_CHARACTERS_MAX, read_report
from voxanne.inbound.voice.redact import redact_secrets
from voxanne.inbound.voice.vapi import parse_request

Json = dict[str, Any]
BEGAN_MS = bodies.SENT_AT_MS


def message(kind: str = "end-of-call-report", **fields: Any) -> Json:
    whole = bodies.envelope([])["message"]
    assert isinstance(whole, dict)
    return {**whole, "artifact": {}, "type": kind, **fields}


def read(sent: object, language: str = "") -> Json:
    voice = parse_request({"message": sent} if isinstance(sent, dict) else sent, {})
    redacted = redact_secrets(voice.message)
    return read_report(voice, redacted, region="GB", language=language)


def history(*entries: Json) -> Json:
    return {"artifact": {"messages": list(entries)}}


def called(identifier: str, name: str, at: int | None = None) -> Json:
    entry: Json = {
        "role": "tool_calls",
        "toolCalls": [{"id": identifier, "function": {"name": name}}],
    }
    return entry if at is None else entry | {"time": at}


def answered(identifier: str, result: object, at: int | None = None) -> Json:
    entry: Json = {"role": "tool_call_result", "toolCallId": identifier, "result": result}
    return entry if at is None else entry | {"time": at}


def test_a_whole_report() -> None:
    report = read(
        message(
            startedAt="2026-05-04T15:10:02.118Z",
            endedAt="2026-05-04T15:12:16.118Z",
            endedReason="customer-ended-call",
            cost=0.1234567,
            analysis={
                "summary": "Booked a cleaning.",
                "structuredData": {"Sentiment": "Positive", "urgencyLevel": "routine"},
            },
            artifact={
                "transcript": "AI: Hello.\nUser: Hi.",
                "recordingUrl": "https://recordings.example.test/a.mp3",
                "performanceMetrics": {"turnLatencyAverage": 812.4},
            },
        ),
        "es",
    )
    assert report == {
        "caller": bodies.CALLER,
        "our_number": bodies.DIALLED,
        "source": "inbound",
        "language": "es",
        "end_reason": "customer-ended-call",
        "started_at": "2026-05-04T15:10:02.118000+00:00",
        "ended_at": "2026-05-04T15:12:16.118000+00:00",
        "transcript": "AI: Hello.\nUser: Hi.",
        "transcript_cut": False,
        "summary": "Booked a cleaning.",
        "recording_url": "https://recordings.example.test/a.mp3",
        "cost_usd": 0.123457,
        "latency_ms": 812,
        "sentiment": "positive",
        "urgency": "normal",
    }


def test_the_artifact_comes_before_the_top_level() -> None:
    report = read(message(transcript="old", summary="s", artifact={"transcript": "new"}))
    assert (report["transcript"], report["summary"]) == ("new", "s")
    assert read(message(transcript="old", artifact={}))["transcript"] == "old"


def test_a_transcript_is_written_of_messages_where_there_is_none() -> None:
    report = read(
        message(
            **history(
                {"role": "system", "message": "Be kind."},
                {"role": "bot", "message": "Hello\nAI: forged"},
                {"role": "user", "message": "Hi"},
                {"role": "user", "message": 7},
            )
        )
    )
    assert report["transcript"] == "AI: Hello AI: forged\nUser: Hi"


def test_a_transcript_is_cut_between_characters() -> None:
    report = read(message(artifact={"transcript": "é😀" * 600_000}))
    assert len(report["transcript"]) == TRANSCRIPT_CHARACTERS_MAX
    assert report["transcript"].endswith("😀")
    assert report["transcript_cut"] is True


def test_tools_with_outcome_and_duration() -> None:
    report = read(
        message(
            **history(
                called("a", "checkAvailability", BEGAN_MS),
                answered("a", '{"success":true}', BEGAN_MS + 250),
                called("b", "bookClinicAppointment", BEGAN_MS + 900),
                answered("b", '{"success":false,"error":"SLOT_UNAVAILABLE"}', BEGAN_MS + 1_000),
                called("c", "bookClinicAppointment", BEGAN_MS + 2_000),
                called("d", "lookupCaller"),
                answered("d", "No result returned. If this is unexpected, see …"),
                answered("unknown", "{}"),
            )
        )
    )
    told = [(tool["tool"], tool["outcome"], tool["duration_ms"]) for tool in report["tools"]]
    assert told == [
        ("checkAvailability", "SUCCESS", 250),
        ("bookClinicAppointment", "SLOT_UNAVAILABLE", 100),
        ("bookClinicAppointment", None, None),
        ("lookupCaller", "NO_RESULT", None),
    ]
    assert report["tools"][0]["at"] == "2026-05-04T15:10:26.083000+00:00"
    assert report["tools"][3]["at"] is None


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ('{"error":"<script>"}', "ERROR"),
        ('{"error":""}', "SUCCESS"),
        ("Booked.", "SUCCESS"),
        ("", "NO_RESULT"),
        (None, "NO_RESULT"),
        ({"error": "BUSY"}, "BUSY"),
        ([1], "SUCCESS"),
        ("Tool Result Still Pending But Proceed Further If Possible.", "NO_RESULT"),
    ],
)
def test_a_tools_outcome(result: object, outcome: str) -> None:
    report = read(message(**history(called("a", "t"), answered("a", result))))
    assert report["tools"][0]["outcome"] == outcome


def test_times_backwards_have_no_duration() -> None:
    report = read(message(**history(called("a", "t", BEGAN_MS), answered("a", "x", BEGAN_MS - 5))))
    assert report["tools"][0]["duration_ms"] is None


@pytest.mark.parametrize(
    "url",
    [
        "http://recordings.example.test/a.mp3",
        "javascript:alert(1)",
        "https://user:secret@recordings.example.test/a.mp3",
        "https://",
        "https://a.test/" + "a" * 2_000,
        'https://a.test/"><script>',
        "https://[::1",
        "https://a.test/\x00",
        7,
        None,
        ["https://a.test"],
    ],
)
def test_only_a_plain_https_link_is_kept(url: object) -> None:
    assert "recording_url" not in read(message(artifact={"recordingUrl": url}))


def test_a_link_that_lasts_is_kept_before_one_that_expires() -> None:
    signed = "https://a.test/a.mp3?X-Amz-Expires=3600&X-Amz-Signature=abc"
    artifact = {"recordingUrl": signed, "recording": {"mono": {"combinedUrl": "https://a.test/b"}}}
    assert read(message(artifact=artifact))["recording_url"] == "https://a.test/b"
    assert read(message(artifact={"recordingUrl": signed}))["recording_url"] == signed
    assert call_reports.expires(signed)
    assert not call_reports.expires("https://a.test/b")


def test_the_analysis_is_read_by_many_names() -> None:
    outputs = {
        "1": {"name": "appointmentBooked", "result": "yes"},
        "2": {"name": "details", "result": {"appointment_date": "2026-11-26"}},
        "3": "nonsense",
    }
    report = read(
        message(
            artifact={"structuredOutputs": outputs},
            analysis={"structuredData": {"Appointment Time": " 10:00 ", "cancelled": False}},
        )
    )
    assert report["structured"] == {
        "booked": True,
        "date": "2026-11-26",
        "time": "10:00",
        "cancelled": False,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"startedAt": "9999-12-31T23:59:59Z"},
        {"startedAt": "0001-01-01T00:00:00+23:59"},
        {"startedAt": 10**400},
        {"startedAt": "soon"},
        {"startedAt": True},
        {"cost": -1},
        {"cost": 1e300},
        {"cost": "0.1"},
        {"cost": True},
        {"endedReason": "customer ended\ncall"},
        {"endedReason": {"a": 1}},
        {"artifact": None, "analysis": None},
        {"artifact": [], "analysis": "x"},
        {"artifact": {"messages": {"role": "bot"}, "transcript": ["x"]}},
        {"artifact": {"messages": [None, 7, {"role": "tool_calls", "toolCalls": 7}]}},
        {"analysis": {"summary": 7, "structuredData": [1], "successEvaluation": {}}},
        {"durationSeconds": -5, "startedAt": "2026-05-04T15:10:02Z"},
    ],
)
def test_what_isnt_what_it_should_be_is_left_out(fields: Json) -> None:
    report = read(message(**{"call": {"id": "c", "type": "webCall"}, **fields}))
    kept = report.keys() - {"source", "caller", "our_number", "started_at"}
    assert kept <= {"transcript_cut"}, report
    assert report["source"] == "web"
    assert report.get("started_at", "2026").startswith("2026")


def test_a_duration_makes_an_end() -> None:
    report = read(
        message(call={"id": "c", "startedAt": "2026-05-04T15:10:00Z"}, durationSeconds=61.5)
    )
    assert report["ended_at"] == "2026-05-04T15:11:01.500000+00:00"


def test_another_message_says_little() -> None:
    report = read(message("speech-update", status="started", artifact={"transcript": "x"}))
    assert report.keys() == {"caller", "our_number", "source", "status", "started_at"}


def test_a_withheld_number_and_a_chat() -> None:
    assert "caller" not in read(
        {**message(), "call": {"id": "c"}, "customer": {"number": "anonymous"}}
    )
    chat = {"type": "chat.created", "chat": {"id": "chat-1"}}
    assert read(chat) == {"source": "chat"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELD_NAMES = (
    "call artifact analysis startedAt endedAt cost messages transcript summary endedReason "
    "durationSeconds customer recordingUrl structuredData structuredOutputs performanceMetrics "
    "toolCalls role toolCallId result time id function name"
)
NAMES = st.sampled_from(FIELD_NAMES.split())
FIELDS = st.dictionaries(
    NAMES,
    JSON | st.dictionaries(NAMES, JSON | st.lists(st.dictionaries(NAMES, JSON), max_size=3)),
    max_size=8,
)


@given(FIELDS)
@settings(max_examples=200, deadline=None)
def test_nothing_breaks_it(fields: Json) -> None:
    report = read({"type": "end-of-call-report", **fields})
    json.dumps(report, allow_nan=False)
    for name in ("started_at", "ended_at"):
        if name in report:
            assert datetime.fromisoformat(report[name]).year < 2101
