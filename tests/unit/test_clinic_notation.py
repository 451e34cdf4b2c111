"""How a clinic's files write things: plain YAML, spans, lengths, prices, moments, holidays."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.errors import ClinicFileError
from voxanne.clinic_files.moments import MomentError, read_moment
from voxanne.clinic_files.notation import (
    read_days,
    read_price,
    read_seconds,
    read_span,
    read_weekdays,
    write_minutes,
    write_price,
)
from voxanne.clinic_files.public_holidays import public_holidays
from voxanne.clinic_files.tree import BYTES_MAX, Node, read_tree

TODAY = date(2026, 11, 21)
LONDON = ZoneInfo("Europe/London")


# YAML


def test_scalars_stay_as_they_are_written() -> None:
    tree = read_tree(b"country: NO\ntime: 09:00\nnumber: 010\nnone: ~\nempty:\nday: 2026-12-24\n")
    assert isinstance(tree.value, dict)
    assert {key: node.value for key, node in tree.value.items()} == {
        "country": "NO",
        "time": "09:00",
        "number": "010",
        "none": None,
        "empty": None,
        "day": "2026-12-24",
    }


def test_an_empty_file_says_nothing() -> None:
    for text in (b"", b"# nothing\n", b"{}"):
        assert read_tree(text).value == {}


NO_YAML = {
    "syntax": ("name: [a\nb: c", 2, "YAML"),
    "tab": ("a:\n\tb: c", 2, "YAML"),
    "two-documents": ("a: b\n---\nc: d", 2, "single document"),
    "characters": ("name: a\x01", None, "characters"),
    "not-utf-8": (b"name: M\xfcller", None, "UTF-8"),
    "large": (b"#" * (BYTES_MAX + 1), None, "1,000,000"),
    "twice": ("name: a\nname: b", 2, "line 1"),
    "tag": ("name: !!python/object/apply:os.system ['true']", 1, "Tags"),
    "own-tag": ("name: !secret x", 1, "Tags"),
    "binary": ("name: !!binary aGk=", 1, "Tags"),
    "key": ("? [a, b]\n: c", 1, "key"),
    "deep": ("[" * 60 + "]" * 60, 1, "50 levels"),
    "wide": ("a: [" + "1," * 50_001 + "]", 1, "50,000"),
    "bomb": (
        "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(
            f"{c}: &{c} [{', '.join([f'*{p}'] * 10)}]\n"
            for p, c in zip("abcde", "bcdef", strict=True)
        ),
        None,
        "50,000",
    ),
    "endless": ("a: &a [*a]", 1, "50 levels"),
}


@pytest.mark.parametrize(("text", "line", "words"), NO_YAML.values(), ids=NO_YAML.keys())
def test_what_is_no_plain_yaml_is_refused(text: str | bytes, line: int | None, words: str) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ClinicFileError) as caught:
        read_tree(content)
    error = caught.value
    assert error.outcome is Outcome.INVALID_ARGUMENTS
    assert words in error.message
    if line is not None:
        assert error.line == line


def test_an_alias_may_be_used() -> None:
    tree = read_tree(b"a: &day 09:00-17:00\nb: *day\n")
    assert isinstance(tree.value, dict)
    assert tree.value["b"] == Node("b", 2, "09:00-17:00")


# Notation


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("09:00-17:00", ("09:00", "17:00", "")),
        ("9:00 - 17:30 ", ("09:00", "17:30", "")),
        ("9.00–12.00", ("09:00", "12:00", "")),
        ("09:00 to 24:00", ("09:00", "24:00", "")),
        ("13:00-14:00 lunch, a long one", ("13:00", "14:00", "lunch, a long one")),
        ("00:00-23:59:59", ("00:00", "23:59:59", "")),
        ("9-17", None),
        ("09:00", None),
        ("09:00-25:00", None),
        ("09:60-10:00", None),
        ("24:30-10:00", None),
        ("09:00-17:00lunch", None),
    ],
)
def test_spans(said: str, meant: object) -> None:
    assert read_span(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("monday", [1]),
        ("Mon-Fri", [1, 2, 3, 4, 5]),
        ("saturday, sunday", [6, 7]),
        ("fri-mon", [5, 6, 7, 1]),
        ("mon to wed, sat", [1, 2, 3, 6]),
        ("t", None),
        ("mon-tue-wed", None),
        ("mon, mon", None),
        ("montag", None),
        ("", None),
    ],
)
def test_weekdays(said: str, meant: object) -> None:
    assert read_weekdays(said) == meant


def test_days() -> None:
    assert read_days("2026-12-24") == [date(2026, 12, 24)]
    days = read_days("2026-12-30 .. 2027-01-02")
    assert days is not None
    assert (len(days), days[-1]) == (4, date(2027, 1, 2))
    assert len(read_days("2026-01-01..2027-01-01") or ()) == 366
    for wrong in ("2026-02-30", "24.12.2026", "2026-12-24..", "2026-12-24..2026-12-23"):
        assert read_days(wrong) is None, wrong
    assert read_days("2026-01-01..2027-01-02") is None
    assert read_days("9999-12-31") is None


@pytest.mark.parametrize(
    ("said", "minutes"),
    [
        *[("60", 60), ("60 minutes", 60), ("1h 30m", 90), ("1 hour 30 mins", 90)],
        *[("24h", 1440), ("2 days", 2880), ("1 week", 10080), ("0", 0)],
    ],
)
def test_lengths(said: str, minutes: int) -> None:
    assert read_seconds(said, "minute") == minutes * 60


@pytest.mark.parametrize(
    "said", ["", "an hour", "1.5h", "-5", "5 fortnights", "1h30", "٣", "1" * 9]
)
def test_what_is_no_length(said: str) -> None:
    assert read_seconds(said, "minute") is None


@pytest.mark.parametrize("minutes", [0, 1, 45, 60, 90, 119, 120, 150, 1440, 527040])
def test_minutes_are_written_as_they_are_read(minutes: int) -> None:
    assert read_seconds(write_minutes(minutes), "minute") == minutes * 60


@pytest.mark.parametrize(
    ("said", "price"),
    [
        ("60.00 GBP", (6000, "GBP")),
        ("60 gbp", (6000, "GBP")),
        ("60.5 EUR", (6050, "EUR")),
        ("1000 JPY", (1000, "JPY")),
        ("1.250 KWD", (1250, "KWD")),
        ("1000.50 JPY", None),
        ("60.001 GBP", None),
        ("£60", None),
        ("60", None),
        ("1,000.00 GBP", None),
        ("60.00 ABC", None),
    ],
)
def test_prices(said: str, price: tuple[int, str] | None) -> None:
    assert read_price(said) == price
    if price is not None:
        assert read_price(write_price(*price)) == price


def test_moments_are_the_clinics_wall_time_unless_told() -> None:
    assert read_moment("2026-12-05 9:30", LONDON) == datetime(2026, 12, 5, 9, 30, tzinfo=UTC)
    assert read_moment("2026-07-05T09:30:15", LONDON) == datetime(2026, 7, 5, 8, 30, 15, tzinfo=UTC)
    assert read_moment("2026-07-05T09:30+05:30", LONDON) == datetime(2026, 7, 5, 4, tzinfo=UTC)
    assert read_moment("2026-10-25T01:30Z", LONDON) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "outcome", "words"),
    [
        ("Maya Okafor", Outcome.INVALID_DATE, "2026-12-05 12:00"),
        ("05/12/2026 12:00", Outcome.INVALID_DATE, "2026-12-05 12:00"),
        ("2026-02-30 12:00", Outcome.INVALID_DATE, "no such day"),
        ("2026-12-05 25:00", Outcome.INVALID_DATE, "no such day"),
        ("2026-03-29 01:30", Outcome.INVALID_DATE, "doesn't exist"),
        (
            "2026-10-25 01:30",
            Outcome.NEEDS_CONFIRMATION,
            "2026-10-25T01:30+01:00 or 2026-10-25T01:30+00:00",
        ),
    ],
)
def test_what_is_no_moment_or_two(said: str, outcome: Outcome, words: str) -> None:
    with pytest.raises(MomentError, match=re.escape(words)) as caught:
        read_moment(said, LONDON)
    assert caught.value.outcome is outcome
    assert "Maya" not in str(caught.value), "a cell may hold anything"


# Public holidays


def test_holidays_reach_to_the_end_of_the_third_year() -> None:
    england = public_holidays("GB-ENG", TODAY)
    assert england[0] == (date(2026, 12, 25), "Christmas Day")
    assert england[-1][0].year == 2029
    assert (date(2027, 3, 29), "Easter Monday") in england
    assert (date(2027, 3, 29), "Easter Monday") not in public_holidays("GB-SCT", TODAY)
    names = dict(public_holidays("DE", TODAY))
    assert names[date(2026, 12, 26)] == "Second Day of Christmas"


@pytest.mark.parametrize("region", ["XX", "GB-XXX", "GB-", "G", "", "gb", "UK-ENG", "GBR"])
def test_a_region_without_known_holidays_is_refused(region: str) -> None:
    with pytest.raises(ClinicFileError):
        public_holidays(region, TODAY)
