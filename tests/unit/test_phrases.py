"""What may be typed in `voxanne call`, and the tool call each sentence is."""

from typing import Any

import pytest

from voxanne.cli.phrases import HELP, Memory, Note, ToolCall, understand
from voxanne.inbound.voice.schemas import TOOL_NAMES, TOOL_SCHEMAS

Json = dict[str, Any]
AT_NINE = {"startsAt": "2026-11-26T09:00:00+00:00", "practitioner": "Dr Chen", "spoken": "…"}
AT_TEN = {"startsAt": "2026-11-26T10:00:00+00:00", "practitioner": None, "spoken": "…"}
MINE = [{"appointmentId": "a-1", "spoken": "…"}, {"appointmentId": "a-2", "spoken": "…"}]


def tool_call(line: str, memory: Memory | None = None) -> ToolCall:
    said = understand(line, memory or Memory())
    assert isinstance(said, ToolCall), said
    return said


@pytest.mark.parametrize(
    ("line", "tool", "arguments"),
    [
        ("free", "checkAvailability", {}),
        ("What's free?", "checkAvailability", {}),
        ("free tomorrow", "checkAvailability", {"date": "tomorrow"}),
        (
            "free tuesday afternoon?",
            "checkAvailability",
            {"date": "tuesday", "timeOfDay": "afternoon"},
        ),
        ("free this morning", "checkAvailability", {"date": "today", "timeOfDay": "morning"}),
        ("free in the evening", "checkAvailability", {"timeOfDay": "evening"}),
        (
            "Is there anything free on Thursday with Dr Chen for a check-up?",
            "checkAvailability",
            {"date": "Thursday", "practitioner": "Dr Chen", "serviceType": "check-up"},
        ),
        (
            "free from monday to friday",
            "checkAvailability",
            {"date": "monday", "dateTo": "friday"},
        ),
        ("hold tuesday at 3 pm", "holdSlot", {"scheduledAt": "tuesday at 3 pm"}),
        (
            "hold 24 november 10am for hygiene with anyone",
            "holdSlot",
            {"scheduledAt": "24 november 10am", "serviceType": "hygiene"},
        ),
        (
            "book friday 10 am as Maya Okafor",
            "bookClinicAppointment",
            {"name": "Maya Okafor", "scheduledAt": "friday 10 am"},
        ),
        (
            "I'd like to book an appointment for tomorrow at half past two with Reyes",
            "bookClinicAppointment",
            {"scheduledAt": "tomorrow at half past two", "practitioner": "Reyes"},
        ),
        ("book", "bookClinicAppointment", {}),
        ("move it to friday at 10 am", "rescheduleAppointment", {"scheduledAt": "friday at 10 am"}),
        (
            "can I move my appointment to monday 3pm with chen?",
            "rescheduleAppointment",
            {"scheduledAt": "monday 3pm", "practitioner": "chen"},
        ),
        ("move to 10 am on friday", "rescheduleAppointment", {"scheduledAt": "10 am on friday"}),
        ("cancel", "cancelAppointment", {}),
        ("cancel it because I'm away.", "cancelAppointment", {"reason": "I'm away"}),
        ("who am i?", "lookupCaller", {}),
        ("hours", "getClinicInfo", {"topic": "hours"}),
        ("When are you open?", "getClinicInfo", {"topic": "When are you open"}),
        ("what day is it", "getClinicInfo", {"topic": "what day is it"}),
        ("message Is the door open?", "takeMessage", {"message": "Is the door open?"}),
        (
            "urgent message: my crown fell out",
            "takeMessage",
            {"message": "my crown fell out", "urgency": "high"},
        ),
        ("transfer", "transferCall", {}),
        ("transfer because it's personal", "transferCall", {"reason": "it's personal"}),
        (
            "waitlist thursday morning",
            "joinWaitlist",
            {"dateFrom": "thursday", "dateTo": "thursday", "timeOfDay": "morning"},
        ),
        (
            "put me on the waiting list for hygiene as Ben Carter",
            "joinWaitlist",
            {"name": "Ben Carter", "serviceType": "hygiene"},
        ),
        (
            "checkavailability date=tomorrow timeOfDay=morning",
            "checkAvailability",
            {"date": "tomorrow", "timeOfDay": "morning"},
        ),
        (
            'takeMessage message="call me back" name=Ana',
            "takeMessage",
            {"message": "call me back", "name": "Ana"},
        ),
        (
            'holdSlot {"scheduledAt": "tomorrow 10 am", "x": [1]}',
            "holdSlot",
            {"scheduledAt": "tomorrow 10 am", "x": [1]},
        ),
    ],
)
def test_a_sentence_is_a_tool_call(line: str, tool: str, arguments: Json) -> None:
    assert tool_call(line) == (tool, arguments)


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "I have crushing chest pain",
        "holdSlot tomorrow",
        "holdSlot {",
        'holdSlot {"a": 1} more',
        "takeMessage message=can't",
        "deleteEverything now=yes",
    ],
)
def test_what_matches_no_rule_calls_nothing_and_is_told(line: str) -> None:
    said = understand(line, Memory())
    assert isinstance(said, Note)
    assert not said.understood
    assert said.text


def test_the_help_shows_only_what_works() -> None:
    told = Memory(offered=[AT_NINE, AT_NINE, AT_NINE], mine=MINE)
    told.waiting_offer = dict.fromkeys(
        ("name", "scheduledAt", "serviceType", "practitioner", "holdId"), "x"
    )
    tools = set()
    for line in HELP.splitlines()[:-1]:
        assert len(line) <= 78, line
        for example in line.partition("   ")[0].split(" · "):
            said = understand(example, told)
            assert isinstance(said, ToolCall) or said.understood, example
            tools |= {said.name} if isinstance(said, ToolCall) else set()
    assert tools == TOOL_NAMES


def test_no_rule_sends_an_argument_the_tool_does_not_know() -> None:
    known = {one.name: set(one.parameters["properties"]) for one in TOOL_SCHEMAS}  # type: ignore[call-overload]
    told = Memory(name="Ana", birth_date="3 March 1981", usual="Dr Chen", service="hygiene")
    told.appointment = "a-9"
    for line in (
        "free monday to friday morning",
        "hold monday 9 am",
        "book monday 9 am",
        "move it to monday 9 am",
        "cancel it because of rain",
        "who am i",
        "hours",
        "urgent message hello",
        "waitlist monday to friday morning",
        "transfer because of rain",
    ):
        said = tool_call(line, told)
        assert set(said.arguments) <= known[said.name], said


def test_a_hold_is_kept_until_it_is_booked() -> None:
    memory = Memory()
    understand("i am Maya Okafor", memory)
    held = tool_call("hold tomorrow at 10 am for hygiene with chen", memory)
    memory.learn(held, {"success": True, "holdId": "h-1"})
    booked = tool_call("yes please", memory)
    assert booked.arguments == {
        "name": "Maya Okafor",
        "scheduledAt": "tomorrow at 10 am",
        "serviceType": "hygiene",
        "practitioner": "chen",
        "holdId": "h-1",
    }
    another = tool_call("book friday 9 am", memory)
    assert "holdId" not in another.arguments, "another time isn't the one that is held"
    memory.learn(booked, {"success": True, "appointmentId": "a-1"})
    assert memory.held is None
    moved = tool_call("move it to friday 9 am", memory)
    assert moved.arguments["appointmentId"] == "a-1", "the one booked in this call"
    memory.learn(tool_call("cancel", memory), {"success": True, "appointmentId": "a-1"})
    assert "appointmentId" not in tool_call("cancel", memory).arguments


def test_a_lapsed_hold_is_forgotten() -> None:
    memory = Memory(held={"scheduledAt": "tomorrow at 10 am", "holdId": "h-1"})
    refused = {"success": False, "error": "HOLD_EXPIRED"}
    memory.learn(tool_call("book", memory), refused)
    assert tool_call("book", memory).arguments == {}


def test_times_and_appointments_are_chosen_by_number() -> None:
    memory = Memory()
    assert memory.learn(ToolCall("checkAvailability", {}), {"success": True, "slots": [AT_NINE]})
    refusal = {"success": False, "error": "SLOT_UNAVAILABLE", "alternatives": [AT_NINE, AT_TEN]}
    assert memory.learn(ToolCall("holdSlot", {}), refusal) == [AT_NINE, AT_TEN]
    memory.learn(ToolCall("getClinicInfo", {}), {"success": True})
    at_nine = {"scheduledAt": AT_NINE["startsAt"], "practitioner": "Dr Chen"}
    assert tool_call("hold 1", memory).arguments == at_nine
    assert tool_call("book 2", memory).arguments == {"scheduledAt": AT_TEN["startsAt"]}
    assert tool_call("hold 3", memory).arguments == {"scheduledAt": "3"}, "the tool asks"
    which = {"success": False, "error": "NEEDS_CONFIRMATION", "candidates": MINE}
    assert memory.learn(ToolCall("cancelAppointment", {}), which) == MINE
    assert tool_call("cancel 2", memory).arguments == {"appointmentId": "a-2"}
    moved = tool_call("move 1 to 2", memory).arguments
    assert moved == {"appointmentId": "a-1", "scheduledAt": AT_TEN["startsAt"]}
    days = {"success": False, "error": "NEEDS_CONFIRMATION", "candidates": ["2026-11-26"]}
    assert memory.learn(ToolCall("holdSlot", {}), days) == []


def test_a_returning_patient_is_offered_whom_they_usually_see() -> None:
    memory = Memory()
    person = {"name": "Maya Okafor", "upcoming": [], "offers": [], "usualPractitioner": "Dr Chen"}
    memory.learn(ToolCall("lookupCaller", {}), {"success": True, "people": [person]})
    assert tool_call("free tomorrow", memory).arguments == {
        "date": "tomorrow",
        "practitioner": "Dr Chen",
    }
    assert tool_call("free with Reyes", memory).arguments == {"practitioner": "Reyes"}
    assert tool_call("free with anyone", memory).arguments == {}
    assert tool_call("book monday 9 am", memory).arguments["name"] == "Maya Okafor"


def test_of_a_household_nobody_is_taken_for_granted() -> None:
    memory = Memory()
    people: list[Json] = [
        {"name": name, "upcoming": [], "offers": [], "usualPractitioner": "Dr Chen"}
        for name in ("Maya Okafor", "Tobi Okafor")
    ]
    memory.learn(ToolCall("lookupCaller", {}), {"success": True, "people": people})
    assert tool_call("book monday 9 am", memory).arguments == {"scheduledAt": "monday 9 am"}


def test_what_the_waiting_list_offers_is_accepted() -> None:
    memory = Memory()
    said = understand("accept", memory)
    assert isinstance(said, Note)
    offer = {
        "waitlistId": "w-1",
        "holdId": "h-1",
        "scheduledAt": "2026-11-26T10:00:00+00:00",
        "serviceType": "hygiene",
        "practitioner": None,
    }
    person = {"name": "Ben", "upcoming": [], "offers": [offer], "usualPractitioner": None}
    memory.learn(ToolCall("lookupCaller", {}), {"success": True, "people": [person]})
    accepted = {
        "name": "Ben",
        "scheduledAt": "2026-11-26T10:00:00+00:00",
        "serviceType": "hygiene",
        "holdId": "h-1",
    }
    for line in ("accept", "I accept it", "yes"):
        assert tool_call(line, memory) == ("bookClinicAppointment", accepted)


def test_who_they_are_is_remembered_and_sent_where_it_counts() -> None:
    memory = Memory()
    for line in ("My name is Maya Okafor.", "I was born on 3 March 1981"):
        said = understand(line, memory)
        assert isinstance(said, Note)
        assert said.understood
    proof = {"name": "Maya Okafor", "birthDate": "3 March 1981"}
    for line in ("who am i", "cancel"):
        assert tool_call(line, memory).arguments == proof
    assert tool_call("message hello", memory).arguments["name"] == "Maya Okafor"
