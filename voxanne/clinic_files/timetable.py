"""The timetables of a clinic's file, of the clinic and of its practitioners: weekly hours, breaks,
exceptions and absences. Each reader gives rows of the configuration, without their practitioner,
and the part of the file behind each.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.moments import MomentError, read_moment
from voxanne.clinic_files.notation import read_days, read_span, read_weekdays
from voxanne.clinic_files.tree import Node

Row = dict[str, Any]
Rows = list[tuple[Row, Node]]

_WEEK = "monday-friday: 09:00-17:00"


def says_always(node: Node) -> bool:
    return isinstance(node.value, str) and node.value.strip().lower() == "always"


def read_hours(node: Node) -> Rows:
    """Weekly hours; none for `always`: open around the clock."""
    if says_always(node):
        return []
    rows: Rows = []
    for weekday, said in _each_weekday(node):
        for span in said.one_or_more():
            if span.text("09:00-17:00").lower() == "closed":
                continue
            opens, closes, rest = _span(span, "09:00-17:00")
            if rest:
                span.refuse(
                    f"What is {rest!r}? Write several spans as a list.", Outcome.INVALID_HOURS
                )
            rows.append(({"weekday": weekday, "opens": opens, "closes": closes}, span))
    if not rows:
        node.refuse(
            "These hours are never open. Leave hours out to keep what is there, or write "
            "hours: always for a clinic without hours.",
            Outcome.INVALID_HOURS,
        )
    return rows


def read_breaks(node: Node) -> Rows:
    rows: Rows = []
    for weekday, said in _each_weekday(node):
        for span in said.one_or_more():
            starts, ends, label = _span(span, "13:00-14:00 lunch")
            row = {"weekday": weekday, "starts": starts, "ends": ends, "label": label or "break"}
            rows.append((row, span))
    return rows


def read_exceptions(node: Node) -> Rows:
    """Days on which the weekly hours don't hold."""
    rows: Rows = []
    for key, said in node.entries("2026-12-24: 09:00-12:00").items():
        days = read_days(key)
        if days is None:
            said.refuse(
                f"{key!r} is no day: write 2026-12-24, or 2026-12-24..2027-01-01 for up to a year.",
                Outcome.INVALID_HOURS,
            )
        for span in said.one_or_more():
            hours = _special_hours(span)
            rows += [({"day": day.isoformat(), "source": "clinic", **hours}, span) for day in days]
    return rows


def _special_hours(node: Node) -> Row:
    said = node.text("closed, or 09:00-12:00")
    word, _, rest = said.partition(" ")
    if word.lower() == "closed":
        return {"opens": None, "closes": None, "reason": rest.strip()}
    opens, closes, reason = _span(node, "closed, or 09:00-12:00")
    return {"opens": opens, "closes": closes, "reason": reason}


def read_absences(node: Node, zone: ZoneInfo) -> Rows:
    """When a practitioner is away: whole days, or from one moment to another, in `zone`."""
    return [(_absence(item, zone), item) for item in node.items("- 2026-12-21..2026-12-31")]


def _absence(node: Node, zone: ZoneInfo) -> Row:
    if isinstance(node.value, Mapping):
        fields = node.fields(("from", "to", "reason"))
        for name in ("from", "to"):
            if name not in fields:
                node.refuse(f"The {name} is missing: write {name}: 2026-12-05 12:00")
        starts, ends = (_moment(fields[name], zone) for name in ("from", "to"))
        reason = fields["reason"].text("training") if "reason" in fields else ""
    else:
        said, _, reason = node.text("2026-12-21..2026-12-31").partition(" ")
        days = read_days(said)
        if days is None:
            node.refuse(
                f"{said!r} is no day: write 2026-12-21, 2026-12-21..2026-12-31, or from: and to: "
                "with times.",
                Outcome.INVALID_HOURS,
            )
        starts = datetime.combine(days[0], time(), zone)
        ends = datetime.combine(days[-1] + timedelta(days=1), time(), zone)
    return {"starts_at": _utc(starts), "ends_at": _utc(ends), "reason": reason.strip()}


def _moment(node: Node, zone: ZoneInfo) -> datetime:
    try:
        return read_moment(node.text("2026-12-05 12:00"), zone)
    except MomentError as error:
        node.refuse(str(error), Outcome.INVALID_HOURS)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _each_weekday(node: Node) -> Iterator[tuple[int, Node]]:
    """Each weekday that is given, once."""
    given: dict[int, str] = {}
    for key, said in node.entries(_WEEK).items():
        weekdays = read_weekdays(key)
        if weekdays is None:
            said.refuse(
                f"{key!r} is no weekday: write monday, or monday-friday.", Outcome.INVALID_HOURS
            )
        for weekday in weekdays:
            if weekday in given:
                said.refuse(
                    f"{key!r} and {given[weekday]!r} are the same day: give each day once.",
                    Outcome.INVALID_HOURS,
                )
            given[weekday] = key
            yield weekday, said


def _span(node: Node, example: str) -> tuple[str, str, str]:
    said = node.text(example)
    span = read_span(said)
    if span is None:
        node.refuse(f"{said!r} is no span of time: write {example}", Outcome.INVALID_HOURS)
    return span
