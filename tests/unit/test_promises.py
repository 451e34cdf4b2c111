"""What was promised in a call, against what the diary has: transcripts written for the purpose."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from voxanne.language.catalogue import say
from voxanne.language.speech import speak_moment
from voxanne.promises.check import Entry, Ledger, Said, Verdict, check_call

BEGAN = datetime.fromisoformat("2026-11-23T09:00")
FILES = sorted((Path(__file__).parent / "transcripts").glob("*.yaml"))
CASES = [
    pytest.param(case, id=f"{path.stem}: {case.get('name', number)}")
    for path in FILES
    for number, case in enumerate(yaml.safe_load(path.read_text()))
]


def local(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)


def ledger_of(case: dict[str, Any]) -> Ledger:
    entries = [
        Entry(
            datetime.fromisoformat(row["at"]),
            row.get("standing", True),
            row.get("booked", False),
            row.get("cancelled", False),
            local(row.get("from")),
        )
        for row in case["diary"]
    ]
    return Ledger(entries, case.get("messages", 0), case.get("waitlist", 0))


def check(case: dict[str, Any]) -> Verdict:
    said = Said(case["said"], BEGAN, case.get("cut", False), case.get("structured"))
    return check_call(said, ledger_of(case))


@pytest.mark.parametrize("case", CASES)
def test_a_call(case: dict[str, Any]) -> None:
    verdict = check(case)
    assert verdict.promise in (case["expect"], case.get("or")), verdict
    alarmed = any(finding.alarm for finding in verdict.findings)
    assert alarmed == (verdict.promise == "mismatch")
    assert bool(verdict.findings) == (verdict.promise in ("mismatch", "unclear"))
    if "rules" in case:
        assert [str(finding.rule) for finding in verdict.findings] == case["rules"]


def test_there_are_enough_of_each() -> None:
    found = Counter(case.values[0]["expect"] for case in CASES)  # type: ignore[index]
    assert len(CASES) >= 200
    assert min(found[promise] for promise in ("kept", "mismatch", "none")) >= 55
    assert found["unclear"] >= 10


WHEN = datetime.fromisoformat("2026-11-26T14:30")
BEFORE = datetime.fromisoformat("2026-11-24T10:00")


@pytest.mark.parametrize("locale", ["en_GB", "en_US", "es_ES", "de_DE"])
def test_our_own_sentences_are_understood(locale: str) -> None:
    """What the tools give agents to say, in every language of the catalogue."""
    language = locale[:2]

    def visit(at: datetime) -> str:
        return f"Cleaning, {speak_moment(at, today=BEGAN.date(), locale=locale)}"

    booked = say(language, "You're booked: {appointment}.", appointment=visit(WHEN))
    moved = say(
        language,
        "It's moved: {appointment}, instead of {before}.",
        appointment=visit(WHEN),
        before=visit(BEFORE),
    )
    cancelled = say(language, "It's cancelled: {appointment}.", appointment=visit(BEFORE))
    left = say(language, "I've noted your message, and the clinic will see it.")
    for sentence, right, wrong in (
        (booked, Ledger([Entry(WHEN, booked=True)]), Ledger([Entry(BEFORE, booked=True)])),
        (moved, Ledger([Entry(WHEN, moved_from=BEFORE)]), Ledger([Entry(BEFORE)])),
        (
            cancelled,
            Ledger([Entry(BEFORE, standing=False, cancelled=True)]),
            Ledger([Entry(BEFORE)]),
        ),
        (left, Ledger(messages=1), Ledger()),
    ):
        said = Said(f"AI: {sentence}", BEGAN)
        assert check_call(said, right) == Verdict("kept"), sentence
        expected = "unclear" if sentence is left else "mismatch"
        assert check_call(said, wrong).promise == expected, sentence


@pytest.mark.parametrize(
    "said",
    [
        "AI: " + "a" * 200_000,
        "AI:\n" * 50_000,
        "AI: " + "your x " * 20_000,
        ("AI: I have you now all booked for Thursday at ten. " * 40 + "\n") * 20,
        "AI: " + "su cita " * 20_000,
        "AI: " + "habe ich ihr termin " * 9_000,
        "AI: \x00\ud800 you're booked \u202e for \U0001f600",
        "\n" * 100_000,
        ": : :",
    ],
)
def test_no_transcript_is_too_much(said: str) -> None:
    assert check_call(Said(said, BEGAN), Ledger()).promise in ("none", "mismatch")


@given(st.text(max_size=200), st.sampled_from(["AI: ", "User: ", ""]))
@settings(max_examples=200, deadline=None)
def test_nothing_said_breaks_it(said: str, label: str) -> None:
    check_call(Said(label + said, BEGAN), Ledger([Entry(WHEN, booked=True)]))


WORDS = (
    "you're booked for not thursday at ten half past 26 november sorry , . ? cancelled moved I've "
    "your appointment is to from if also AI: User: heute um morgen a las cita"
)


@given(st.lists(st.sampled_from([*WORDS.split(), "\n"]), max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_mixture_of_words_breaks_it(words: list[str]) -> None:
    verdict = check_call(Said("AI: " + " ".join(words), BEGAN), Ledger([Entry(WHEN, booked=True)]))
    assert verdict.promise in ("none", "kept", "mismatch", "unclear")
    for finding in verdict.findings:
        assert finding.said
        assert len(finding.said) <= 300
