"""What a model writes for a part of the day, a date of birth, a topic; and what makes a key."""

from datetime import UTC, date, datetime, time
from uuid import UUID

import pytest

from voxanne.booking.types import Clinic, Phone
from voxanne.inbound.voice.schemas import TOOL_NAMES
from voxanne.inbound.voice.tools import TOOLS, Caller
from voxanne.inbound.voice.tools.arguments import idempotency, part_of_day, past_dates
from voxanne.inbound.voice.tools.clinic import find_topic
from voxanne.inbound.voice.tools.emergency import CHARACTERS_MAX, free_text
from voxanne.inbound.voice.tools.notes import urgency_of

CLINIC = Clinic(UUID(int=1), "Harbor Dental", "Europe/London", "GB", 0.0, language="de")
TODAY = date(2026, 11, 2)
PHONE = Phone("+447700900123", verified=False)


def caller(**changes: object) -> Caller:
    about: dict[str, object] = {
        "clinic": CLINIC,
        "number": "07700 900123",
        "call_id": "call",
        "tool_call_id": "tool",
        "now": datetime(2026, 11, 2, 8, tzinfo=UTC),
        "date_correction_days_max": 180,
        **changes,
    }
    return Caller(**about)  # type: ignore[arg-type]


def test_every_tool_of_the_schemas_is_here() -> None:
    assert TOOLS.keys() == TOOL_NAMES


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("", (None, None)),
        ("any time", (None, None)),
        ("morning", (None, time(12))),
        ("in the afternoon", (time(12), time(17))),
        ("evening", (time(17), None)),
        ("after 3", (time(15), None)),
        ("from 9", (time(9), None)),
        ("before half past ten", (None, time(10, 30))),
        ("until noon", (None, time(12))),
        ("after midnight", None),
        ("before 00:00", None),
        ("after never", None),
        ("10 am", None),
        ("soon", None),
    ],
)
def test_a_part_of_the_day(said: str, part: tuple[time | None, time | None] | None) -> None:
    assert part_of_day(said) == part


@pytest.mark.parametrize(
    ("said", "dates"),
    [
        ("3 March 1981", [date(1981, 3, 3)]),
        ("March 3rd, 1981", [date(1981, 3, 3)]),
        ("the 3rd of March 1981", [date(1981, 3, 3)]),
        ("1981-03-03", [date(1981, 3, 3)]),
        ("1981-03-03T00:00:00Z", [date(1981, 3, 3)]),
        ("03/03/1981", [date(1981, 3, 3)]),
        ("13/03/1981", [date(1981, 3, 13)]),
        ("03/04/1981", [date(1981, 3, 4), date(1981, 4, 3)]),
        ("3.4.1981", [date(1981, 4, 3)]),
        ("29 February 1980", [date(1980, 2, 29)]),
        ("29 February 1981", []),
        ("today", [TODAY]),
        ("tomorrow", []),
        ("3 March", []),
        ("3 March 81", []),
        ("1889-12-31", []),
        ("2026-11-03", []),
        (19810303, []),
        (["1981-03-03"], []),
        ("\x00", []),
        ("", []),
        (None, []),
    ],
)
def test_a_date_of_birth(said: object, dates: list[date]) -> None:
    assert past_dates(said, TODAY, "en") == dates


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("hours", "hours"),
        ("When do you close today?", "hours"),
        ("services", "services"),
        ("How much does it cost", "services"),
        ("practitioners", "practitioners"),
        ("Who works there?", "practitioners"),
        ("address", "address"),
        ("timezone", "timezone"),
        ("now", "now"),
        ("what day is it", "now"),
        ("I don't know", None),
        ("the whole lot", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_a_topic(said: object, topic: str | None) -> None:
    assert find_topic(said) == topic


@pytest.mark.parametrize(
    ("said", "urgency"),
    [("high", "high"), (" Urgent ", "high"), ("EMERGENCY", "emergency"), ("low", "low")]
    + [(other, "normal") for other in ("", "asap", 7, None, ["high"])],
)
def test_an_urgency(said: object, urgency: str) -> None:
    assert urgency_of({"urgency": said}) == urgency


def test_free_text_is_whatever_a_caller_could_have_said() -> None:
    said = {
        "name": "no",
        "serviceType": "no",
        "notes": "a",
        "unknown": {"deep": ["b", {"er": "c"}]},
        "number": 7,
    }
    assert free_text(said) == ["a", "b", "c"]
    assert sum(map(len, free_text({"notes": "a" * 10**6, "reason": "b"}))) == CHARACTERS_MAX


def test_free_text_ends() -> None:
    nested: object = "deep"
    for _ in range(100_000):
        nested = [nested]
    assert free_text({"notes": nested}) == []


def test_the_language_is_the_callers_else_the_clinics() -> None:
    assert caller().language == "de"
    assert caller(language="es-MX").language == "es"
    assert caller(language="tlh").language == "de"
    assert caller(language=None).language == "de"
    assert caller().locale.startswith("de")


def test_a_caller_is_their_number() -> None:
    assert caller().phone == PHONE
    assert caller(number=None).phone is None
    assert caller(number="12").phone is None


def test_a_key_is_of_its_call_tool_caller_and_arguments() -> None:
    def key(tool: str = "holdSlot", phone: Phone | None = PHONE, **changes: object) -> object:
        arguments = changes.pop("arguments", {"b": 1, "a": 2})
        assert isinstance(arguments, dict)
        return idempotency(caller(**changes), phone, tool, arguments)

    same = key()
    assert key(arguments={"a": 2, "b": 1}) == same
    assert key(call_id="a:b", tool_call_id="c") != key(call_id="a", tool_call_id="b:c")
    others = [
        key("takeMessage"),
        key(phone=None),
        key(arguments={"a": 2}),
        key(call_id="another"),
        key(tool_call_id="another"),
        key(source="mcp"),
    ]
    assert same not in others
    assert len(set(others)) == len(others)
    for missing in ({"call_id": None}, {"tool_call_id": ""}, {"tool_call_id": None}):
        assert key(**missing) == (None, None)
