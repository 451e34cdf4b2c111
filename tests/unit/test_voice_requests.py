"""The phone calls that `voxanne bench --only voice` makes."""

import json
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

from voxanne.stress.vapi_body import tool_of
from voxanne.stress.voice_bench import P95_MS_MAX, is_held
from voxanne.stress.voice_load import VoiceResult
from voxanne.stress.voice_requests import CALLS, REQUESTS_PER_CALL, Calls, Clinics

CLINICS = Clinics(("key-1", "key-2"), 1_000, 200, -6, "2026-11-16", 0)
RATE = 100.0
SECONDS = 40.0


def requests(clinics: Clinics = CLINICS) -> list[tuple[float, str, dict[str, Any]]]:
    found = []
    for due, request in islice(Calls("host", clinics, RATE), int(RATE * SECONDS)):
        head, _, body = request.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        found.append((due, tool_of(request), json.loads(body)["message"]))
    return found


def arguments(message: dict[str, Any]) -> dict[str, str]:
    told: dict[str, str] = message["toolCallList"][0]["function"]["arguments"]
    return told


def test_the_rate_and_the_shares_are_as_said() -> None:
    sent = requests()
    dues = [due for due, _, _ in sent]
    assert dues == sorted(dues)
    assert dues[0] >= 0
    assert abs(dues[-1] - SECONDS) < 0.05 * SECONDS
    wanted: Counter[str] = Counter()
    for share, tools in CALLS:
        for tool in tools:
            wanted[tool] += share
    counted = Counter(tool for _, tool, _ in sent)
    for tool, share in wanted.items():
        assert abs(counted[tool] / len(sent) - share / 100 / REQUESTS_PER_CALL) < 0.02, tool


def test_no_two_calls_want_the_same() -> None:
    """Not in a run of calls that follows another, either."""
    taken: Counter[tuple[str, str, str, str]] = Counter()
    changed: Counter[tuple[str, str]] = Counter()
    first = requests()
    later = replace(CLINICS, first_call=int(RATE * SECONDS))
    for _, tool, message in first + requests(later):
        told = arguments(message)
        if tool in ("bookClinicAppointment", "rescheduleAppointment"):
            clinic = str(int(message["call"]["id"][-12:], 16) % 2)
            who = message["customer"]["number"] if told["practitioner"] == "anyone" else ""
            taken[clinic, told["scheduledAt"], told["practitioner"], who] += 1
        if tool in ("cancelAppointment", "rescheduleAppointment"):
            changed[tool, told["appointmentId"]] += 1
    assert set(taken.values()) == {1}
    assert max(changed.values()) <= 2  # there are only so many: they come again after a while


RESULT = VoiceResult(
    requests=1_000,
    seconds=10.1,
    outcomes={"holdSlot": {"SUCCESS": 1_000}},
    p50_ms=10.0,
    p95_ms=100.0,
    p99_ms=150.0,
    p95_ms_of={},
    behind_ms=1.0,
    cpu_share=0.1,
)


def test_a_rate_is_held_when_all_are_answered_in_time() -> None:
    assert is_held(RESULT, 10.0)
    assert not is_held(replace(RESULT, p95_ms=P95_MS_MAX + 1), 10.0)
    assert not is_held(replace(RESULT, seconds=11.0), 10.0)
    assert not is_held(replace(RESULT, outcomes={"holdSlot": {"SUCCESS": 990, "BUSY": 10}}), 10.0)
