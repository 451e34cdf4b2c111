"""How the clinic's phone is doing, against its targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

from babel.numbers import format_decimal, format_percent
from starlette.responses import Response

from voxanne.inbound.dashboard.appointment_words import SOURCES
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.metrics_chart import Chart, draw
from voxanne.inbound.dashboard.visit import Visit

Json = dict[str, Any]
Tone = Literal["", "good", "poor", "bad-text"]
DAYS: Final = (7, 14, 90)
DAYS_DEFAULT: Final = 14
NOTHING: Final = "–"  # no case to speak of
RATE_TARGET: Final = 0.99  # more than that
OFFER_MS_TARGET: Final = 300
CALENDAR_MS_TARGET: Final = 2000
CHANNELS: Final[Mapping[str, str]] = {"sms": "Text messages", "email": "E-mails"}
REASONS: Final[Mapping[str, str]] = {
    "NO_RESULT": "No answer in time",
    "ERROR": "An error",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A figure to see first. `tone`: how good the note is, in colour; it says so in words too."""

    title: str
    figure: str
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure against its target. `met`: None where there is no case yet."""

    title: str
    now: str
    target: str
    met: bool | None
    about: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """How the clinic writes numbers."""

    locale: str

    def whole(self, number: float) -> str:
        return str(format_decimal(round(number), locale=self.locale))

    def share(self, part: float, whole: float, digits: int = 0) -> str:
        """`98.1%`; a dash of nothing."""
        if not whole:
            return NOTHING
        pattern = "#,##0%" if digits == 0 else "#,##0." + "0" * digits + "%"
        return str(format_percent(part / whole, pattern, locale=self.locale))

    def time(self, milliseconds: float | None) -> str:
        """`84 ms`, `1.4 s`."""
        if milliseconds is None:
            return NOTHING
        if milliseconds < 1000:
            return f"{self.whole(milliseconds)} ms"
        return f"{format_decimal(milliseconds / 1000, '#,##0.0', locale=self.locale)} s"


async def show(visit: Visit) -> Response:
    said = visit.form.get("days")
    days = int(said) if said in map(str, DAYS) else DAYS_DEFAULT
    found = await visit.call("clinic_metrics", days=days)
    numbers = Numbers(visit.clinic.locale)
    return visit.page(
        "metrics/page.html",
        title="Metrics",
        choices=DAYS,
        days=days,
        cards=_cards(found, numbers),
        chart=_chart(visit, found),
        targets=_targets(found, numbers),
        sources=_shares(found["bookings"]["sources"], SOURCES, numbers),
        refusals=_shares(found["calls"]["refusals"], REASONS, numbers),
        channels=[
            (title, found["deliveries"].get(channel, {})) for channel, title in CHANNELS.items()
        ],
        no_shows=_no_shows(found["bookings"], numbers),
    )


def _cards(found: Json, numbers: Numbers) -> list[Card]:
    calls, bookings = found["calls"], found["bookings"]
    return [
        _answered(calls, found["days"], numbers),
        Card(
            "Booked by agent",
            numbers.whole(bookings["by_agent"]),
            f"{numbers.share(bookings['by_agent'], calls['answered'])} of calls"
            if calls["answered"]
            else "no calls yet",
            "good" if bookings["by_agent"] else "",
        ),
        _offer_time(calls["offer_ms_p95"], numbers),
        _texts(found["deliveries"].get("sms"), numbers),
    ]


def _answered(calls: Json, days: int, numbers: Numbers) -> Card:
    now, before = calls["answered"], calls["before"]
    note: str = f"none in the {days} days before"
    tone: Tone = ""
    if before:
        change = round((now - before) * 100 / before)
        note = f"{change:+}% on the {days} days before"
        tone = "good" if change > 0 else ""
    return Card("Calls answered", numbers.whole(now), note, tone)


def _offer_time(p95: float | None, numbers: Numbers) -> Card:
    note = f"target {OFFER_MS_TARGET} ms"
    if p95 is None:
        return Card("Slot offer time (p95)", NOTHING, note)
    met = p95 <= OFFER_MS_TARGET
    said = f"{note}, {'met' if met else 'missed'}"
    return Card("Slot offer time (p95)", numbers.time(p95), said, "good" if met else "poor")


def _texts(texts: Json | None, numbers: Numbers) -> Card:
    if not texts:
        return Card("Texts delivered", NOTHING, "none sent")
    failed, waiting = texts["failed"], texts["waiting"] + texts["parked"]
    figure = numbers.share(texts["delivered"], texts["delivered"] + failed, 1)
    note = f"{numbers.whole(failed)} failed, {numbers.whole(waiting)} on the way"
    tone: Tone = "poor" if failed else "good" if texts["delivered"] else ""
    return Card("Texts delivered", figure, note, tone)


def _targets(found: Json, numbers: Numbers) -> list[Measured]:
    calls, deliveries, access = found["calls"], found["deliveries"], found["access"]
    calendar = deliveries.get("calendar", {"delivered": 0, "failed": 0, "parked": 0})
    took, refreshes = deliveries["calendar_ms"], access["alerts"] + access["broken"]
    return [
        _rate(
            "Booking success",
            calls["succeeded"],
            calls["ours"],
            numbers,
            "Of the agent's attempts to book that weren't refused for the caller's own reasons, "
            f"such as a taken time ({numbers.whole(calls['callers'])} were)",
        ),
        _rate(
            "Calendar sync success",
            calendar["delivered"],
            calendar["failed"] + calendar["parked"],
            numbers,
            "Of calendar entries, those that were read back; what waits for a broken calendar "
            "counts against it",
        ),
        _speed("Booking to calendar, half of them (p50)", took["p50"], numbers),
        _speed("Booking to calendar, nearly all (p95)", took["p95"], numbers),
        Measured(
            "Token refresh errors",
            numbers.whole(refreshes),
            "0",
            refreshes == 0,
            "Calendars that lost their access in this time, or are without it now",
        ),
        Measured(
            "Promises not kept",
            numbers.whole(calls["mismatches"]),
            "0",
            calls["mismatches"] == 0 if calls["checked"] else None,
            f"Of {numbers.whole(calls['checked'])} calls in which something was agreed",
        ),
    ]


def _rate(title: str, good: int, bad: int, numbers: Numbers, about: str) -> Measured:
    met = good / (good + bad) > RATE_TARGET if good + bad else None
    return Measured(title, numbers.share(good, good + bad, 1), "over 99%", met, about)


def _speed(title: str, took: float | None, numbers: Numbers) -> Measured:
    about = "From the booking's commit until its entry was read back"
    met = None if took is None else took < CALENDAR_MS_TARGET
    return Measured(title, numbers.time(took), "under 2 s", met, about)


def _shares(
    counted: Mapping[str, int], names: Mapping[str, str], numbers: Numbers
) -> list[tuple[str, str, str]]:
    """What, how many, and which share of all; the most first."""
    total = sum(counted.values())
    return [
        (
            names.get(key, key.replace("_", " ").capitalize()),
            numbers.whole(count),
            numbers.share(count, total),
        )
        for key, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    ]


def _no_shows(bookings: Json, numbers: Numbers) -> str:
    missed, due = bookings["no_shows"], bookings["due"]
    if not due:
        return "Nobody was due in this time."
    share = numbers.share(missed, due)
    return f"{numbers.whole(missed)} of {numbers.whole(due)} who were due didn't come ({share})."


def _chart(visit: Visit, found: Json) -> Chart:
    first = date.fromisoformat(found["from"])
    days = [first + timedelta(days=n) for n in range(found["days"])]

    def daily(counted: Mapping[str, int]) -> Sequence[int]:
        return [counted.get(day.isoformat(), 0) for day in days]

    return draw(
        [visit.when.short_day(day) for day in days],
        [str(day.day) for day in days],
        daily(found["calls"]["per_day"]),
        daily(found["bookings"]["per_day"]),
    )


PAGES: Final[list[Page]] = [Page("GET", "/metrics", "read_only", show)]
