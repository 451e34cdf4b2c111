"""What is said when nothing is free, and what is offered instead."""

import re

import pytest

from voxanne.inbound.voice.sentences import (
    CLINIC_REASONS,
    PRACTITIONER_REASONS,
    speak_alternatives,
    speak_reason,
)
from voxanne.language.catalogue import LANGUAGES
from voxanne.postgres.migrate import load_functions

# The codes of check_availability and of a refused booking.
REASONS = {
    *("closed", "holiday", "break", "away", "too_long", "fully_booked", "too_soon", "too_far"),
    *("past", "calendar_stale"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_its_sentence(language: str) -> None:
    assert set(CLINIC_REASONS) == REASONS
    assert set(PRACTITIONER_REASONS) < REASONS
    for reason in REASONS:
        for practitioner in (None, "Dr {Grey}"):
            spoken = speak_reason(language, reason, practitioner)
            assert spoken.endswith(".")
            assert len(spoken) <= 80
            named = practitioner is not None and reason in PRACTITIONER_REASONS
            assert ("Dr {Grey}" in spoken) == named


def test_an_absence_is_said_without_its_reason() -> None:
    assert speak_reason("en", "away", "Dr Grey") == "Dr Grey isn't available then."
    assert speak_reason("en", "away") == "Nobody is available then."
    assert speak_reason("en", "break", "Dr Grey") == speak_reason("en", "away", "Dr Grey")


@pytest.mark.parametrize("reason", [None, "", "some_new_reason"])
def test_an_unknown_reason_says_no_more_than_that_nothing_is_free(reason: str | None) -> None:
    assert speak_reason("en", reason) == "Everything is booked then."
    assert speak_reason("de", reason, "Dr. Grey") == "Dr. Grey ist dann ausgebucht."


def test_alternatives() -> None:
    times = ["Thursday 26 November at 10 am", "Friday 27 November at 9 am", "Monday 30 November"]
    assert speak_alternatives("en", []) == ""
    assert speak_alternatives("en", times[:1]) == f"I could offer {times[0]}."
    assert speak_alternatives("en", times[:2]) == f"I could offer {times[0]} or {times[1]}."
    assert speak_alternatives("en", times) == (
        f"I could offer {times[0]}, {times[1]}, or {times[2]}."
    )
    assert speak_alternatives("de", ["A", "B", "C"]) == "Frei wäre: A, B, oder C."


def test_sql_gives_no_reason_that_cannot_be_said() -> None:
    text = load_functions()["why_not"]
    given = set(re.findall(r"(?:r_reason :=|THEN|ELSE) '([a-z_]+)'", text))
    assert "away" in given
    assert given <= REASONS
