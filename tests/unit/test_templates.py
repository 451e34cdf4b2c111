"""What text messages say, and what a clinic may have them say."""

from typing import Any

import pytest

from voxanne.language.catalogue import LANGUAGES
from voxanne.texts.messages import write_text
from voxanne.texts.replies import OPT_OUT_WORDS
from voxanne.texts.segments import measure
from voxanne.texts.templates import (
    CHARACTERS_MAX,
    KINDS,
    PLACEHOLDERS,
    TEXTS,
    TemplateError,
    Words,
    built_in,
    check_template,
    example_values,
)


def refused(body: str, kind: str = "sms_confirmation") -> str:
    with pytest.raises(TemplateError) as error:
        check_template(kind, body, "en")
    assert error.value.reason.endswith((".", "}."))
    return error.value.where


# The built-in words


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_built_in_words_are_short_and_cheap(language: str) -> None:
    for name in TEXTS:
        length = measure(Words(name, language).fill(example_values(language)))
        assert length.encoding == "GSM-7", (name, length.forced_by)
        assert length.segments <= 2, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_built_in_words_obey_the_rules_of_a_clinics_own(language: str) -> None:
    for name in TEXTS:
        body = built_in(name, language)
        assert "{clinic}" in body
        check_template("sms_confirmation", body, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_they_end_with_how_to_answer(language: str) -> None:
    for kind in ("sms_confirmation", "sms_change", "sms_reminder"):
        text = Words(kind, language).fill(example_values(language))
        assert all(f" {letter} " in text for letter in "CRX")
        assert text.endswith(example_values(language)["link"])
        unlinked = Words(kind, language).fill({**example_values(language), "link": ""})
        assert unlinked == text.rpartition(":")[0].removesuffix(": https")


def test_what_there_is_no_value_for_is_left_out() -> None:
    values = {"clinic": "Harbor", "when": "tomorrow"}
    assert Words("sms_cancellation", "en").fill(values) == (
        "Harbor: your appointment on tomorrow is cancelled."
    )
    assert Words("reschedule", "en").fill({**values, "phone": "+1"}).endswith("call +1")
    assert Words("reschedule", "en").fill(values).endswith("call us.")
    assert Words("sms_change", "en", "See you: {link}").fill(values) == "See you"


# A clinic's own


def test_a_clinics_own_words_may_hold_every_placeholder() -> None:
    body = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    for kind in KINDS:
        check_template(kind, body, "en")
    filled = Words("sms_change", "en", body).fill(example_values("en"))
    assert "{" not in filled
    assert "Maya Okafor" in filled


def test_values_are_not_read_for_placeholders() -> None:
    filled = Words("sms_change", "en", "{patient}").fill({"patient": "{link}", "link": "secret"})
    assert filled == "{link}"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("", "body"),
        ("  \n", "body"),
        ("x" * (CHARACTERS_MAX + 1), "body"),
        ("x" * 1000, "body"),  # seven segments
        ("á" * 403, "body"),
        ("Hi {name}", "body: {name}"),
        ("Hi {clinic.__class__}", "body: {clinic.__class__}"),
        ("Hi {0}", "body: {0}"),
        ("Hi {}", "body: {}"),
        ("Hi {clinic", "body: {"),
        ("Hi clinic}", "body: }"),
        ("Hi {{clinic}}", "body: {"),
        ("bell \x07", "body"),
    ],
)
def test_what_may_not_be_in_it(body: str, where: str) -> None:
    assert refused(body) == where


def test_a_kind_that_is_none() -> None:
    assert refused("Hello", "email_change") == "kind"


@pytest.mark.parametrize(
    "body",
    [
        "Reply STOP to opt out",
        "Reply CANCEL to cancel",
        "reply cancel to cancel",
        "Text 'end' if you can't come",
        'Answer with "quit"',
        "Send us the word Stop",
        "To cancel: CANCEL",
        "Responda ALTO",
        "Responda con baja para no venir",
        "Envíe stop",
        "Antworten Sie mit Stopp",
        "Antworten Sie STOP",
        "Schreiben Sie uns abmelden",
    ],
)
def test_nobody_is_asked_for_a_word_that_cuts_them_off(body: str) -> None:
    where = refused(f"{{clinic}}: {body}.")
    assert where.removeprefix("body: ").upper() in OPT_OUT_WORDS


@pytest.mark.parametrize(
    "body",
    [
        "To cancel your appointment reply X.",
        "Please tell us if you cancel. We end at five.",
        "The bus stop is opposite.",
        "Reply C to confirm, X to cancel.",
        "Para cancelar responda X.",
        "The weekend rota: {link}",
    ],
)
def test_but_the_words_themselves_may_be_there(body: str) -> None:
    check_template("sms_reminder", body, "en")


# A delivery's text

CLINIC: dict[str, Any] = {
    "name": "Harbor Dental",
    "timezone": "Europe/London",
    "country": "GB",
    "language": "en",
    "address": "1 Harbor Street",
    "phone": "+442079460500",
    "now": "2026-11-02T08:00:00+00:00",
}
APPOINTMENT: dict[str, Any] = {
    "scheduled_at": "2026-11-26T10:00:00+00:00",
    "patient": {"name": "Maya Okafor"},
    "service_type": "consultation",
    "service_name": None,
    "practitioner_name": None,
    "hold_expires_at": None,
}


def written(kind: str, language: str = "en", **details: Any) -> str:
    clinic = {**CLINIC, "language": language}
    given = {"appointment": APPOINTMENT, "link": "token", "template": None, **details}
    return write_text(kind, clinic, given, lambda token: f"https://book.test/a/{token}")


def test_a_reminder_of_any_hours() -> None:
    assert written("sms_reminder_24h") == written("sms_reminder_2h")
    german = written("sms_reminder_2h", "de")
    assert german.startswith("Harbor Dental: Wir erinnern an Ihren Termin: Donnerstag")
    assert written("sms_reminder_2h").endswith("https://book.test/a/token")


def test_an_offer_says_until_when() -> None:
    today = {**APPOINTMENT, "hold_expires_at": "2026-11-02T08:30:00+00:00"}
    assert ", kept until 8:30 am. " in written("sms_waitlist_offer", appointment=today)
    tomorrow = {**APPOINTMENT, "hold_expires_at": "2026-11-03T08:30:00+00:00"}
    assert ", kept until Tuesday 3 November at 8:30 am. " in written(
        "sms_waitlist_offer", appointment=tomorrow
    )


def test_a_question_lists_what_can_be_chosen() -> None:
    other = {**APPOINTMENT, "patient": None}
    asked = written(
        "sms_reply", answer="which", appointment=None, choices=[APPOINTMENT, other], link=None
    )
    assert asked.splitlines()[1:] == [
        "1: Maya Okafor, Thursday 26 November at 10 am",
        "2: Thursday 26 November at 10 am",
    ]


def test_the_clinics_own_words_are_used_where_there_are_some() -> None:
    text = written("sms_change", template="{clinic} {address} {service} {date} {time}")
    assert text == "Harbor Dental 1 Harbor Street consultation Thursday 26 November 10 am"
