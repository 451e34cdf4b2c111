"""A practitioner's calendar on a CalDAV server (RFC 4791, RFC 6578): Nextcloud, Fastmail, iCloud,
Radicale. A CalendarClient, as Google's is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import httpx2
import icalendar

from voxanne.booking.functions import Database, available_zones, call
from voxanne.deliveries.addresses import open_guarded_client
from voxanne.deliveries.caldav_discovery import find_calendar
from voxanne.deliveries.caldav_events import (
    Reading,
    event_id,
    gone,
    read_all,
    read_one,
    rewrite,
    write,
)
from voxanne.deliveries.caldav_http import (
    CALDAV,
    DAV,
    Dav,
    RefusedError,
    Resource,
    conditions,
    origin,
)
from voxanne.deliveries.calendar import (
    AccessError,
    AlreadyThereError,
    CalendarError,
    CalendarGoneError,
    ChangedError,
    Connection,
    Event,
    MissingError,
    Page,
    SyncTokenError,
    Window,
)
from voxanne.deliveries.http import Answer, open_client
from voxanne.outbox.calendar_addresses import is_loopback, wrong_with_calendar_address

READ_AT_ONCE: Final = 50
DELTAS_MAX: Final = 100  # of a server that gives its changes by parts (RFC 6578, 3.6)
CONTENT: Final = {"Content-Type": "text/calendar; charset=utf-8"}
_NAMESPACES: Final = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
_ABOUT: Final = (
    f"<D:propfind {_NAMESPACES}><D:prop><D:sync-token/><D:current-user-principal/>"
    "<C:calendar-timezone/></D:prop></D:propfind>"
)
_ADDRESSES: Final = (
    f"<D:propfind {_NAMESPACES}><D:prop><C:calendar-user-address-set/></D:prop></D:propfind>"
)
_WITHIN: Final = (
    f"<C:calendar-query {_NAMESPACES}><D:prop><D:getetag/></D:prop><C:filter>"
    '<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
    '<C:time-range start="{start}" end="{end}"/>'
    "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
)
_CHANGED: Final = (
    f"<D:sync-collection {_NAMESPACES}><D:sync-token>{{token}}</D:sync-token>"
    "<D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"
)
_READ: Final = (
    f"<C:calendar-multiget {_NAMESPACES}><D:prop><D:getetag/><C:calendar-data/></D:prop>"
    "{hrefs}</C:calendar-multiget>"
)


def check_address(address: str, *, loopback: bool) -> None:
    """Raises AccessError for an address where no calendar may be."""
    wrong = wrong_with_calendar_address(address)
    if wrong is None and is_loopback(address) and not loopback:
        wrong = "The URL leads into a private network."
    if wrong is not None:
        raise AccessError("forbidden_address", wrong)


@asynccontextmanager
async def open_dav(address: str, user: str, password: str, *, loopback: bool) -> AsyncIterator[Dav]:
    """A way to one server, closed afterwards. Raises AccessError as above."""
    check_address(address, loopback=loopback)
    opened = open_client() if is_loopback(address) else open_guarded_client(private_addresses=False)
    async with opened as http:
        yield Dav(http, user, password)


def _real_time() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class CalDavCalendars:
    """Opens calendars for connections. One for a process: it keeps what it found where.

    `loopback`: calendars on this very machine are allowed, and by http. The clients are for them
    (`inside`) and for all others (`outside`).
    """

    database: Database
    loopback: bool
    now: Callable[[], datetime] = _real_time
    outside: httpx2.AsyncClient = field(
        default_factory=lambda: open_guarded_client(private_addresses=False)
    )
    inside: httpx2.AsyncClient = field(default_factory=open_client)
    _found: dict[tuple[object, ...], str] = field(default_factory=dict)

    def open(self, connection: Connection) -> "CalDavCalendar":
        """A CalendarClient. Raises AccessError for an address where none can be."""
        return CalDavCalendar(self, connection, self._dav(connection))

    def _dav(self, connection: Connection) -> Dav:
        check_address(connection.calendar, loopback=self.loopback)
        http = self.inside if is_loopback(connection.calendar) else self.outside
        said = connection.credentials
        return Dav(http, str(said["user"]), str(said["password"]))

    async def collection(self, connection: Connection, dav: Dav) -> str:
        """The calendar's own address, which ends with a slash; looked for once."""
        key = (connection.id, connection.credentials_version, connection.calendar)
        if key not in self._found:
            name = connection.credentials.get("calendar")
            url = (await find_calendar(dav, connection.calendar, name)).url
            if url != connection.calendar:
                await self._locate(connection, url)
            self._found[key] = url
        return self._found[key]

    async def _locate(self, connection: Connection, url: str) -> None:
        await call(
            self.database,
            "locate_calendar",
            {
                "p_org_id": connection.organization_id,
                "p_connection_id": connection.id,
                "p_credentials_version": connection.credentials_version,
                "p_calendar": url,
            },
        )

    def forget(self, connection: Connection) -> None:
        for key in [key for key in self._found if key[0] == connection.id]:
            del self._found[key]

    async def close(self) -> None:
        await self.outside.aclose()
        await self.inside.aclose()


@dataclass(frozen=True, slots=True)
class CalDavCalendar:
    """One calendar. See CalendarClient for what each method raises."""

    calendars: CalDavCalendars
    connection: Connection
    dav: Dav

    async def insert(self, event: Event) -> Event:
        content = write(event, self.calendars.now())
        answer = await self._put(event.id, content, {"If-None-Match": "*"})
        if answer.status == 412 or f"{CALDAV}no-uid-conflict" in conditions(answer):
            raise AlreadyThereError
        return await self._written(event, answer)

    async def get(self, event_id: str) -> Event | None:
        answer = await self._read(event_id)
        if answer is None:
            return None
        found = read_one(event_id, answer.body, answer.headers.get("etag"), self._own_zone())
        if found is None:
            raise CalendarError("unreadable", "The calendar server's answer can't be read.")
        return found

    async def replace(self, event: Event, etag: str | None) -> Event:
        existing = await self._read(event.id)
        if existing is None:
            raise MissingError
        known = existing.headers.get("etag")
        if etag is not None and known != etag:
            raise ChangedError
        content = rewrite(event, self.calendars.now(), existing.body)
        answer = await self._put(event.id, content, {"If-Match": known or "*"})
        if answer.status == 412:
            raise ChangedError
        return await self._written(event, answer)

    async def delete(self, event_id: str, etag: str | None) -> None:
        url = await self._url(event_id)
        answer = await self.dav.send("DELETE", url, headers={"If-Match": etag} if etag else None)
        if answer.status == 412:
            raise ChangedError
        if answer.status == 204:
            return
        if answer.status not in (200, 202, 404, 410):
            raise RefusedError(answer)
        # Anything on the way can say as much: a proxy's page, a gateway that finds no server.
        if await self._read(event_id) is not None:
            raise CalendarError("not_verified", "The event is still in the calendar.")

    async def changes(self, sync_token: str | None, window: Window) -> AsyncIterator[Page]:
        collection = await self._collection()
        try:
            about = (await self.dav.multistatus("PROPFIND", collection, _ABOUT, 0)).resources[0]
            token = about.text(f"{DAV}sync-token")
            removed: list[str] = []
            if sync_token is None:
                # The token is older than what is read by it: what comes between is told twice.
                listed = await self._within(collection, window)
            else:
                listed, removed, token = await self._changed(collection, sync_token)
        except (CalendarGoneError, IndexError):
            raise self._gone() from None
        reading = await self._reading(about, window) if listed else None
        for start in range(0, len(listed), READ_AT_ONCE):
            assert reading is not None
            urls = listed[start : start + READ_AT_ONCE]
            yield Page(await self._events(collection, urls, reading), None)
        yield Page(tuple(gone(event_id(_name(url))) for url in removed), token)

    async def _within(self, collection: str, window: Window) -> list[str]:
        """The addresses of what is in the window; of days and zones a server may know less."""
        day = timedelta(days=1)
        body = _WITHIN.format(start=_utc(window.starts_at - day), end=_utc(window.ends_at + day))
        found = await self.dav.multistatus("REPORT", collection, body, 1)
        return _members(collection, found.resources)

    async def _changed(
        self, collection: str, token: str
    ) -> tuple[list[str], list[str], str | None]:
        """What is new or changed, what is gone, and the next token. Raises SyncTokenError."""
        latest: dict[str, bool] = {}
        for _ in range(DELTAS_MAX):
            body = _CHANGED.format(token=escape(token))
            try:
                found = await self.dav.multistatus("REPORT", collection, body, 0)
            except RefusedError as error:
                if error.status in (400, 403, 409, 412):
                    raise SyncTokenError from None
                raise
            gone_now = [one for one in found.resources if one.status in (404, 410)]
            there = [one for one in found.resources if one.status == 200]
            latest |= dict.fromkeys(_members(collection, there), True)
            latest |= dict.fromkeys(_members(collection, gone_now), False)
            token = found.sync_token or token
            if not any(one.status == 507 for one in found.resources):
                break
        listed = [url for url, exists in latest.items() if exists]
        return listed, [url for url, exists in latest.items() if not exists], token

    async def _reading(self, about: Resource, window: Window) -> Reading:
        addresses = {self.dav.user.lower()}
        principal = about.link(f"{DAV}current-user-principal")
        if principal is not None and origin(principal) == origin(about.url):
            try:
                found = await self.dav.multistatus("PROPFIND", principal, _ADDRESSES, 0)
            except (RefusedError, CalendarGoneError):
                found = None
            said = f"{CALDAV}calendar-user-address-set"
            for resource in found.resources if found else ():
                for href in resource.properties.get(said, ()):
                    addresses.add((href.text or "").strip().lower().removeprefix("mailto:"))
        zone = _zone_of(about.text(f"{CALDAV}calendar-timezone")) or self._own_zone()
        return Reading(window, zone, frozenset(addresses))

    async def _events(
        self, collection: str, urls: Sequence[str], reading: Reading
    ) -> tuple[Event, ...]:
        """All that the resources are; those that went meanwhile are gone."""
        hrefs = "".join(f"<D:href>{escape(urlsplit(url).path)}</D:href>" for url in urls)
        body = _READ.format(hrefs=hrefs)
        found = await self.dav.multistatus("REPORT", collection, body, 1)

        def parse() -> tuple[Event, ...]:
            read = {_name(one.url): one for one in found.resources}
            return tuple(event for url in urls for event in _parsed(url, read, reading))

        return await asyncio.to_thread(parse)

    async def _read(self, event_id: str) -> Answer | None:
        answer = await self.dav.send("GET", await self._url(event_id))
        if answer.status in (404, 410):
            return None
        if answer.status != 200:
            raise RefusedError(answer)
        return answer

    async def _put(self, event_id: str, content: bytes, condition: dict[str, str]) -> Answer:
        return await self.dav.send(
            "PUT", await self._url(event_id), content, {**CONTENT, **condition}
        )

    async def _written(self, event: Event, answer: Answer) -> Event:
        if answer.status in (200, 201, 204):
            return replace(event, etag=answer.headers.get("etag"))
        if answer.status in (404, 409):  # nothing to put it into (RFC 4918, 9.7.1)
            try:
                await self.dav.multistatus("PROPFIND", await self._collection(), _ABOUT, 0)
            except CalendarGoneError:
                raise self._gone() from None
        raise RefusedError(answer)

    async def _collection(self) -> str:
        return await self.calendars.collection(self.connection, self.dav)

    async def _url(self, event_id: str) -> str:
        return f"{await self._collection()}{event_id}.ics"

    def _own_zone(self) -> ZoneInfo:
        """The clinic's, as it was when the calendar was connected."""
        said = str(self.connection.credentials.get("timezone"))
        return ZoneInfo(said if said in available_zones() else "UTC")

    def _gone(self) -> CalendarGoneError:
        self.calendars.forget(self.connection)
        return CalendarGoneError("calendar_gone", "The calendar isn't there any more.")


def _parsed(url: str, read: dict[str, Resource], reading: Reading) -> list[Event]:
    id_ = event_id(_name(url))
    found = read.get(_name(url))
    text = found.text(f"{CALDAV}calendar-data") if found and found.status == 200 else None
    if found is None or text is None:
        return [gone(id_)]
    return read_all(id_, text.encode(), found.text(f"{DAV}getetag"), reading)


def _members(collection: str, resources: Iterable[Resource]) -> list[str]:
    """Addresses of what lies in the collection itself."""
    path = unquote(urlsplit(collection).path)
    return [
        one.url
        for one in resources
        if origin(one.url) == origin(collection)
        and unquote(urlsplit(one.url).path).startswith(path)
        and _name(one.url)
    ]


def _name(url: str) -> str:
    """The last part of its path; empty of a collection."""
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _zone_of(timezone: str | None) -> ZoneInfo | None:
    """Of a calendar's VTIMEZONE; None for one that isn't IANA's."""
    try:
        parsed = icalendar.Calendar.from_ical(timezone or "")
        names = [str(found["TZID"]) for found in parsed.walk("VTIMEZONE")]
    except (ValueError, LookupError):
        return None
    return ZoneInfo(names[0]) if names and names[0] in available_zones() else None
