"""What a clinic tells everyone: hours, services, practitioners and address, and how each is said.

Read from the clinic's configuration. What is for staff only (absences, and why a day is closed)
stays there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from babel import Locale
from babel.numbers import format_currency, get_currency_precision

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.inbound.voice.tools.results import RefusedError, every
from voxanne.language.catalogue import say, say_many
from voxanne.language.speech import speak_date, speak_time

LISTED_MAX: Final = 50
SPOKEN_MAX: Final = 8
SPECIAL_DAYS_AHEAD: Final = 60
SPECIAL_DAYS_SPOKEN_MAX: Final = 4

Rows = list[dict[str, Any]]
Spans = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """A clinic's own words. `hours` are weekly, `exceptions` the clinic's special days to come."""

    hours: Rows  # weekday (ISO), opens, closes
    exceptions: Rows  # day, opens, closes; both null: closed
    services: Rows  # key, name, durationMinutes, price
    practitioners: Rows  # name, services
    address: str | None


async def find_facts(database: functions.Database, caller: Caller) -> ClinicFacts:
    """Raises RefusedError when the clinic is gone."""
    document = await functions.call(
        database, "clinic_configuration", {"p_org_id": caller.clinic.id}
    )
    if "error" in document:
        raise RefusedError(Outcome(document["error"]))
    return read_facts(document, caller)


def read_facts(document: Mapping[str, Any], caller: Caller) -> ClinicFacts:
    """The facts in a clinic_configuration document."""
    until = (caller.today + timedelta(days=SPECIAL_DAYS_AHEAD)).isoformat()
    own = [row for row in document["hours"] if row["practitioner"] is None]
    return ClinicFacts(
        # A clinic without hours of its own is open while anybody is in.
        hours=_joined(_distinct(own or document["hours"], "weekday", "opens", "closes")),
        exceptions=_distinct(
            [
                row
                for row in document["exceptions"]
                if row["practitioner"] is None and row["day"] <= until
            ],
            *("day", "opens", "closes"),
        ),
        services=[_service(row, caller) for row in document["services"] if row["active"]],
        practitioners=[
            {"name": row["name"], "services": row["services"]}
            for row in document["practitioners"]
            if row["active"]
        ],
        address=document["address"],
    )


def speak_hours(facts: ClinicFacts, caller: Caller) -> str:
    """The week, and the days to come on which it doesn't hold."""
    if not facts.hours:
        week = say(caller.language, "We're open around the clock.")
    else:
        week = say(caller.language, "We're open {hours}.", hours=_speak_week(facts.hours, caller))
    return " ".join((week, *_speak_special_days(facts.exceptions, caller)))


def speak_services(facts: ClinicFacts, caller: Caller) -> str:
    if not facts.services:
        return say(caller.language, "Just tell me what you'd like to come in for.")
    spoken = [_speak_service(service, caller) for service in facts.services[:SPOKEN_MAX]]
    more = len(facts.services) > SPOKEN_MAX
    offered = "; ".join(spoken)
    if more:
        return say(caller.language, "We offer, among others: {services}.", services=offered)
    return say(caller.language, "We offer: {services}.", services=offered)


def speak_practitioners(facts: ClinicFacts, caller: Caller) -> str:
    names = [str(row["name"]) for row in facts.practitioners[:SPOKEN_MAX]]
    if not names:
        return say(caller.language, "Whoever is free will see you.")
    return say(caller.language, "You can see {names}.", names=every(caller, names))


def speak_address(facts: ClinicFacts, caller: Caller) -> str:
    if facts.address is None:
        return say(caller.language, "I don't have the address here. Shall I take a message?")
    return say(caller.language, "The address is {address}.", address=facts.address)


def speak_now(caller: Caller) -> str:
    return say(caller.language, "It's {moment}.", moment=caller.speak(caller.now))


def _distinct(rows: Sequence[Mapping[str, Any]], *fields: str) -> Rows:
    """Each combination of these fields once, in order, at most LISTED_MAX."""
    found = dict.fromkeys(tuple(row[field] for field in fields) for row in rows)
    ordered = sorted(found, key=lambda values: [str(value) for value in values])
    return [dict(zip(fields, values, strict=True)) for values in ordered[:LISTED_MAX]]


def _joined(hours: Rows) -> Rows:
    """Spans of a day that overlap or touch as one; those across midnight as they are."""
    joined: Rows = []
    for row in hours:
        last = joined[-1] if joined else row
        within = last["weekday"] == row["weekday"] and row["opens"] <= last["closes"]
        if joined and within and last["opens"] < last["closes"] and row["opens"] < row["closes"]:
            last["closes"] = max(last["closes"], row["closes"])
        else:
            joined.append(dict(row))
    return joined


def _service(row: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    price = None
    if row["price_minor_units"] is not None:
        currency = row["currency"]
        amount = Decimal(row["price_minor_units"]).scaleb(-get_currency_precision(currency))
        price = format_currency(amount, currency, locale=caller.locale)
    return {
        "key": row["key"],
        "name": row["name"],
        "durationMinutes": row["duration_minutes"],
        "price": price,
    }


def _speak_service(service: Mapping[str, Any], caller: Caller) -> str:
    minutes = service["durationMinutes"]
    if service["price"] is None:
        return say_many(
            caller.language,
            "{name}, one minute",
            "{name}, {count} minutes",
            minutes,
            name=service["name"],
        )
    return say_many(
        caller.language,
        "{name}, one minute, {price}",
        "{name}, {count} minutes, {price}",
        minutes,
        name=service["name"],
        price=service["price"],
    )


def _speak_week(hours: Rows, caller: Caller) -> str:
    """`Monday to Friday from 9 am to 5 pm; Saturday from 9 am to 12 noon`."""
    spans_of = {
        weekday: tuple((row["opens"], row["closes"]) for row in rows)
        for weekday, rows in groupby(hours, key=lambda row: int(row["weekday"]))
    }
    groups = []
    for first, last, spans in _runs(spans_of):
        days = weekday_names(caller.locale)[first - 1]
        if last > first:
            to = weekday_names(caller.locale)[last - 1]
            days = say(caller.language, "{first} to {last}", first=days, last=to)
        times = every(caller, [_speak_span(span, caller) for span in spans])
        groups.append(say(caller.language, "{days} {times}", days=days, times=times))
    return "; ".join(groups)


def _runs(spans_of: Mapping[int, Spans]) -> Iterator[tuple[int, int, Spans]]:
    """Neighbouring weekdays with the same hours, as first, last and those hours."""
    first = None
    for weekday in range(1, 9):
        spans = spans_of.get(weekday)
        if first is not None and spans != spans_of[first]:
            yield first, weekday - 1, spans_of[first]
            first = None
        if first is None and spans is not None:
            first = weekday


def _speak_span(span: tuple[str, str], caller: Caller) -> str:
    opens, closes = (speak_time(_clock(text), locale=caller.locale) for text in span)
    return say(caller.language, "from {opens} to {closes}", opens=opens, closes=closes)


def _speak_special_days(exceptions: Rows, caller: Caller) -> Iterator[str]:
    days = [(day, list(rows)) for day, rows in groupby(exceptions, key=lambda row: row["day"])]
    closed = [day for day, rows in days if all(row["opens"] is None for row in rows)]
    spoken = [_speak_day(day, caller) for day in closed[:SPECIAL_DAYS_SPOKEN_MAX]]
    if spoken:
        yield say(caller.language, "We're closed on {days}.", days=every(caller, spoken))
    special = [(day, rows) for day, rows in days if day not in closed]
    for day, rows in special[:SPECIAL_DAYS_SPOKEN_MAX]:
        spans = [(row["opens"], row["closes"]) for row in rows if row["opens"] is not None]
        yield say(
            caller.language,
            "On {day} we're open {times}.",
            day=_speak_day(day, caller),
            times=every(caller, [_speak_span(span, caller) for span in spans]),
        )


def _speak_day(day: str, caller: Caller) -> str:
    return speak_date(date.fromisoformat(day), today=caller.today, locale=caller.locale)


def _clock(text: str) -> time:
    """Wall time as configured; `24:00` is midnight."""
    return time() if text.startswith("24") else time.fromisoformat(text)


@lru_cache(maxsize=64)
def weekday_names(locale: str) -> tuple[str, ...]:
    """Monday first."""
    names = Locale.parse(locale).days["format"]["wide"]
    return tuple(names[number] for number in range(7))
