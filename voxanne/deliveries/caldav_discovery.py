"""From a server's address to a user's calendars (RFC 6764, RFC 5397, RFC 4791)."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from voxanne.deliveries.caldav_http import CALDAV, DAV, Dav, RefusedError, Resource, origin
from voxanne.deliveries.calendar import AccessError, CalendarGoneError

WELL_KNOWN: Final = "/.well-known/caldav"
NAMES_MAX: Final = 10
_NAMESPACES: Final = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
_WHERE: Final = (
    f"<D:propfind {_NAMESPACES}><D:prop><D:resourcetype/><D:current-user-principal/>"
    "<C:calendar-home-set/></D:prop></D:propfind>"
)
_CALENDARS: Final = (
    f"<D:propfind {_NAMESPACES}><D:prop><D:resourcetype/><D:displayname/>"
    "<D:current-user-privilege-set/><C:supported-calendar-component-set/></D:prop></D:propfind>"
)
_WRITING: Final = {f"{DAV}{name}" for name in ("all", "write", "write-content")}


@dataclass(frozen=True, slots=True)
class FoundCalendar:
    """A calendar the user may write events into. `url` ends with a slash."""

    url: str
    name: str


async def find_calendar(dav: Dav, address: str, name: str | None) -> FoundCalendar:
    """The calendar at the address itself; else the user's calendar of that name, or their only one.

    Raises AccessError when there is none, or none can be chosen, and as `Dav.send` does.
    """
    found = await list_calendars(dav, address)
    names = ", ".join(sorted(one.name for one in found)[:NAMES_MAX])
    if name is not None:
        wanted = name.strip().casefold()
        named = [one for one in found if wanted in (one.name.casefold(), _last(one.url).casefold())]
        if len(named) == 1:
            return named[0]
        raise AccessError(
            "unknown_calendar",
            f"The account has no one calendar of that name; it has: {names}."[:500],
        )
    if len(found) == 1:
        return found[0]
    if not found:
        raise AccessError("no_calendar", "The account has no calendar that it may write into.")
    raise AccessError(
        "several_calendars", f"The account has several calendars; name one of: {names}."[:500]
    )


async def list_calendars(dav: Dav, address: str) -> list[FoundCalendar]:
    """Those the user may write into; only the one at the address, where that is one."""
    start = await _start(dav, address)
    if _is_calendar(start):
        one = await dav.multistatus("PROPFIND", start.url, _CALENDARS, 0)
        return [_found(resource) for resource in one.resources[:1]]
    home = start.link(f"{CALDAV}calendar-home-set")
    if home is None:
        principal = start.link(f"{DAV}current-user-principal")
        if principal is None:
            raise AccessError("no_calendar_server", "There is no calendar server at that address.")
        found = await _where(dav, _allowed(principal, address))
        home = found.link(f"{CALDAV}calendar-home-set")
    if home is None:
        raise AccessError("no_calendar", "The account has no calendars.")
    listed = await dav.multistatus("PROPFIND", _allowed(home, address), _CALENDARS, 1)
    return [_found(one) for one in listed.resources if _is_calendar(one) and _may_write(one)]


async def _start(dav: Dav, address: str) -> Resource:
    """What is at the address; of a bare host, what its well-known address leads to."""
    if urlsplit(address).path in ("", "/"):
        address = urljoin(address, "/")
        try:
            found = await _where(dav, urljoin(address, WELL_KNOWN))
            if found.link(f"{DAV}current-user-principal") or found.link(
                f"{CALDAV}calendar-home-set"
            ):
                return found
        except AccessError as error:
            if error.error_code not in ("redirected", "no_calendar_server"):
                raise
    return await _where(dav, address)


async def _where(dav: Dav, url: str) -> Resource:
    try:
        found = await dav.multistatus("PROPFIND", url, _WHERE, 0)
    except (RefusedError, CalendarGoneError):
        found = None
    if found is None or not found.resources:
        raise AccessError("no_calendar_server", "There is no calendar server at that address.")
    return found.resources[0]


def _allowed(url: str, address: str) -> str:
    """Where the server itself says the user's calendars are: on its host, or on one beside it, as
    iCloud has them. Raises AccessError for anywhere else.
    """
    if origin(url) == origin(address):
        return url
    parent = (urlsplit(address).hostname or "").partition(".")[2]
    host = urlsplit(url).hostname or ""
    beside = "." in parent and host.endswith(f".{parent}")
    if (
        beside
        and origin(url)[0] == origin(address)[0] == "https"
        and "@" not in urlsplit(url).netloc
    ):
        return url
    raise AccessError("elsewhere", "The server's calendars are on another host; connect there.")


def _is_calendar(resource: Resource) -> bool:
    kinds = resource.properties.get(f"{DAV}resourcetype")
    if kinds is None or kinds.find(f"{CALDAV}calendar") is None:
        return False
    parts = resource.properties.get(f"{CALDAV}supported-calendar-component-set")
    return parts is None or not len(parts) or any(part.get("name") == "VEVENT" for part in parts)


def _may_write(resource: Resource) -> bool:
    """Unless it says otherwise."""
    privileges = resource.properties.get(f"{DAV}current-user-privilege-set")
    return privileges is None or any(one.tag in _WRITING for one in privileges.iter())


def _found(resource: Resource) -> FoundCalendar:
    url = resource.url.rstrip("/") + "/"
    return FoundCalendar(url, resource.text(f"{DAV}displayname") or _last(url))


def _last(url: str) -> str:
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
