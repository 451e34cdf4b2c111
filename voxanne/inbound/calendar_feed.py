"""`/calendar/{token}.ics`: a practitioner's calendar, read by whoever has its address.

The token is the credential: 32 random bytes, of which the database keeps the SHA-256. Who has none
that is known learns nothing, not even that there are feeds.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from icalendar import Event
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voxanne.booking.functions import Database, available_zones
from voxanne.booking.outcomes import Outcome
from voxanne.calendar_files.events import (
    CONTENT_TYPE,
    appointment_event,
    appointment_uid,
    calendar,
)
from voxanne.inbound.http import get, problem, rate_limited
from voxanne.inbound.rates import Rates, network_of
from voxanne.inbound.tokens import token_hash
from voxanne.language.calendar_titles import appointment_title
from voxanne.postgres.pool import DatabaseBusyError

PATH: Final = "/calendar/{token}.ics"
TOKEN_CHARACTERS_MAX: Final = 100
# How often a calendar program is asked to look again; many look when they please.
REFRESH: Final = timedelta(minutes=15)
# Part of the ETag: rises when the same appointments are written differently.
FORMAT: Final = b"1"


def feed_address(base_url: str, token: str) -> str:
    return base_url.rstrip("/") + PATH.format(token=token)


@dataclass(frozen=True, slots=True)
class CalendarFeed:
    """The feeds of all practitioners. `wait_seconds`: longest wait for the database."""

    database: Database
    wait_seconds: float
    rates: Rates

    def routes(self) -> list[Route]:
        return [get(PATH, self.handle)]

    async def handle(self, request: Request) -> Response:
        digest = token_hash(request.path_params["token"][:TOKEN_CHARACTERS_MAX])
        network = network_of(request)
        seconds = self.rates.link_wait_seconds(digest, network)
        if seconds:
            return rate_limited(seconds)
        try:
            async with asyncio.timeout(self.wait_seconds):
                found = await self.database.fetch_value("SELECT calendar_feed($1)", digest)
        except (DatabaseBusyError, TimeoutError):
            return problem(503, Outcome.BUSY, "The database is not answering; try again.")
        self.rates.count_link(digest, network, holds=found is not None)
        if found is None:
            return problem(404, Outcome.NOT_FOUND, "There is nothing here.")
        # The same appointments give the same text, so what they came from tells whether they are.
        etag = f'"{hashlib.sha256(FORMAT + str(found).encode()).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if is_known(etag, request.headers.getlist("if-none-match")):
            return Response(status_code=304, headers=headers)
        # Thousands of events take a second or two, in which no call must wait.
        content = await asyncio.to_thread(lambda: write_feed(json.loads(str(found))))
        return Response(content, headers={**headers, "Content-Type": CONTENT_TYPE})


def is_known(etag: str, none_match: Iterable[str]) -> bool:
    """Whether the client has it already, by If-None-Match (RFC 9110, 13.1.2)."""
    known = {said.strip().removeprefix("W/") for line in none_match for said in line.split(",")}
    return etag in known or "*" in known


def write_feed(feed: Mapping[str, Any]) -> bytes:
    """What calendar_feed.sql answered, as iCalendar."""
    # PostgreSQL takes some zones that aren't IANA's ("GMT+1").
    zone = ZoneInfo(feed["timezone"] if feed["timezone"] in available_zones() else "UTC")
    events = (_event(feed, row, zone) for row in feed["appointments"])
    file = calendar(events, zone)
    name = feed["practitioner"] or feed["organization"]
    file.add("x-wr-calname", f"{name}, {feed['organization']}" if feed["practitioner"] else name)
    file.add("x-wr-timezone", zone.key)
    file.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})  # RFC 7986, 5.7
    file.add("x-published-ttl", "PT15M")
    written: bytes = file.to_ical()
    return written


def _event(feed: Mapping[str, Any], row: list[Any], zone: ZoneInfo) -> Event:
    id_, starts_at, ends_at, status, version, updated_at, patient, service = row
    changed_at = datetime.fromisoformat(updated_at)
    event = appointment_event(
        uid=appointment_uid(id_),
        starts_at=datetime.fromisoformat(starts_at),
        ends_at=datetime.fromisoformat(ends_at),
        zone=zone,
        title=appointment_title(feed["language"], feed["title"], patient, service),
        # Without a METHOD, DTSTAMP is when it was last changed (RFC 5545, 3.8.7.2).
        stamped_at=changed_at,
        version=version,
        cancelled=status == "cancelled",
    )
    event.add("last-modified", changed_at)
    return event
