"""What a voice platform reports about a call, read out of its message: pure, and whatever was sent.

Facts: Vapi's status-update and end-of-call-report, the artifact first and the top level second.
Nothing trusts a type: what isn't what it should be, or beyond its limit, is left out, so that
`record_call` can store whatever is left.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from voxanne.booking.normalize import normalize_phone
from voxanne.inbound.voice.vapi import VoiceRequest

TRANSCRIPT_CHARACTERS_MAX: Final = 200_000
SUMMARY_CHARACTERS_MAX: Final = 5_000
URL_CHARACTERS_MAX: Final = 2_000
CODE_CHARACTERS_MAX: Final = 100
NAME_CHARACTERS_MAX: Final = 100
TOOLS_MAX: Final = 100
MESSAGES_MAX: Final = 5_000
SAID_CHARACTERS_MAX: Final = 100
COST_USD_MAX: Final = 100_000.0
LATENCY_MS_MAX: Final = 600_000
CALL_SECONDS_MAX: Final = 7 * 86_400
YEARS: Final = range(2001, 2100)

REPORT: Final = "end-of-call-report"
ANSWERED: Final = "SUCCESS"
NO_ANSWER: Final = "NO_RESULT"

_SOURCES: Final = {
    "inboundPhoneCall": "inbound",
    "outboundPhoneCall": "outbound",
    "webCall": "web",
}
_SENTIMENTS: Final = {
    "positive": ("positive", "happy", "satisfied", "pleased", "friendly"),
    "neutral": ("neutral", "calm", "mixed"),
    "negative": ("negative", "angry", "frustrated", "upset", "unhappy", "dissatisfied"),
}
_URGENCIES: Final = {
    "low": ("low", "none", "not urgent"),
    "normal": ("normal", "medium", "moderate", "routine"),
    "high": ("high", "urgent", "soon"),
    "emergency": ("emergency", "critical", "immediate"),
}
# Field of the check → names that clinics' analysis plans give it, in letters alone.
_STRUCTURED: Final = {
    "booked": ("appointmentbooked", "booked", "isbooked", "bookingmade", "bookingconfirmed"),
    "moved": ("appointmentmoved", "appointmentrescheduled", "rescheduled", "moved"),
    "cancelled": (
        *("appointmentcancelled", "appointmentcanceled", "cancelled", "canceled"),
        "cancellationconfirmed",
    ),
    "when": (
        *("appointmentdatetime", "scheduledat", "appointmentstart", "bookeddatetime"),
        *("appointmentdateandtime", "bookedfor", "appointmentat"),
    ),
    "date": ("appointmentdate", "bookeddate", "bookingdate", "newdate"),
    "time": ("appointmenttime", "bookedtime", "bookingtime", "newtime"),
}
_FLAGS: Final = ("booked", "moved", "cancelled")
_TRUE, _FALSE = ("true", "yes", "y", "si", "ja", "1"), ("false", "no", "n", "nein", "0")
_EMPTY: Final[Mapping[str, object]] = {}
_CODE = re.compile(r"[A-Za-z0-9._:-]+")
_OUTCOME = re.compile(r"[A-Z][A-Z0-9_]{1,59}")
_STATUS = re.compile(r"[a-z-]{1,30}")
_NOT_LETTERS = re.compile(r"[^a-z]")
_PRESIGNED = re.compile(r"[?&](?:x-amz-|x-goog-|expires=|signature=|sig=)", re.IGNORECASE)
_SPEAKERS: Final = {"bot": "AI", "assistant": "AI", "user": "User"}


def read_report(
    voice: VoiceRequest, redacted: object, *, region: str, language: str
) -> dict[str, object]:
    """What is known of the call, by record_call's names; times in ISO 8601, UTC.

    `redacted`: the message as `redact_secrets` leaves it. `region`: the clinic's, for a number that
    is written as people there dial it.
    """
    message: Mapping[str, object] = redacted if isinstance(redacted, dict) else _EMPTY
    known: dict[str, object | None] = {
        "caller": _number(voice.caller, region),
        "our_number": _number(voice.line.number, region),
        "source": _source(message),
        "language": language or None,
        "status": _match(_STATUS, message.get("status")),
        "end_reason": (_match(_CODE, message.get("endedReason")) or "")[:CODE_CHARACTERS_MAX],
        **_times(message),
    }
    if voice.message_type == REPORT:
        known |= _report(message)
    return {name: value for name, value in known.items() if value is not None and value != ""}


def _report(message: Mapping[str, object]) -> dict[str, object | None]:
    artifact, analysis = _object(message, "artifact"), _object(message, "analysis")
    history = _history(artifact) or _history(message)
    transcript = _text(artifact, "transcript") or _text(message, "transcript") or _written(history)
    structured = _structured(artifact, analysis)
    summary = _text(analysis, "summary") or _text(message, "summary")
    metrics = _object(artifact, "performanceMetrics")
    cost = _amount(message.get("cost"), COST_USD_MAX)
    latency = _amount(metrics.get("turnLatencyAverage"), LATENCY_MS_MAX)
    report: dict[str, object | None] = {
        "transcript": transcript[:TRANSCRIPT_CHARACTERS_MAX],
        "transcript_cut": len(transcript) > TRANSCRIPT_CHARACTERS_MAX,
        "summary": summary[:SUMMARY_CHARACTERS_MAX],
        "recording_url": _recording(artifact, message),
        "cost_usd": None if cost is None else round(cost, 6),
        "latency_ms": None if latency is None else round(latency),
        "sentiment": _one_of(_SENTIMENTS, structured, "sentiment"),
        "urgency": _one_of(_URGENCIES, structured, "urgency")
        or _one_of(_URGENCIES, structured, "urgencylevel"),
        "tools": list(_tools(history)),
        "structured": _agreed(structured),
    }
    if not transcript:
        del report["transcript_cut"]
    for name in ("tools", "structured"):
        if not report[name]:  # a second report that leaves it out takes nothing away
            del report[name]
    return report


def _times(message: Mapping[str, object]) -> dict[str, object | None]:
    call = _object(message, "call")
    started = next(
        (
            at
            for value in (message.get("startedAt"), call.get("startedAt"), call.get("createdAt"))
            if (at := _moment(value)) is not None
        ),
        None,
    )
    ended = _moment(message.get("endedAt")) or _moment(call.get("endedAt"))
    seconds = _amount(message.get("durationSeconds"), CALL_SECONDS_MAX)
    if ended is None and started is not None and seconds is not None:
        ended = started + timedelta(seconds=seconds)
    return {
        "started_at": None if started is None else started.isoformat(),
        "ended_at": None if ended is None else ended.isoformat(),
    }


def _moment(value: object) -> datetime | None:
    """ISO text, or Unix milliseconds; None for what can be no time of a call."""
    try:
        if isinstance(value, str):
            said = datetime.fromisoformat(value)
            moment = said if said.tzinfo else said.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000, UTC)
        else:
            return None
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.year in YEARS else None


def _source(message: Mapping[str, object]) -> str:
    kind = _object(message, "call").get("type")
    if isinstance(kind, str) and kind in _SOURCES:
        return _SOURCES[kind]
    return "chat" if "chat" in message and not message.get("call") else "inbound"


def _number(said: str | None, region: str) -> str | None:
    found = normalize_phone(said, region) if said else None
    return None if found is None else found.e164


def _recording(artifact: Mapping[str, object], message: Mapping[str, object]) -> str | None:
    """A link that lasts, else one that expires, else none."""
    recording = _object(artifact, "recording")
    found = [
        url
        for value in (
            artifact.get("recordingUrl"),
            _object(recording, "mono").get("combinedUrl"),
            message.get("recordingUrl"),
            artifact.get("stereoRecordingUrl"),
            recording.get("stereoUrl"),
            message.get("stereoRecordingUrl"),
            artifact.get("presignedRecordingUrl"),
        )
        if (url := _https(value)) is not None
    ]
    return min(found, key=lambda url: _PRESIGNED.search(url) is not None, default=None)


def expires(url: str) -> bool:
    """Is it signed for a while? Then the platform stops answering it some time."""
    return _PRESIGNED.search(url) is not None


def _https(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > URL_CHARACTERS_MAX or not value.isascii():
        return None
    if not value.isprintable() or any(sign in value for sign in " \"'<>\\`"):
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return None
    return value if usable else None


def _history(holder: Mapping[str, object]) -> list[Mapping[str, Any]]:
    messages = holder.get("messages")
    if not isinstance(messages, list):
        return []
    return [entry for entry in messages[:MESSAGES_MAX] if isinstance(entry, dict)]


def _written(history: Iterable[Mapping[str, Any]]) -> str:
    """A transcript of the history's messages, as the platform would write it."""
    lines = []
    for entry in history:
        speaker, said = _SPEAKERS.get(str(entry.get("role"))), entry.get("message")
        if speaker and isinstance(said, str) and said.strip():
            lines.append(f"{speaker}: {' '.join(said.split())}")
    return "\n".join(lines)


def _tools(history: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, object]]:
    """Each tool call with how it ended and how long it took, as far as the history tells."""
    calls: dict[str, dict[str, object]] = {}
    started: dict[str, float] = {}
    for entry in history:
        at = _amount(entry.get("time"), 10.0**14)
        if entry.get("role") == "tool_calls":
            for identifier, name in _named_calls(entry.get("toolCalls")):
                if len(calls) < TOOLS_MAX and identifier not in calls:
                    moment = _moment(at)
                    calls[identifier] = {
                        "tool": name,
                        "outcome": None,
                        "duration_ms": None,
                        "at": None if moment is None else moment.isoformat(),
                    }
                    if at is not None:
                        started[identifier] = at
        elif entry.get("role") == "tool_call_result":
            call = calls.get(str(entry.get("toolCallId"))[:NAME_CHARACTERS_MAX])
            if call is not None and call["outcome"] is None:
                call["outcome"] = _outcome(entry.get("result"))
                began = started.get(str(entry.get("toolCallId"))[:NAME_CHARACTERS_MAX])
                if at is not None and began is not None and at >= began:
                    call["duration_ms"] = min(round(at - began), CALL_SECONDS_MAX * 1000)
    yield from calls.values()


def _named_calls(value: object) -> Iterator[tuple[str, str]]:
    for number, call in enumerate(value if isinstance(value, list) else ()):
        if isinstance(call, dict):
            name = _object(call, "function").get("name") or call.get("name")
            identifier = call.get("id")
            if isinstance(name, str) and name.strip():
                known = identifier if isinstance(identifier, str) and identifier else f"#{number}"
                yield known[:NAME_CHARACTERS_MAX], name.strip()[:NAME_CHARACTERS_MAX]


def _outcome(result: object) -> str:
    """A tool's answer in a word: its `error`, or that it succeeded."""
    if isinstance(result, str):
        if result.startswith("No result returned") or "Still Pending" in result:
            return NO_ANSWER
        said = result
        try:
            result = json.loads(said)
        except (ValueError, RecursionError):
            return ANSWERED if said.strip() else NO_ANSWER
    if result is None:
        return NO_ANSWER
    error = result.get("error") if isinstance(result, dict) else None
    if not error:
        return ANSWERED
    return error if isinstance(error, str) and _OUTCOME.fullmatch(error) else "ERROR"


def _structured(
    artifact: Mapping[str, object], analysis: Mapping[str, object]
) -> dict[str, object]:
    """What the platform's own analysis says, by names in small letters alone."""
    found: dict[str, object] = {}
    outputs = _object(artifact, "structuredOutputs").values()
    for output in list(outputs)[:TOOLS_MAX]:
        if isinstance(output, dict):
            result = output.get("result")
            named = result if isinstance(result, dict) else {output.get("name"): result}
            found |= {_letters(name): value for name, value in named.items()}
    data = _object(analysis, "structuredData")
    return found | {_letters(name): value for name, value in data.items()}


def _agreed(structured: Mapping[str, object]) -> dict[str, object]:
    """What the promise check needs of it: see voxanne/promises."""
    agreed: dict[str, object] = {}
    for field, names in _STRUCTURED.items():
        read: Callable[[object], bool | str | None] = _flag if field in _FLAGS else _said
        found = [value for name in names if (value := read(structured.get(name))) is not None]
        if found:
            agreed[field] = found[0]
    return agreed


def _said(value: object) -> str | None:
    said = value.strip() if isinstance(value, str) else ""
    return said if 0 < len(said) <= SAID_CHARACTERS_MAX else None


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def _one_of(
    words: Mapping[str, tuple[str, ...]], structured: Mapping[str, object], field: str
) -> str | None:
    named = (structured.get(f"{whose}{field}") for whose in ("", "caller", "customer", "call"))
    said = next((value.strip().lower() for value in named if isinstance(value, str)), "")
    return next((word for word, meant in words.items() if said in meant), None)


def _letters(name: object) -> str:
    return _NOT_LETTERS.sub("", str(name).lower())


def _text(holder: Mapping[str, object], name: str) -> str:
    value = holder.get(name)
    return value.strip() if isinstance(value, str) else ""


def _match(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _amount(value: object, maximum: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= maximum else None


def _object(holder: Mapping[str, object], key: str) -> Mapping[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, dict) else _EMPTY
