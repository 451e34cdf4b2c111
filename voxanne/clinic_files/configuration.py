"""A clinic's configuration file, and what it stands for.

`docs/how-to/configure-a-clinic.md` is its description. A top-level key that is absent leaves its
part of the clinic as it is; one that is there says everything about it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from voxanne.booking.functions import available_zones
from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.errors import ClinicFileError
from voxanne.clinic_files.notation import read_price, read_seconds, read_span
from voxanne.clinic_files.public_holidays import check_region, holiday_exceptions
from voxanne.clinic_files.timetable import (
    read_absences,
    read_breaks,
    read_exceptions,
    read_hours,
    says_always,
)
from voxanne.clinic_files.tree import Node, read_tree

ROWS_MAX = 20_000
_SECTIONS = ("hours", "breaks", "exceptions", "services", "practitioners", "rooms")
# Name in the file → name in the document, an example.
_TEXTS = {
    "name": ("name", "Harbor Dental"),
    "timezone": ("timezone", "Europe/London"),
    "country": ("country", "GB"),
    "language": ("language", "en"),
    "address": ("address", "12 Quay Street, Bristol"),
    "phone": ("phone", '"+442079460000"'),
    "email": ("email", "desk@harbor.example"),
    "transfer": ("transfer_number", '"+442079460100"'),
}
TOP_KEYS = (
    *_TEXTS, "holidays", "rules", "reminders", "quiet", "calendar", "retention", *_SECTIONS
)  # fmt: skip
# Name in the file → name in the document, an example.
_CALENDAR_TEXTS = {
    "title": ("calendar_title", "neutral"),
    "changes": ("calendar_changes", "follow"),
    "when_stale": ("calendar_stale", "offer"),
}
CALENDAR_KEYS = (*_CALENDAR_TEXTS, "stale_after")
# Name in the file → name in the document. A number alone is days.
RETENTION = {
    "calls": "call_retention_days",
    "texts": "text_retention_days",
    "people": "person_retention_days",
}
# Name in the file → name in the document, the document's unit, the unit of a number alone.
_LENGTHS = {
    "notice": ("notice_minutes", "minute", "minute"),
    "horizon": ("horizon_days", "day", "day"),
    "slot": ("slot_minutes", "minute", "minute"),
    "hold": ("hold_seconds", "second", "second"),
    "offer": ("offer_minutes", "minute", "minute"),
}
RULES = (*_LENGTHS, "upcoming_per_caller", "caller_check", "red_flags")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}

Row = dict[str, Any]
Reader = Callable[[Node], list[tuple[Row, Node]]]


@dataclass(frozen=True, slots=True)
class ClinicFile:
    """`document` is what configure_clinic takes; `origins` says which part of the file stands
    behind a path of it.
    """

    document: dict[str, Any]
    origins: Mapping[str, Node]

    def locate(self, where: str) -> Node | None:
        """What in the file stands behind a path of the document, or behind what contains it."""
        while where and where not in self.origins:
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return self.origins.get(where)


def read_configuration(content: bytes, current: Mapping[str, Any], today: date) -> ClinicFile:
    """Raises ClinicFileError. `current` is the clinic's present document, `today` its local date:
    public holidays are closed from then on.
    """
    root = read_tree(content)
    draft = _Draft(root.fields(TOP_KEYS), current, today)
    draft.read()
    return ClinicFile(draft.document, draft.origins)


@dataclass
class _Draft:
    file: Mapping[str, Node]
    current: Mapping[str, Any]
    today: date
    document: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Node] = field(default_factory=dict)

    def read(self) -> None:
        for key, (name, example) in _TEXTS.items():
            if node := self.file.get(key):
                self._put(name, node, None if node.value is None else node.text(example))
        if node := self.file.get("holidays"):
            self._put("holidays_region", node, _region(node))
        if node := self.file.get("rules"):
            self._read_rules(node)
        self._read_messages()
        if node := self.file.get("services"):
            self._read_services(node)
        for section in ("practitioners", "rooms"):
            if node := self.file.get(section):
                self._read_members(section, node)
        self._read_timetables()

    def _put(self, name: str, node: Node, value: object) -> None:
        self.document[name] = value
        self.origins[name] = node

    def _add(self, section: str, row: Row, node: Node | None, **fields: Node | None) -> str:
        """A row of a section; the nodes behind it, and behind its fields."""
        rows: list[Row] = self.document.setdefault(section, [])
        path = f"{section}[{len(rows)}]"
        if len(rows) >= ROWS_MAX:
            raise ClinicFileError(
                Outcome.INVALID_ARGUMENTS, f"The file has more than {ROWS_MAX:,} {section}."
            )
        rows.append(row)
        if node is not None:
            self.origins[path] = node
        for name, origin in fields.items():
            if origin is not None:
                self.origins[f"{path}.{name}"] = origin
        return path

    def _read_rules(self, node: Node) -> None:
        rules = node.fields(RULES)
        for key, (name, unit, bare_unit) in _LENGTHS.items():
            if rule := rules.get(key):
                self._put(name, rule, _length(rule, unit, bare_unit))
        if rule := rules.get("upcoming_per_caller"):
            self._put("upcoming_per_caller_max", rule, _whole_number(rule, "20"))
        if rule := rules.get("caller_check"):
            self._put("caller_check", rule, rule.text("none"))
        if rule := rules.get("red_flags"):
            default = isinstance(rule.value, str) and rule.value.strip() == "default"
            flags = () if default else rule.items("[chest pain]")
            said = [flag.text("chest pain") for flag in flags]
            self._put("red_flags", rule, None if default else said)

    def _read_messages(self) -> None:
        """What happens after a booking: reminders, when none is sent, the calendar."""
        if node := self.file.get("reminders"):
            lengths = () if _is_none(node) else node.one_or_more()
            hours = [_length(length, "hour", "hour") for length in lengths]
            self._put("reminder_hours", node, hours)
        if node := self.file.get("quiet"):
            span = ("00:00", "00:00", "") if _is_none(node) else read_span(node.text("21:00-08:00"))
            if span is None or span[2]:
                node.refuse("Write a span, such as: 21:00-08:00, or none", Outcome.INVALID_HOURS)
            self._put("quiet_from", node, span[0])
            self._put("quiet_until", node, span[1])
        if node := self.file.get("calendar"):
            rules = node.fields(CALENDAR_KEYS)
            for key, (name, example) in _CALENDAR_TEXTS.items():
                if rule := rules.get(key):
                    self._put(name, rule, rule.text(example))
            if rule := rules.get("stale_after"):
                self._put("calendar_stale_minutes", rule, _length(rule))
        if node := self.file.get("retention"):
            periods = node.fields(tuple(RETENTION))
            for key, name in RETENTION.items():
                if period := periods.get(key):
                    never = key == "people" and _is_never(period)
                    self._put(name, period, None if never else _length(period, "day", "day"))

    def _read_services(self, section: Node) -> None:
        self.document["services"] = []
        self.origins["services"] = section
        for node in section.items("- name: Consultation"):
            fields = node.fields(
                (
                    "name",
                    "key",
                    "duration",
                    "buffer_before",
                    "buffer_after",
                    "notice",
                    "price",
                    "active",
                )
            )
            name = _required(node, fields, "name", "Consultation").text("Consultation")
            key = fields["key"].text("consultation") if "key" in fields else self._service_key(name)
            price = fields.get("price")
            amount, currency = (None, None) if price is None else _price(price)
            notice = fields.get("notice")
            row = {
                "key": key,
                "name": name,
                "duration_minutes": _length(_required(node, fields, "duration", "60 minutes")),
                "buffer_before_minutes": _length(fields.get("buffer_before")),
                "buffer_after_minutes": _length(fields.get("buffer_after")),
                "notice_minutes": _length(notice) if notice else None,
                "price_minor_units": amount,
                "currency": currency,
                "active": _active(fields),
            }
            self._add(
                "services",
                row,
                node,
                name=fields.get("name"),
                key=fields.get("key"),
                duration_minutes=fields.get("duration"),
                buffer_before_minutes=fields.get("buffer_before"),
                buffer_after_minutes=fields.get("buffer_after"),
                notice_minutes=notice,
                price_minor_units=price,
                currency=price,
            )

    def _service_key(self, name: str) -> str:
        """The key of the clinic's service of that name, else one made of the name."""
        for service in self.current["services"]:
            if service["name"].lower() == name.lower():
                return str(service["key"])
        return key_from_name(name)

    def _read_members(self, section: str, listed: Node) -> None:
        self.document[section] = []
        self.origins[section] = listed
        own = ("hours", "breaks", "exceptions", "absences") if section == "practitioners" else ()
        for node in listed.items("- name: Dr Amara Chen"):
            fields = (
                {"name": node}
                if isinstance(node.value, str)
                else node.fields(("name", "services", *own, "active"))
            )
            services = fields.get("services")
            keys = services.items("[consultation]") if services else ()
            row = {
                "name": _required(node, fields, "name", "Dr Amara Chen").text("Dr Amara Chen"),
                "services": [self._known_key(key.text("consultation")) for key in keys],
                "active": _active(fields),
            }
            path = self._add(section, row, node, name=fields["name"], services=services)
            for number, key in enumerate(keys):
                self.origins[f"{path}.services[{number}]"] = key

    def _known_key(self, said: str) -> str:
        """A service's key, which may be said by its name."""
        services = self.document.get("services", self.current["services"])
        for service in services:
            if said.lower() in (service["key"].lower(), service["name"].lower()):
                return str(service["key"])
        return said.lower()

    def _read_timetables(self) -> None:
        zone = self._zone()
        self._read_timetable("hours", read_hours)
        self._read_timetable("breaks", read_breaks)
        self._read_timetable("exceptions", read_exceptions)
        self._read_timetable("absences", lambda node: read_absences(node, zone))

    def _read_timetable(self, section: str, reader: Reader) -> None:
        """The clinic's own rows and its practitioners': from the file where it has them."""
        own = self.file.get(section)
        people = self.file.get("practitioners")
        holidays = section == "exceptions" and "holidays" in self.file
        if own is None and people is None and not holidays:
            return
        self.document[section] = []
        if origin := own or people:
            self.origins[section] = origin
        clinic_rows = [] if own is None else reader(own)
        for row, node in clinic_rows:
            self._add(section, {"practitioner": None, **row}, node)
        present: Sequence[Row] = self.current[section]
        if own is None:
            for row in present:
                if row["practitioner"] is None and row.get("source") != "holiday":
                    self._add(section, row, None)
        if section == "exceptions":
            self._add_holidays(recomputed=own is not None or holidays)
        if people is None:
            for row in present:
                if row["practitioner"] is not None:
                    self._add(section, row, None)
            return
        for person in people.items("- name: Dr Amara Chen"):
            self._read_own_timetable(section, person, reader)

    def _read_own_timetable(self, section: str, person: Node, reader: Reader) -> None:
        if not isinstance(person.value, Mapping) or section not in person.value:
            return
        node = person.value[section]
        if section == "hours" and says_always(node):
            node.refuse("Leave a practitioner's hours out where the clinic's apply.")
        name = person.value["name"].text("Dr Amara Chen")
        for row, origin in reader(node):
            self._add(section, {"practitioner": name, **row}, origin)

    def _add_holidays(self, *, recomputed: bool) -> None:
        """Public holidays: as the region has them now, or as they are."""
        region = self.document.get("holidays_region", self.current["holidays_region"])
        if recomputed and region is not None:
            rows: Sequence[Row] = holiday_exceptions(region, self.today)
        else:
            kept = () if recomputed else self.current["exceptions"]
            rows = [row for row in kept if row["source"] == "holiday"]
        for row in rows:
            self._add("exceptions", row, self.file.get("holidays"))

    def _zone(self) -> ZoneInfo:
        """The zone that the file's moments are in."""
        name = self.document.get("timezone", self.current["timezone"])
        if name not in available_zones():
            node = self.file.get("timezone")
            raise ClinicFileError(
                Outcome.INVALID_TIMEZONE,
                f"There is no time zone {name!r}. Use an IANA name such as Europe/London.",
                where="timezone",
                line=node.line if node else None,
            )
        return ZoneInfo(name)


def key_from_name(name: str) -> str:
    """The key of a service that says none: `Check-up, long` → `check-up-long`."""
    words = "".join(
        letter if letter.isalnum() or letter in "-'" else " " for letter in name.lower()
    )
    return "-".join(words.split()) or name.lower()


def _is_none(node: Node) -> bool:
    return isinstance(node.value, str) and node.value.strip() == "none"


def _required(node: Node, fields: Mapping[str, Node], name: str, example: str) -> Node:
    if name not in fields:
        outcome = Outcome.INVALID_DURATION if name == "duration" else Outcome.INVALID_ARGUMENTS
        node.refuse(f"The {name} is missing: write {name}: {example}", outcome)
    return fields[name]


def _active(fields: Mapping[str, Node]) -> bool:
    said = fields["active"].text("false").lower() if "active" in fields else "true"
    if said not in ("true", "false", "yes", "no"):
        fields["active"].refuse("Write active: true or active: false.")
    return said in ("true", "yes")


def _is_never(node: Node) -> bool:
    return isinstance(node.value, str) and node.value.strip().lower() == "never"


def _length(node: Node | None, unit: str = "minute", bare_unit: str = "minute") -> int:
    """In the unit; 0 where there is none. Raises ClinicFileError for what isn't whole in it."""
    if node is None:
        return 0
    example = f"60 {bare_unit}s"
    seconds = read_seconds(node.text(example), bare_unit)
    if seconds is None or seconds % _SECONDS[unit]:
        node.refuse(
            f"Write a length in whole {unit}s, such as: {example}", Outcome.INVALID_DURATION
        )
    return seconds // _SECONDS[unit]


def _whole_number(node: Node, example: str) -> int:
    said = node.text(example)
    if not (said.isascii() and said.isdigit() and len(said) <= 9):
        node.refuse(f"Write a whole number, such as: {example}")
    return int(said)


def _price(node: Node) -> tuple[int | None, str | None]:
    if node.value is None:
        return None, None
    price = read_price(node.text("60.00 GBP"))
    if price is None:
        node.refuse("Write a price with its currency, such as: 60.00 GBP")
    return price


def _region(node: Node) -> str | None:
    said = None if node.value is None else node.text("GB-ENG")
    if said is None or said.lower() == "none":
        return None
    try:
        check_region(said.upper())
    except ClinicFileError as error:
        node.refuse(error.message)
    return said.upper()
