"""A clinic's configuration as the file that, applied again, changes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from voxanne.clinic_files.configuration import RETENTION, key_from_name
from voxanne.clinic_files.moments import MomentError, settle
from voxanne.clinic_files.notation import (
    DAYS_PER_RANGE_MAX,
    write_days,
    write_minutes,
    write_price,
    write_weekdays,
)

Row = Mapping[str, Any]
_ONE_DAY = timedelta(days=1)


def write_configuration(document: Mapping[str, Any]) -> str:
    """YAML. `document` is what clinic_configuration gives, whole."""
    head, *sections = (_dump(section) for section in _sections(document))
    return "\n".join([head, *sections])


def _sections(document: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    zone = ZoneInfo(document["timezone"])
    yield {
        "name": document["name"],
        "timezone": document["timezone"],
        "country": document["country"],
        "language": document["language"],
        "address": document["address"],
        "phone": document["phone"],
        "email": document["email"],
        "transfer": document["transfer_number"],
        "holidays": document["holidays_region"] or "none",
    }
    yield {"rules": _rules(document)}
    yield _messages(document)
    hours = _weekly(_own(document["hours"], None), _hours_span, "closed")
    yield {"hours": hours or "always"}
    yield {"breaks": _weekly(_own(document["breaks"], None), _break_span, None)}
    yield {"exceptions": _exceptions(_own(document["exceptions"], None))}
    yield {"services": [_service(service) for service in document["services"]]}
    people = document["practitioners"]
    yield {"practitioners": [_person(person, document, zone) for person in people]}
    yield {"rooms": [_member(room) for room in document["rooms"]]}


def _rules(document: Mapping[str, Any]) -> dict[str, Any]:
    flags = document["red_flags"]
    return {
        "notice": write_minutes(document["notice_minutes"]),
        "horizon": f"{document['horizon_days']} days",
        "slot": write_minutes(document["slot_minutes"]),
        "hold": f"{document['hold_seconds']} seconds",
        "offer": write_minutes(document["offer_minutes"]),
        "upcoming_per_caller": document["upcoming_per_caller_max"],
        "caller_check": document["caller_check"],
        "red_flags": "default" if flags is None else flags,
    }


def _messages(document: Mapping[str, Any]) -> dict[str, Any]:
    quiet = (document["quiet_from"], document["quiet_until"])
    return {
        "reminders": _Inline(f"{hours} hours" for hours in document["reminder_hours"]) or "none",
        "quiet": "none" if quiet[0] == quiet[1] else "-".join(quiet),
        "calendar": {
            "title": document["calendar_title"],
            "changes": document["calendar_changes"],
            "when_stale": document["calendar_stale"],
            "stale_after": write_minutes(document["calendar_stale_minutes"]),
        },
        "retention": {
            key: "never" if document[name] is None else f"{document[name]} days"
            for key, name in RETENTION.items()
        },
    }


def _own(rows: Sequence[Row], practitioner: str | None) -> list[Row]:
    return [row for row in rows if row["practitioner"] == practitioner]


def _service(service: Row) -> dict[str, Any]:
    written: dict[str, Any] = {"name": service["name"]}
    if service["key"] != key_from_name(service["name"]):
        written["key"] = service["key"]
    written["duration"] = write_minutes(service["duration_minutes"])
    for buffer in ("buffer_before", "buffer_after"):
        if minutes := service[f"{buffer}_minutes"]:
            written[buffer] = write_minutes(minutes)
    if service["price_minor_units"] is not None:
        written["price"] = write_price(service["price_minor_units"], service["currency"])
    if service["notice_minutes"] is not None:
        written["notice"] = write_minutes(service["notice_minutes"])
    return written | _inactive(service)


def _member(member: Row) -> dict[str, Any]:
    services = {"services": _Inline(member["services"])} if member["services"] else {}
    return {"name": member["name"], **services, **_inactive(member)}


def _inactive(row: Row) -> dict[str, Any]:
    return {} if row["active"] else {"active": False}


def _person(person: Row, document: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    own = {
        section: _own(document[section], person["name"])
        for section in ("hours", "breaks", "exceptions", "absences")
    }
    timetables = {
        "hours": _weekly(own["hours"], _hours_span, "closed"),
        "breaks": _weekly(own["breaks"], _break_span, None),
        "exceptions": _exceptions(own["exceptions"]),
        "absences": [_absence(row, zone) for row in own["absences"]],
    }
    return _member(person) | {name: written for name, written in timetables.items() if written}


def _hours_span(row: Row) -> str:
    return f"{row['opens']}-{row['closes']}"


def _break_span(row: Row) -> str:
    label = "" if row["label"] == "break" else f" {row['label']}"
    return f"{row['starts']}-{row['ends']}{label}"


def _weekly(rows: Sequence[Row], write: Any, otherwise: str | None) -> dict[str, Any]:
    """Equal days in a row as one. `otherwise`: what a day without rows says."""
    if not rows:
        return {}
    by_day = {
        day: [write(row) for row in rows if row["weekday"] == day] or otherwise
        for day in range(1, 8)
    }
    grouped = [(list(days), said) for said, days in groupby(by_day, by_day.__getitem__)]
    return {write_weekdays(days): _one_or_more(said) for days, said in grouped if said}


def _exceptions(rows: Sequence[Row]) -> dict[str, Any]:
    """Equal days in a row as one; public holidays are said by their region."""
    days: dict[date, list[str]] = {}
    for row in rows:
        if row["source"] != "holiday":
            span = "closed" if row["opens"] is None else _hours_span(row)
            days.setdefault(date.fromisoformat(row["day"]), []).append(
                f"{span} {row['reason']}".strip()
            )
    written: dict[str, Any] = {}
    for first, last in _runs(days):
        written[write_days(first, last)] = _one_or_more(days[first])
    return written


def _runs(days: Mapping[date, object]) -> list[tuple[date, date]]:
    """First and last of equal days in a row, at most as many as one range may have."""
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        first, last = runs[-1] if runs else (day, day)
        goes_on = day == last + _ONE_DAY and days[day] == days[first]
        if goes_on and (day - first).days < DAYS_PER_RANGE_MAX:
            runs[-1] = first, day
        else:
            runs.append((day, day))
    return runs


def _absence(row: Row, zone: ZoneInfo) -> str | dict[str, Any]:
    """Whole days as days, anything else from moment to moment, in the clinic's zone."""
    starts, ends = (
        datetime.strptime(row[name], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        for name in ("starts_at", "ends_at")
    )
    first, after = starts.astimezone(zone).date(), ends.astimezone(zone).date()
    whole = [datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, after)]
    if whole == [starts, ends] and (after - first).days <= 366:
        return f"{write_days(first, after - _ONE_DAY)} {row['reason']}".strip()
    written = {"from": _moment(starts, zone), "to": _moment(ends, zone)}
    return written | ({"reason": row["reason"]} if row["reason"] else {})


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    wall = moment.astimezone(zone)
    try:
        settle(wall.replace(tzinfo=None, fold=0), zone)
    except MomentError:
        return wall.isoformat()
    return wall.strftime("%Y-%m-%d %H:%M" if wall.second == 0 else "%Y-%m-%d %H:%M:%S")


def _one_or_more(said: Any) -> Any:
    if not isinstance(said, list):
        return said
    return said[0] if len(said) == 1 else _Inline(said)


class _Inline(list[Any]):
    """Written on one line: [a, b]."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)  # lists are indented below their key


_Dumper.add_representer(
    _Inline,
    lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True),
)


def _dump(part: Mapping[str, Any]) -> str:
    return yaml.dump(part, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
