"""A configuration written as a file and read again is what it was."""

from datetime import datetime

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_clinic_files import EMPTY, Document, read
from voxanne.clinic_files.configuration import key_from_name
from voxanne.clinic_files.writing import write_configuration

NAMES = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12
).map(lambda said: f"A{said}".strip())
REASONS = st.sampled_from(
    ["", "closed", "training: day 1", "# no comment", "'quoted'", "NO", "12:00-13:00"]
)


ZONES = ["Europe/London", "America/New_York", "Australia/Lord_Howe"]
SPECIAL_DAYS: list[list[tuple[str | None, str | None]]] = [
    [],
    [(None, None)],
    [("09:00", "10:00"), ("12:00", "24:00")],
]


def spans(draw: st.DrawFn) -> list[tuple[str, str]]:
    hours = sorted(draw(st.sets(st.integers(0, 23), max_size=4)))
    pairs = list(zip(hours[::2], hours[1::2], strict=False))
    return [(f"{first:02}:00", f"{last:02}:30") for first, last in pairs]


@st.composite
def services(draw: st.DrawFn) -> Document:
    price = draw(st.none() | st.integers(0, 10**9))
    name = draw(NAMES)
    return {
        "key": key_from_name(name),
        "name": name,
        "duration_minutes": draw(st.integers(1, 600)),
        "buffer_before_minutes": draw(st.integers(0, 90)),
        "buffer_after_minutes": 0,
        "notice_minutes": draw(st.none() | st.integers(0, 10_000)),
        "price_minor_units": price,
        "currency": None if price is None else draw(st.sampled_from(["GBP", "JPY", "KWD"])),
        "active": draw(st.booleans()),
    }


@st.composite
def timetables(draw: st.DrawFn, owner: str | None) -> Document:
    """The hours, breaks and exceptions of the clinic or of a practitioner."""
    return {
        "hours": [
            {"practitioner": owner, "weekday": weekday, "opens": opens, "closes": closes}
            for weekday in range(1, 8)
            for opens, closes in spans(draw)
        ],
        "breaks": [
            {"practitioner": owner, "weekday": 3, "starts": starts, "ends": ends}
            | {"label": draw(st.sampled_from(["break", "lunch", "long lunch: off", "12:00"]))}
            for starts, ends in spans(draw)
        ],
        "exceptions": [
            {"practitioner": owner, "day": f"2027-05-{day:02}", "opens": opens, "closes": closes}
            | {"reason": draw(REASONS), "source": "clinic"}
            for day in range(1, 4)
            for opens, closes in draw(st.sampled_from(SPECIAL_DAYS))
        ],
    }


@st.composite
def absences(draw: st.DrawFn, owner: str) -> Document:
    starts = draw(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))  # noqa: DTZ001
    return {
        "practitioner": owner,
        "starts_at": f"{starts.isoformat(timespec='seconds')}Z",
        "ends_at": "2028-01-01T00:00:00Z",
        "reason": draw(REASONS),
    }


@st.composite
def documents(draw: st.DrawFn) -> Document:
    offered = draw(st.lists(services(), max_size=3, unique_by=lambda service: service["key"]))
    keys = [service["key"] for service in offered]
    names = draw(st.lists(NAMES, max_size=3, unique_by=str.lower))
    own = [draw(timetables(owner)) for owner in (None, *names)]
    return {
        **EMPTY,
        "timezone": draw(st.sampled_from(ZONES)),
        "address": draw(st.none() | NAMES),
        "notice_minutes": draw(st.integers(0, 10_000)),
        "red_flags": draw(st.none() | st.lists(NAMES, max_size=2)),
        "services": offered,
        "practitioners": [
            {
                "name": name,
                "services": keys[: draw(st.integers(0, 3))],
                "active": draw(st.booleans()),
            }
            for name in names
        ],
        "rooms": [{"name": name, "services": keys[:1], "active": True} for name in names[:1]],
        **{section: [row for one in own for row in one[section]] for section in own[0]},
        "absences": [
            absence for name in names for absence in draw(st.lists(absences(name), max_size=2))
        ],
    }


def ordered(said: Document) -> Document:
    """Without the order of rows, which no clinic minds."""
    return {
        key: sorted(value, key=repr) if isinstance(value, list) and key != "red_flags" else value
        for key, value in said.items()
        if key != "version"
    }


@settings(max_examples=150, deadline=None)
@given(said=documents())
def test_what_is_written_is_read_as_it_was(said: Document) -> None:
    written = write_configuration(said)
    assert yaml.safe_load(written).keys() >= {"name", "hours", "practitioners"}
    assert ordered(read(written, said).document) == ordered(said)
