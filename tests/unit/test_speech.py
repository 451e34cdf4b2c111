"""How dates and times are spoken."""

from datetime import UTC, date, datetime, time

import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st

from voxanne.language.speech import (
    locale_for,
    region_of,
    speak_date,
    speak_date_with_year,
    speak_either,
    speak_moment,
    speak_time,
)

TODAY = date(2026, 11, 21)
THIS_YEAR, NEXT_YEAR = date(2026, 11, 26), date(2027, 3, 3)


@pytest.mark.parametrize(
    ("locale", "this_year", "next_year"),
    [
        ("en_GB", "Thursday 26 November", "Wednesday 3 March 2027"),
        ("en_AU", "Thursday 26 November", "Wednesday 3 March 2027"),
        ("en_ZA", "Thursday 26 November", "Wednesday 3 March 2027"),
        ("en_US", "Thursday, November 26", "Wednesday, March 3, 2027"),
        ("en_CA", "Thursday, November 26", "Wednesday, March 3, 2027"),
        ("en_PH", "Thursday, November 26", "Wednesday, March 3, 2027"),
        ("de_DE", "Donnerstag, 26. November", "Mittwoch, 3. März 2027"),
        ("es_ES", "jueves 26 de noviembre", "miércoles 3 de marzo de 2027"),
        ("fr_FR", "jeudi 26 novembre", "mercredi 3 mars 2027"),
    ],
)
def test_date(locale: str, this_year: str, next_year: str) -> None:
    assert speak_date(THIS_YEAR, today=TODAY, locale=locale) == this_year
    assert speak_date(NEXT_YEAR, today=TODAY, locale=locale) == next_year
    assert speak_date_with_year(NEXT_YEAR, locale=locale) == next_year


def test_date_with_year_says_this_year_too() -> None:
    assert speak_date_with_year(TODAY, locale="en_GB") == "Saturday 21 November 2026"
    assert speak_date_with_year(TODAY, locale="en_US") == "Saturday, November 21, 2026"


@pytest.mark.parametrize(
    ("locale", "at", "spoken"),
    [
        ("en_GB", time(10), "10 am"),
        ("en_GB", time(14, 30), "2:30 pm"),
        ("en_US", time(14, 30, 59), "2:30 pm"),
        ("en_GB", time(9, 5), "9:05 am"),
        ("en_GB", time(12), "12 noon"),
        ("en_GB", time(0), "12 midnight"),
        ("en_GB", time(12, 15), "12:15 pm"),
        ("en_GB", time(0, 15), "12:15 am"),
        ("de_DE", time(14, 30), "14:30 Uhr"),
        ("de_AT", time(9), "9 Uhr"),
        ("de_CH", time(9, 5), "9:05 Uhr"),
        ("es_ES", time(14, 30), "14:30"),
        ("es_ES", time(9), "9:00"),
        ("fr_FR", time(9, 5), "9:05"),
        (
            "es_US",
            time(14, 30),
            f"2:30 {Locale.parse('es_US').day_periods['format']['abbreviated']['pm']}",
        ),
    ],
)
def test_time(locale: str, at: time, spoken: str) -> None:
    assert speak_time(at, locale=locale) == spoken


@pytest.mark.parametrize(
    ("locale", "spoken"),
    [
        ("en_GB", "Thursday 26 November at 10 am"),
        ("en_US", "Thursday, November 26 at 10 am"),
        ("de_DE", "Donnerstag, 26. November, 10 Uhr"),
        ("es_ES", "jueves 26 de noviembre a las 10:00"),
        ("fr_FR", "jeudi 26 novembre at 10:00"),
    ],
)
def test_moment(locale: str, spoken: str) -> None:
    at = datetime(2026, 11, 26, 10, tzinfo=UTC)
    assert speak_moment(at, today=TODAY, locale=locale) == spoken


@pytest.mark.parametrize(
    ("locale", "hour", "spoken"),
    [
        ("es_ES", 1, "a la 1:30"),
        ("es_ES", 13, "a las 13:30"),
        ("es_US", 1, "a la 1:30"),
        ("es_US", 13, "a la 1:30"),
        ("es_US", 14, "a las 2:30"),
        ("es_AR", 0, "a las 12:30 a. m."),
    ],
)
def test_spanish_says_one_oclock_in_the_singular(locale: str, hour: int, spoken: str) -> None:
    at = datetime(2026, 11, 26, hour, 30, tzinfo=UTC)
    assert spoken in speak_moment(at, today=TODAY, locale=locale)


@pytest.mark.parametrize(
    ("language", "options", "spoken"),
    [
        ("en", ["A"], "A"),
        ("en", ["A", "B"], "A or B"),
        ("en", ["A", "B", "C"], "A, B, or C"),
        ("en", ["A", "B", "C", "{D}"], "A, B, C, or {D}"),
        ("es", ["A", "B", "C"], "A, B o C"),
        ("de", ["A", "B"], "A oder B"),
        ("de", ["A", "B", "C"], "A, B, oder C"),
        ("fr", ["A", "B"], "A or B"),
    ],
)
def test_one_or_the_other(language: str, options: list[str], spoken: str) -> None:
    assert speak_either(language, options) == spoken


@pytest.mark.parametrize(
    ("country", "zone", "language", "expected"),
    [
        ("AT", "Europe/Vienna", "de", ("de_AT", "AT")),
        (None, "America/Mexico_City", "es", ("es_MX", "MX")),
        ("GB", "Europe/London", "es", ("es", "GB")),
        ("US", "America/New_York", "de", ("de", "US")),
        ("DE", "Europe/Berlin", "en", ("en_DE", "DE")),
        ("IE", "Europe/Dublin", "fr", ("en_IE", "IE")),
    ],
)
def test_locale_for_a_language(
    country: str | None, zone: str, language: str, expected: tuple[str, str]
) -> None:
    assert locale_for(country, zone, language) == expected


@pytest.mark.parametrize(
    ("country", "zone", "region"),
    [
        ("uk", "America/New_York", "GB"),
        (None, "Europe/Vienna", "AT"),
        (None, "UTC", None),
        (None, "no such zone", None),
        ("XQ", "UTC", None),
    ],
)
def test_region_of(country: str | None, zone: str, region: str | None) -> None:
    assert region_of(country, zone) == region


@pytest.mark.parametrize(
    ("country", "zone", "expected"),
    [
        ("GB", "Europe/London", ("en_GB", "GB")),
        ("US", "Europe/London", ("en_US", "US")),
        ("us", "Europe/London", ("en_US", "US")),
        ("UK", "America/New_York", ("en_GB", "GB")),
        (None, "America/New_York", ("en_US", "US")),
        (None, "US/Eastern", ("en_US", "US")),
        (None, "Australia/Lord_Howe", ("en_AU", "AU")),
        (None, "Europe/Kiev", ("en_GB", "UA")),
        ("JP", "Europe/London", ("en_GB", "JP")),
        ("", "America/Toronto", ("en_CA", "CA")),
        ("XQ", "America/Toronto", ("en_CA", "CA")),
        ("England", "America/Toronto", ("en_CA", "CA")),
        (None, "UTC", ("en_GB", "GB")),
        (None, "no such zone", ("en_GB", "GB")),
    ],
)
def test_locale_for(country: str | None, zone: str, expected: tuple[str, str]) -> None:
    assert locale_for(country, zone) == expected


@settings(deadline=None)
@given(day=st.dates(), locale=st.sampled_from(["en_GB", "en_US", "de_DE", "es_ES"]))
def test_date_names_the_right_weekday(day: date, locale: str) -> None:
    names = Locale.parse(locale).days["format"]["wide"]
    spoken = speak_date(day, today=TODAY, locale=locale)
    assert [number for number, name in names.items() if name in spoken] == [day.weekday()]
    assert (str(day.year) in spoken.split()[-1]) == (day.year != TODAY.year)
