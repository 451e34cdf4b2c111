"""What the side card says of a lead: of its number, e-mail address, calls and visits; and its
score. What isn't known isn't told.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import get_timezone_location

from voxanne.booking.enrichment import EmailKind, NumberFacts, email_facts, number_facts
from voxanne.inbound.dashboard import call_words
from voxanne.inbound.dashboard.appointment_words import SOURCES
from voxanne.inbound.dashboard.lead_words import consent_text
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.v1.problems import RefusedError

Json = Mapping[str, Any]

ZONES_TOLD_MAX: Final = 3  # more say nothing of where somebody is
_EMAIL_WORDS: Final[Mapping[EmailKind, str]] = {
    "free": "Private mailbox ({domain})",
    "company": "Company ({domain})",
    "education": "School or university ({domain})",
    "government": "Public body ({domain})",
    "disposable": "Throw-away address ({domain})",
}


async def find_score(visit: Visit, lead_id: UUID) -> Json | None:
    """As things stand now: what time alone has changed may not have been counted yet."""
    try:
        return await visit.call("score_lead", lead_id=lead_id)
    except RefusedError:  # erased meanwhile
        return None


async def find_facts(visit: Visit, view: Json) -> list[tuple[str, str]]:
    """Labels and what to write beside them, of what lead_view answers."""
    lead = view["lead"]
    # The library's data is read from files the first time.
    number = await asyncio.to_thread(number_facts, lead["phone"], visit.clinic.locale)
    rows = (*_history(visit, view), *_contact(visit, number, lead["email"]))
    return [(label, said) for label, said in rows if said]


def _history(visit: Visit, view: Json) -> Iterable[tuple[str, str | None]]:
    lead, history, when = view["lead"], view["history"], visit.when
    source = call_words.SOURCES.get(view["call_source"]) or SOURCES.get(history["source"])
    last, born = history["last_visit_at"], lead["birth_date"]
    yield "Source", source
    yield "First seen", when.short_day(view["first_seen_at"])
    yield "Consent to text", consent_text(view["consent"], when)
    yield "Language", _language(visit, view["language"])
    yield "Birth date", when.birth_date(born) if born else None
    yield "Visits", str(history["visits"])
    yield "Missed", str(history["no_shows"])
    yield "Cancelled", str(history["cancellations"])
    yield "Last visit", when.short_day(last) if last else None


def _contact(
    visit: Visit, number: NumberFacts, email: str | None
) -> Iterable[tuple[str, str | None]]:
    known = email_facts(email) if email else None
    line = number.line_type
    yield "E-mail", email
    yield "Kind of address", _EMAIL_WORDS[known.kind].format(domain=known.domain) if known else None
    yield "Number from", number.region
    yield "Line", line[:1].upper() + line[1:] if line else None
    yield "First carrier", number.carrier
    yield "Their time", _their_time(visit, number.zones)


def _language(visit: Visit, spoken: str | None) -> str:
    code = spoken or visit.clinic.language
    name = str(Locale.parse(visit.clinic.locale).languages.get(code, code))
    return name if spoken else f"{name} (the clinic's)"


def _their_time(visit: Visit, zones: Sequence[str]) -> str | None:
    """`10:40 in New York`; where it may be one of several, each that has a time of its own."""
    if len(zones) > ZONES_TOLD_MAX:
        return None
    told: dict[str, str] = {}
    for name in zones:
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):  # newer than this machine's data
            continue
        clock = visit.when.time(visit.clinic.now.astimezone(zone).time())
        place = get_timezone_location(zone, locale=visit.clinic.locale, return_city=True)
        told.setdefault(clock, place)
    return " or ".join(f"{clock} in {place}" for clock, place in told.items()) or None
