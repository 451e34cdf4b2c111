"""Days and times said in Spanish and German: one instant, or a question, as in English."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.voice.dates import (
    ResolvedTime,
    SaidTime,
    TimeRefusal,
    resolve_day,
    resolve_time,
)
from voxanne.language.clock_words import plain_text
from voxanne.language.speech import speak_moment

MADRID, BERLIN = ZoneInfo("Europe/Madrid"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=BERLIN)  # a Saturday, in Madrid as well
INVALID, ASK = Outcome.INVALID_DATE, Outcome.NEEDS_CONFIRMATION
Result = ResolvedTime | TimeRefusal


def spanish(text: object = None, **parts: object) -> Result:
    return resolve_time(SaidTime(text, **parts), zone=MADRID, now=NOW, locale="es_ES")


def german(text: object = None, **parts: object) -> Result:
    return resolve_time(SaidTime(text, **parts), zone=BERLIN, now=NOW, locale="de_DE")


def local(result: Result) -> str:
    assert isinstance(result, ResolvedTime), result
    return result.local.replace(tzinfo=None).isoformat(timespec="minutes")


def refused(result: object, outcome: Outcome, today: str) -> list[str]:
    assert isinstance(result, TimeRefusal), result
    assert result.outcome is outcome, result
    assert result.message.startswith(today)
    assert "\n" not in result.message
    return [candidate.isoformat() for candidate in result.candidates]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mañana a las 10", "2026-11-22T10:00"),
        ("mañana a las diez de la mañana", "2026-11-22T10:00"),
        ("mañana por la mañana a las 9", "2026-11-22T09:00"),
        ("pasado mañana a las 10:30", "2026-11-23T10:30"),
        ("hoy a las cinco de la tarde", "2026-11-21T17:00"),
        ("esta tarde a las 6", "2026-11-21T18:00"),
        ("el jueves a las 10", "2026-11-26T10:00"),
        ("jueves 26 de noviembre a las 10", "2026-11-26T10:00"),
        ("el jueves 26 a las 10", "2026-11-26T10:00"),
        ("el jueves, 26 de noviembre de 2026, a las diez y media", "2026-11-26T10:30"),
        ("a las 3 de la tarde del miércoles", "2026-11-25T15:00"),
        ("el miercoles a las 3", "2026-11-25T15:00"),
        ("MIÉRCOLES A LAS 15 HORAS", "2026-11-25T15:00"),
        ("el lunes a la una", "2026-11-23T13:00"),
        ("el lunes a las doce del mediodía", "2026-11-23T12:00"),
        ("el lunes al mediodía", "2026-11-23T12:00"),
        ("el lunes a las 2 del mediodía", "2026-11-23T14:00"),
        ("el martes a las cuatro menos cuarto", "2026-11-24T15:45"),
        ("el martes a las nueve y cuarto", "2026-11-24T09:15"),
        ("el martes a las nueve y veinte", "2026-11-24T09:20"),
        ("el martes a las diez treinta", "2026-11-24T10:30"),
        ("el martes a las 8 de la tarde", "2026-11-24T20:00"),
        ("el martes a las siete y media de la tarde", "2026-11-24T19:30"),
        ("el martes a las 9 de la noche", "2026-11-24T21:00"),
        ("el martes a las 2 de la madrugada", "2026-11-24T02:00"),
        ("el primero de diciembre a las 11", "2026-12-01T11:00"),
        ("veintiséis de noviembre, 16:00", "2026-11-26T16:00"),
        ("3 mar 2027 10:00", "2027-03-03T10:00"),
        ("mar 24 a las 10", "2026-11-24T10:00"),
        ("en 5 días a las 10", "2026-11-26T10:00"),
        ("dentro de tres días a las 10", "2026-11-24T10:00"),
        ("26/11/2026 a las 10 a. m.", "2026-11-26T10:00"),
        ("tomorrow at 3 pm", "2026-11-22T15:00"),
        ("2026-11-24T10:00", "2026-11-24T10:00"),
        ("2026-11-24 10am", "2026-11-24T10:00"),
    ],
)
def test_spanish(text: str, expected: str) -> None:
    assert local(spanish(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("morgen um 10 Uhr", "2026-11-22T10:00"),
        ("morgen früh um 9", "2026-11-22T09:00"),
        ("morgen vormittag um 9", "2026-11-22T09:00"),
        ("morgen Nachmittag um 3", "2026-11-22T15:00"),
        ("übermorgen um halb elf", "2026-11-23T10:30"),
        ("uebermorgen um 10.30 Uhr", "2026-11-23T10:30"),
        ("heute um 15 Uhr", "2026-11-21T15:00"),
        ("heute Abend um 6", "2026-11-21T18:00"),
        ("am Donnerstag um 10", "2026-11-26T10:00"),
        ("Donnerstag, 26. November, 10 Uhr", "2026-11-26T10:00"),
        ("am Donnerstag, den 26. November 2026 um zehn Uhr", "2026-11-26T10:00"),
        ("am sechsundzwanzigsten November um zehn", "2026-11-26T10:00"),
        ("am 26. um 10 Uhr", "2026-11-26T10:00"),
        ("am 26.11. um 14:15 Uhr", "2026-11-26T14:15"),
        ("um 9 Uhr am 26.11.", "2026-11-26T09:00"),
        ("26.11.2026 9 Uhr", "2026-11-26T09:00"),
        ("Donnerstagnachmittag um 3", "2026-11-26T15:00"),
        ("Mittwoch um drei", "2026-11-25T15:00"),
        ("Mittwoch um 15 Uhr 30", "2026-11-25T15:30"),
        ("Mittwoch zehn Uhr dreißig", "2026-11-25T10:30"),
        ("Mittwoch um halb eins", "2026-11-25T12:30"),
        ("Mittwoch, Viertel nach neun", "2026-11-25T09:15"),
        ("Mittwoch, Viertel vor vier", "2026-11-25T15:45"),
        ("Mittwoch, dreiviertel vier", "2026-11-25T15:45"),
        ("Mittwoch um zehn vor neun", "2026-11-25T08:50"),
        ("Mittwoch um fünf nach zehn", "2026-11-25T10:05"),
        ("Freitag um 8 Uhr abends", "2026-11-27T20:00"),
        ("Montag Mittag", "2026-11-23T12:00"),
        ("Montag um 12 Uhr mittags", "2026-11-23T12:00"),
        ("Montag um 1 Uhr mittags", "2026-11-23T13:00"),
        ("Montag um 2 Uhr nachts", "2026-11-23T02:00"),
        ("3. März 2027, 8 Uhr", "2027-03-03T08:00"),
        ("3. Maerz 2027, 8 Uhr", "2027-03-03T08:00"),
        ("kommenden Freitag um elf", "2026-11-27T11:00"),
        ("in fünf Tagen um 10", "2026-11-26T10:00"),
        ("in 14 Tagen um 15 Uhr", "2026-12-05T15:00"),
        ("tomorrow at 10 am", "2026-11-22T10:00"),
        ("10 am on 26 November", "2026-11-26T10:00"),
        ("2026-11-24T10:00:00+01:00", "2026-11-24T10:00"),
    ],
)
def test_german(text: str, expected: str) -> None:
    assert local(german(text)) == expected


@pytest.mark.parametrize(
    ("text", "outcome", "candidates"),
    [
        ("el próximo martes a las 10", None, "2026-11-24T10:00"),
        ("el próximo domingo a las 10", ASK, ["2026-11-22", "2026-11-29"]),
        ("el domingo que viene a las 10", ASK, ["2026-11-22", "2026-11-29"]),
        ("el sábado a las 5", ASK, ["2026-11-21", "2026-11-28"]),
        ("el jueves 27 a las 10", ASK, ["2026-11-27", "2026-11-26"]),
        ("05/12/2026 a las 10", ASK, ["2026-05-12", "2026-12-05"]),
        ("el lunes a medianoche", ASK, None),
        ("mañana", ASK, ["2026-11-22"]),
        ("a las 10", ASK, []),
        # "12 de la mañana" is noon in Spain and midnight elsewhere.
        ("el lunes a las 12 de la mañana", INVALID, []),
        ("dentro de dos semanas a las 10", ASK, ["2026-12-05"]),
        ("en una semana a las 10", ASK, ["2026-11-28"]),
        # In a week, or two, to many.
        ("en ocho días a las 10", INVALID, []),
        ("en quince días a las 10", INVALID, []),
        ("más tarde", INVALID, []),
        ("cuando sea", INVALID, []),
        ("el 3 y 4 de marzo", INVALID, []),
        ("morgen um 10", INVALID, []),
    ],
)
def test_spanish_that_is_asked_about(
    text: str, outcome: Outcome | None, candidates: list[str] | str | None
) -> None:
    if outcome is None:
        assert local(spanish(text)) == candidates
        return
    found = refused(spanish(text), outcome, "Hoy es sábado 21 de noviembre de 2026. ")
    assert candidates in (None, found)


@pytest.mark.parametrize(
    ("text", "outcome", "candidates"),
    [
        ("nächsten Sonntag um 10", ASK, ["2026-11-22", "2026-11-29"]),
        ("Samstag um 17 Uhr", ASK, ["2026-11-21", "2026-11-28"]),
        ("Donnerstag, 27. November um 10", ASK, ["2026-11-27", "2026-11-26"]),
        ("Montag um Mitternacht", ASK, None),
        ("Montag um 24 Uhr", ASK, None),
        ("übermorgen", ASK, ["2026-11-23"]),
        ("in einer Woche um 10", ASK, ["2026-11-28"]),
        ("in zwei Wochen um 10", ASK, ["2026-12-05"]),
        ("in acht Tagen um 10", INVALID, []),
        ("halb elf", ASK, []),
        # Thursday morning, or Thursday, which is tomorrow?
        ("Donnerstag morgen um 9", INVALID, []),
        # A quarter past two to some, to others a quarter past three.
        ("Montag um viertel drei", INVALID, []),
        ("fünf vor halb elf am Montag", INVALID, []),
        ("irgendwann", INVALID, []),
        ("mañana a las 10", INVALID, []),
    ],
)
def test_german_that_is_asked_about(
    text: str, outcome: Outcome, candidates: list[str] | None
) -> None:
    found = refused(german(text), outcome, "Heute ist Samstag, 21. November 2026. ")
    assert candidates in (None, found)


def test_what_two_languages_read_differently_is_asked_about() -> None:
    """ "mar 24" is Tuesday the 24th, or in English the 24th of March."""
    refusal = spanish("mar 24 a las 10", weekday=None)
    assert local(refusal) == "2026-11-24T10:00"
    day = resolve_day("mar 24", zone=MADRID, now=NOW, locale="es_ES")
    assert refused(day, ASK, "Hoy es ") == ["2027-03-24", "2026-11-24"]


def test_parts_and_weekdays() -> None:
    assert local(spanish(date="el jueves", time="a las 10", weekday="jueves")) == "2026-11-26T10:00"
    assert local(german(date="morgen", time="halb elf", weekday="Sonntag")) == "2026-11-22T10:30"
    assert local(german(date="26.11.2026", time="9 Uhr")) == "2026-11-26T09:00"
    mismatch = german(date="morgen", time="9 Uhr", weekday="Montag")
    assert refused(mismatch, ASK, "Heute ist ") == ["2026-11-22", "2026-11-23"]


def test_an_english_clinic_reads_english_alone() -> None:
    for text in ("mañana a las 10", "manana a las 10", "morgen um 10 Uhr"):
        result = resolve_time(SaidTime(text), zone=BERLIN, now=NOW, locale="en_GB")
        refused(result, INVALID, "Today is ")


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [
        ("es_ES", "¿Quiere decir jueves 26 de noviembre o viernes 27 de noviembre?"),
        ("de_DE", "Meinen Sie Donnerstag, 26. November oder Freitag, 27. November?"),
        ("en_GB", "Do you mean Thursday 26 November or Friday 27 November?"),
    ],
)
def test_questions_are_asked_in_the_callers_language(locale: str, sentence: str) -> None:
    said = SaidTime("2026-11-26T10:00", weekday="friday")
    result = resolve_time(said, zone=BERLIN, now=NOW, locale=locale)
    assert isinstance(result, TimeRefusal)
    assert result.message.endswith(sentence)


@pytest.mark.parametrize("locale", ["es_ES", "de_DE"])
def test_every_question_is_in_one_language(locale: str) -> None:
    english = {"which", "what", "you", "the", "is", "do", "day"}
    for said in (
        SaidTime(),
        SaidTime("???"),
        SaidTime("2026-11-20T10:00:00"),
        SaidTime("2025-11-20"),
        SaidTime("2026-11-24"),
        SaidTime("10:00"),
        SaidTime("midnight"),
        SaidTime("tomorrow midnight"),
        SaidTime("2027-03-28T02:30"),
        SaidTime("2027-10-31T02:30"),
    ):
        result = resolve_time(said, zone=BERLIN, now=NOW, locale=locale, correction_days_max=0)
        assert isinstance(result, TimeRefusal), said
        assert not english & set(result.message.lower().replace("?", " ").split()), result
    day = resolve_day("?", zone=BERLIN, now=NOW, locale=locale)
    assert isinstance(day, TimeRefusal)
    assert not english & set(day.message.lower().split())


@settings(deadline=None)
@given(
    day=st.dates(date(2026, 11, 23), date(2027, 4, 30)),
    hour=st.integers(7, 23),
    minute=st.sampled_from([0, 5, 15, 30, 59]),
    locale=st.sampled_from(["es_ES", "es_US", "es_AR", "de_DE", "de_AT", "de_CH"]),
)
def test_what_is_spoken_is_understood(day: date, hour: int, minute: int, locale: str) -> None:
    at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
    spoken = speak_moment(at, today=NOW.date(), locale=locale)
    result = resolve_time(SaidTime(spoken), zone=ZoneInfo("UTC"), now=NOW, locale=locale)
    assert isinstance(result, ResolvedTime), (spoken, result)
    assert result.instant == at, spoken


@settings(deadline=None)
@given(
    text=st.text(alphabet="0123456789 :.,-/ñáéßüaeiouhrtmnsdlgw", max_size=120),
    locale=st.sampled_from(["es_ES", "de_DE"]),
)
def test_nothing_raises(text: str, locale: str) -> None:
    result = resolve_time(SaidTime(text), zone=BERLIN, now=NOW, locale=locale)
    assert isinstance(result, ResolvedTime | TimeRefusal)


@pytest.mark.parametrize("text", ["x" * 101, "明日の10時", "²", "ａ", 5, ["mañana"], {"a": 1}])
def test_what_cannot_be_words(text: object) -> None:
    for language in ("es", "de"):
        assert plain_text(text, language) is None
