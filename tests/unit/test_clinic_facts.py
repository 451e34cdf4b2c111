"""How a clinic's hours, services and practitioners are said, and what of them is for nobody."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.test_tool_arguments import CLINIC, caller
from voxanne.inbound.voice.assistant import assistant_for_call
from voxanne.inbound.voice.messages import documents_for, question_in
from voxanne.inbound.voice.tools import Caller
from voxanne.inbound.voice.tools.clinic_facts import (
    ClinicFacts,
    read_facts,
    speak_address,
    speak_hours,
    speak_practitioners,
    speak_services,
)

ENGLISH = caller(language="en")


def hours(weekdays: str, opens: str, closes: str, who: str | None = None) -> list[dict[str, Any]]:
    return [
        {"practitioner": who, "weekday": int(day), "opens": opens, "closes": closes}
        for day in weekdays
    ]


def facts(**changes: Any) -> ClinicFacts:
    document: dict[str, Any] = {
        "hours": [],
        "exceptions": [],
        "services": [],
        "practitioners": [],
        "address": None,
        **changes,
    }
    return read_facts(document, ENGLISH)


@pytest.mark.parametrize(
    ("rows", "spoken"),
    [
        ([], "We're open around the clock."),
        (hours("1", "09:00", "17:00"), "We're open Monday from 9 am to 5 pm."),
        (
            hours("12345", "09:00", "17:00") + hours("6", "09:30", "12:00"),
            "We're open Monday to Friday from 9 am to 5 pm; Saturday from 9:30 am to 12 noon.",
        ),
        (
            hours("135", "08:00", "12:00") + hours("135", "13:00", "18:00"),
            "We're open "
            + "; ".join(
                f"{day} from 8 am to 12 noon and from 1 pm to 6 pm"
                for day in ("Monday", "Wednesday", "Friday")
            )
            + ".",
        ),
        (
            hours("1234567", "00:00", "24:00"),
            "We're open Monday to Sunday from 12 midnight to 12 midnight.",
        ),
        (
            hours("12", "09:00", "12:00", "Dr Grey") + hours("12", "09:00", "12:00", "Dr Chen"),
            "We're open Monday to Tuesday from 9 am to 12 noon.",
        ),
        (
            hours("1", "09:00", "12:00", "Dr Grey") + hours("1", "11:00", "17:00", "Dr Chen"),
            "We're open Monday from 9 am to 5 pm.",
        ),
        (
            hours("1", "09:00", "17:00") + hours("123", "09:00", "20:00", "Dr Grey"),
            "We're open Monday from 9 am to 5 pm.",
        ),
        (hours("67", "22:00", "02:00"), "We're open Saturday to Sunday from 10 pm to 2 am."),
    ],
)
def test_hours(rows: list[dict[str, Any]], spoken: str) -> None:
    assert speak_hours(facts(hours=rows), ENGLISH) == spoken


def test_special_days_of_the_clinic_and_only_soon() -> None:
    def day(on: str, opens: str | None = None, **more: Any) -> dict[str, Any]:
        closes = None if opens is None else "12:00"
        return {"practitioner": None, "day": on, "opens": opens, "closes": closes} | more

    exceptions = [
        day("2026-11-10"),
        day("2026-11-11", "10:00"),
        day("2026-11-12", practitioner="Dr Grey"),
        day("2027-03-01"),
    ]
    told = facts(exceptions=exceptions, hours=hours("1", "09:00", "17:00"))
    assert speak_hours(told, ENGLISH) == (
        "We're open Monday from 9 am to 5 pm. We're closed on Tuesday 10 November. On Wednesday 11 "
        "November we're open from 10 am to 12 noon."
    )


def service(name: str, minutes: int = 30, price: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "key": name.lower(),
        "name": name,
        "duration_minutes": minutes,
        "price_minor_units": price,
        "currency": "JPY" if price else None,
        "active": True,
    } | more


def test_services() -> None:
    assert "come in for" in speak_services(facts(), ENGLISH)
    two = facts(services=[service("Check-up", 1), service("Crown", 90, 5_000)])
    assert (
        speak_services(two, ENGLISH)
        == "We offer: Check-up, one minute; Crown, 90 minutes, JP¥5,000."
    )
    gone = facts(services=[service("Check-up", active=False), service("Crown")])
    assert speak_services(gone, ENGLISH) == "We offer: Crown, 30 minutes."
    many = facts(services=[service(f"Service {number}") for number in range(100)])
    assert speak_services(many, ENGLISH).startswith("We offer, among others: Service 0")
    assert len(speak_services(many, ENGLISH)) < 300


def test_practitioners_and_address() -> None:
    people: list[dict[str, Any]] = [
        {"name": name, "services": [], "active": name != "Dr No"} for name in ("Ann", "Dr No", "Bo")
    ]
    assert speak_practitioners(facts(practitioners=people), ENGLISH) == "You can see Ann and Bo."
    assert speak_practitioners(facts(), ENGLISH) == "Whoever is free will see you."
    assert speak_address(facts(address="1 Road"), ENGLISH) == "The address is 1 Road."


def test_a_saved_assistant_is_named_and_gets_the_facts() -> None:
    named: Caller = caller(clinic=replace(CLINIC, assistant_id="asst-1"), language="en")
    answered = assistant_for_call(named, facts(address="1 Road"))
    assert answered.keys() == {"assistantId", "assistantOverrides"}
    assert answered["assistantId"] == "asst-1"
    overrides = answered["assistantOverrides"]
    assert isinstance(overrides, dict)
    assert overrides["variableValues"]["address"] == "1 Road"


def test_documents_are_alike_by_their_words() -> None:
    told = facts(services=[service("Root canal")], address="1 Harbour Road")
    (document,) = documents_for("root canal please", told, ENGLISH)
    assert (document["uuid"], document["similarity"]) == ("services", 0.67)
    assert documents_for("", told, ENGLISH) == []
    assert documents_for("purple elephants", told, ENGLISH) == []


def test_the_question_is_what_the_caller_said_last() -> None:
    history = [
        {"role": "user", "message": "first"},
        {"role": "user", "message": "last"},
        {"role": "bot", "message": "not this"},
    ]
    assert question_in({"messages": history}) == "last"
    assert question_in({}) == ""
