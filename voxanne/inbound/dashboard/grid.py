"""What is drawn of a day or a week: columns, and where on them everything is.

In minutes of the clinic's day, as `day_view` answers them, so that no browser has to know of time
zones.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Final

from babel import Locale
from markupsafe import Markup

from voxanne.inbound.dashboard.lanes import MINUTES_PER_DAY, Place, gaps, lay_out, shown_hours
from voxanne.inbound.dashboard.local_times import clock_text
from voxanne.inbound.dashboard.pages import icon
from voxanne.inbound.dashboard.visit import Visit

COLOURS: Final = 10
DAYS_PER_WEEK: Final = 7
SNAP_MINUTES_MAX: Final = 60  # a clinic may offer a time a day, and still move by hand
SHORT_MINUTES: Final = 30  # below that name and time share a line
BY_PHONE: Final = frozenset({"voice", "mcp"})
NAMELESS: Final = "Held for a caller"
_STATES: Final[Mapping[str, str]] = {
    "held": "held for a caller",
    "completed": "took place",
    "no_show": "didn't come",
}
_SPANS: Final[Mapping[str, str]] = {"break": "Break", "absence": "Away"}

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Appt:
    """An appointment as it is drawn. Minutes are of its column's day.

    `practitioner_id`: where the column doesn't say whose it is.
    """

    id: str
    classes: str
    practitioner_id: str | None
    start: int
    minutes: int
    place: Place
    version: int
    name: str
    service: str
    time: str
    remarks: str
    by_phone: bool
    trouble: bool

    @property
    def attributes(self) -> Markup:
        """All of it that isn't text: ids, whole numbers and words of our own. In one piece, since
        to escape each takes half of the page's time; and no more than is needed, since each is
        there a hundred times.
        """
        version = f' data-version="{self.version}"' if self.version != 1 else ""
        who = f' data-practitioner="{self.practitioner_id}"' if self.practitioner_id else ""
        lanes = "".join(f' data-{name}="{value}"' for name, value in self.lanes)
        return Markup(  # noqa: S704 (see above)
            f'class="{self.classes}" href="appointments/{self.id}" data-start="{self.start}" '
            f'data-minutes="{self.minutes}"{version}{who}{lanes}'
        )

    @property
    def lanes(self) -> Sequence[tuple[str, int]]:
        """None where there is one, as in most columns."""
        place = self.place
        if place.lanes == 1:
            return ()
        return (("lane", place.lane), ("lanes", place.lanes), ("width", place.width))


@dataclass(frozen=True, slots=True)
class Span:
    """Time without an appointment: closed, or kept by the practitioner's own calendar."""

    kind: str
    label: str
    start: int
    minutes: int


@dataclass(slots=True)
class Column:
    """A day of a practitioner; in a week of all that are shown."""

    day: date
    practitioner: Json | None
    label: str
    count: str
    colour: int = 0
    today: bool = False
    notes: list[str] = field(default_factory=list)
    closed: list[Span] = field(default_factory=list)
    busy: list[Span] = field(default_factory=list)
    appointments: list[Appt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A page of it. `now`: minutes, where today is on it."""

    columns: Sequence[Column]
    hours: Sequence[tuple[int, str]]
    start: int
    until: int
    snap: int
    now: int | None
    more: bool

    @property
    def symbols(self) -> Markup:
        """The pictures on appointments, once: a full day is a third smaller for it."""
        return Markup("".join(_symbol(name) for name in ("phone", "warning")))  # noqa: S704 (ours)

    @property
    def style(self) -> Markup:
        """Where everything stands at first paint: a rule for each number that an attribute has."""
        now = "" if self.now is None else f";--now:{self.now}"
        found = {("start", minute) for minute, _ in self.hours}
        for column in self.columns:
            for span in (*column.closed, *column.busy):
                found |= {("start", span.start), ("minutes", span.minutes)}
            for appt in column.appointments:
                found |= {("start", appt.start), ("minutes", appt.minutes), *appt.lanes}
        rules = [f'[data-{name}="{value}"]{{--{name}:{value}}}' for name, value in sorted(found)]
        frame = f"#calendar{{--from:{self.start};--until:{self.until}{now}}}"
        return Markup("".join([frame, *rules]))  # noqa: S704 (numbers, and names of our own)


def draw_day(visit: Visit, seen: Json, day: date, chosen: Collection[str]) -> Calendar:
    """Of what `day_view` answered, a column for each `chosen` practitioner."""
    drawing = _Drawing(visit, seen, chosen)
    return _framed(visit, seen, [drawing.of_practitioner(day, who) for who in drawing.shown])


def draw_week(visit: Visit, seen: Json, chosen: Collection[str]) -> Calendar:
    """A column for each day; the weekend's only where something is on it."""
    drawing, locale = _Drawing(visit, seen, chosen), visit.clinic.locale
    week = [drawing.of_day(date.fromisoformat(said)) for said in seen["days"]]
    weekend = _weekend(locale)
    idle = [column for column in week if column.day.weekday() in weekend]
    if any(column.appointments or _open(column) for column in idle):
        idle = []
    return _framed(visit, seen, [column for column in week if column not in idle])


class _Drawing:
    """Columns of what `day_view` answered."""

    def __init__(self, visit: Visit, seen: Json, chosen: Collection[str]) -> None:
        self._visit, self._seen = visit, seen
        everybody = seen["practitioners"]
        self._colours = {who["id"]: at % COLOURS for at, who in enumerate(everybody)}
        self.shown = [who for who in everybody if who["id"] in chosen]
        self._today = visit.clinic.today

    def of_practitioner(self, day: date, who: Json) -> Column:
        id_ = who["id"]
        column = Column(day, who, who["name"], "", self._colours[id_], day == self._today)
        column.notes = self._notes(day, id_)
        if id_ in self._seen["blind"]:
            column.notes.append("Their own calendar can't be read at the moment")
        column.closed = self._closed(day, id_)
        column.busy = [
            _span(each, "busy", "Busy in their own calendar")
            for each in _of(self._seen["busy"], day, id_)
        ]
        self._fill(column, _of(self._seen["appointments"], day, id_))
        return column

    def of_day(self, day: date) -> Column:
        """Closed is when nobody who is shown is there."""
        who = self.shown
        column = Column(day, None, self._visit.when.day(day), "", today=day == self._today)
        if len(who) == 1:
            column.closed = self._closed(day, who[0]["id"])
        elif who:
            open_ = [
                span
                for each in who
                for span in gaps(_ends(_of(self._seen["closed"], day, each["id"], "closed")))
            ]
            column.closed = [
                _span({"start": start, "minutes": end - start}, "closed", "Closed")
                for start, end in gaps(open_)
            ]
        column.notes = self._notes(day, None)
        self._fill(column, _of(self._seen["appointments"], day))
        return column

    def _fill(self, column: Column, found: Sequence[Json]) -> None:
        places = lay_out([(each["start"], each["minutes"]) for each in found])
        column.appointments = [
            self._appt(each, place, column) for each, place in zip(found, places, strict=True)
        ]
        count = len(found)
        column.count = f"{count or 'No'} appointment{'' if count == 1 else 's'}"

    def _appt(self, each: Json, place: Place, column: Column) -> Appt:
        by_phone = each["source"] in BY_PHONE
        classes = {
            "appt": True,
            f"c{self._colours[each['practitioner_id']]}": True,
            each["status"].replace("_", "-"): True,
            "by-phone": by_phone,
            "failed": each["trouble"],
            "overlap": each["overlap"],
            "continued": each["continued"],
            "short": each["minutes"] < SHORT_MINUTES,
            "patient-confirmed": each["patient_confirmed"],
        }
        remarks = [
            _STATES.get(each["status"], ""),
            "the second time that clock shows it" * each["again"],
            "since the day before" * each["continued"],
            "overbooked" * each["overlap"],
            "the patient has confirmed" * each["patient_confirmed"],
            "booked by phone" * by_phone,
            "a message or the calendar failed" * each["trouble"],
        ]
        return Appt(
            id=each["id"],
            classes=" ".join(name for name, has in classes.items() if has),
            practitioner_id=None if column.practitioner else each["practitioner_id"],
            start=each["start"],
            minutes=each["minutes"],
            place=place,
            version=each["version"],
            name=each["name"] or NAMELESS,
            service=service_text(each["service"]),
            time=clock_text(each["start"], self._visit.clinic.locale),
            remarks=", ".join(filter(None, remarks)),
            by_phone=by_phone,
            trouble=each["trouble"],
        )

    def _closed(self, day: date, practitioner: str) -> list[Span]:
        return [
            _span(each, each["kind"], _SPANS.get(each["kind"], "Closed"))
            for each in _of(self._seen["closed"], day, practitioner)
        ]

    def _notes(self, day: date, practitioner: str | None) -> list[str]:
        return [
            f"{'Closed' if each['closed'] else 'Other hours'}: {each['reason']}".removesuffix(": ")
            for each in self._seen["notes"]
            if each["day"] == day.isoformat() and each["practitioner_id"] in (None, practitioner)
        ][:1]


def _framed(visit: Visit, seen: Json, columns: Sequence[Column]) -> Calendar:
    """With the hours that hold all of it."""
    open_ = [span for column in columns for span in _open(column)]
    booked = [
        (appt.start, appt.start + appt.minutes)
        for column in columns
        for appt in column.appointments
    ]
    start, until = shown_hours(open_, booked)
    local = visit.clinic.now.astimezone(visit.clinic.zone)
    now = local.hour * 60 + local.minute if any(column.today for column in columns) else None
    hours = [
        (minute, clock_text(minute % MINUTES_PER_DAY, visit.clinic.locale, whole=True))
        for minute in range(start, until, 60)
    ]
    snap = min(seen["slot_minutes"], SNAP_MINUTES_MAX)
    return Calendar(columns, hours, start, until, snap, now, seen["more"])


def _span(each: Json, kind: str, label: str) -> Span:
    return Span(kind, label, each["start"], each["minutes"])


@cache
def _symbol(name: str) -> str:
    picture = str(icon(name))
    drawn = picture[picture.index(">") + 1 : picture.rindex("</svg>")]
    return f'<symbol id="i-{name}" viewBox="0 0 24 24">{drawn}</symbol>'


def service_text(said: str) -> str:
    """A service without a name of its own is called by its key: `root canal` → `Root canal`."""
    return said[:1].upper() + said[1:]


def _of(
    rows: Iterable[Json], day: date, practitioner: str | None = None, kind: str | None = None
) -> list[Json]:
    said = day.isoformat()
    return [
        row
        for row in rows
        if row["day"] == said
        and practitioner in (None, row["practitioner_id"])
        and kind in (None, row.get("kind"))
    ]


def _ends(rows: Iterable[Json]) -> list[tuple[int, int]]:
    return [(row["start"], row["start"] + row["minutes"]) for row in rows]


def _open(column: Column) -> list[tuple[int, int]]:
    return gaps(
        [(each.start, each.start + each.minutes) for each in column.closed if each.kind == "closed"]
    )


def _weekend(locale: str) -> set[int]:
    """Which weekdays, Monday being 0."""
    known = Locale.parse(locale)
    length = (known.weekend_end - known.weekend_start) % DAYS_PER_WEEK + 1
    return {(known.weekend_start + n) % DAYS_PER_WEEK for n in range(length)}
