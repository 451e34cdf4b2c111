"""WebDAV as a calendar needs it (RFC 4918): requests with credentials, and multistatus answers.

Credentials go to the host they were given for and no further: redirects are followed on it alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import httpx2

from voxanne.deliveries.addresses import AddressError
from voxanne.deliveries.calendar import AccessError, CalendarError, CalendarGoneError
from voxanne.deliveries.http import Answer, UnreachableError, exchange

DAV: Final = "{DAV:}"
CALDAV: Final = "{urn:ietf:params:xml:ns:caldav}"
REDIRECTS_MAX: Final = 4
_REDIRECTS: Final = (301, 302, 307, 308)
_READING: Final = ("GET", "PROPFIND", "REPORT")


@dataclass(frozen=True, slots=True)
class Resource:
    """One response of a multistatus. `url`: absolute. `status`: 200 unless it has one of its own.

    `properties`: those that were found, by their tag in Clark's notation.
    """

    url: str
    status: int
    properties: Mapping[str, Element]

    def text(self, tag: str) -> str | None:
        """A property's text; None where there is none."""
        found = self.properties.get(tag)
        return None if found is None or found.text is None else found.text.strip() or None

    def link(self, tag: str) -> str | None:
        """The absolute URL of the href inside a property."""
        found = self.properties.get(tag)
        href = None if found is None else found.findtext(f"{DAV}href")
        return urljoin(self.url, href.strip()) if href else None


@dataclass(frozen=True, slots=True)
class Multistatus:
    """`sync_token`: of a sync-collection report (RFC 6578)."""

    resources: tuple[Resource, ...]
    sync_token: str | None


@dataclass(frozen=True, slots=True)
class Dav:
    """A server, spoken to as one user."""

    http: httpx2.AsyncClient
    user: str
    password: str = field(repr=False)

    async def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any answer that the caller must tell apart: a success, 403, 404, 405, 409, 410, 412.

        Raises AccessError when the user is refused, CalendarError for whatever may pass.
        """
        for _ in range(REDIRECTS_MAX):
            # What compresses an answer on its way also rewrites its ETag, which then fits nothing.
            plain = {"Accept-Encoding": "identity", **(headers or {})}
            answer = await self._exchange(method, url, body, plain)
            if answer.status not in _REDIRECTS:
                return _told_apart(answer, method)
            target = urljoin(url, answer.headers.get("location", ""))
            if origin(target) != origin(url):
                break
            url = target
        raise AccessError(
            "redirected", "The server sends us to another address; connect the calendar by that."
        )

    async def multistatus(self, method: str, url: str, body: str, depth: int) -> Multistatus:
        """PROPFIND or REPORT. Raises as `send` does; CalendarGoneError for 404 and 410, and
        RefusedError for what else is no multistatus.
        """
        headers = {"Depth": str(depth), "Content-Type": "application/xml; charset=utf-8"}
        answer = await self.send(method, url, body.encode(), headers)
        if answer.status in (404, 410):
            raise CalendarGoneError("calendar_gone", "The calendar isn't there any more.")
        if answer.status != 207:
            raise RefusedError(answer)
        return _multistatus(url, answer)

    async def _exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        try:
            return await exchange(
                self.http,
                method,
                url,
                content=body,
                headers=headers,
                auth=httpx2.BasicAuth(self.user, self.password),
            )
        except AddressError as error:
            raise AccessError(error.error_code, error.error) from None
        except UnreachableError as error:
            raise CalendarError(
                error.error_code, error.error, uncertain=not error.certain
            ) from None


class RefusedError(CalendarError):
    """The server won't. `conditions`: the tags by which it says why (RFC 4918, 16)."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(
            f"status_{answer.status}", f"The calendar server refuses (HTTP {answer.status})."
        )
        self.status = answer.status
        self.conditions = frozenset(conditions(answer))


def conditions(answer: Answer) -> Iterator[str]:
    """Tags inside an error's body; none where it isn't one."""
    try:
        found = parse_xml(answer.body)
    except ElementTree.ParseError:
        return
    if found.tag == f"{DAV}error":
        yield from (child.tag for child in found)


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, parts.hostname, port or {"https": 443, "http": 80}.get(parts.scheme)


def parse_xml(text: bytes) -> Element:
    """Raises ParseError, also for a document type: what it defines may grow without end."""
    parser = ElementTree.XMLParser(target=_Plain())  # noqa: S314
    parser.feed(text)
    found: Element = parser.close()
    return found


class _Plain(ElementTree.TreeBuilder):
    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise ElementTree.ParseError("a document type")


def _told_apart(answer: Answer, method: str) -> Answer:
    status = answer.status
    if status == 401:
        raise AccessError("unauthorized", "The server refuses the user or the password.")
    if status == 403 and f"{DAV}need-privileges" in conditions(answer):
        raise AccessError("forbidden", "The user may not write into this calendar.")
    if status == 507:
        raise CalendarError("quota", "The calendar server has no room left.")
    if status in (423, 429) or status >= 500:
        raise CalendarError(
            f"status_{status}",
            f"The calendar server is busy or broken (HTTP {status}).",
            retry_after_seconds=answer.retry_after_seconds,
            uncertain=status >= 500 and method not in _READING,
        )
    return answer


def _multistatus(url: str, answer: Answer) -> Multistatus:
    try:
        root = parse_xml(answer.body)
    except ElementTree.ParseError:
        root = None
    if root is None or root.tag != f"{DAV}multistatus":
        raise CalendarError("unreadable", "The calendar server's answer can't be read.")
    token = root.findtext(f"{DAV}sync-token")
    resources = tuple(_resource(url, one) for one in root.iterfind(f"{DAV}response"))
    return Multistatus(resources, token.strip() if token else None)


def _resource(url: str, response: Element) -> Resource:
    properties: dict[str, Element] = {}
    for found in response.iterfind(f"{DAV}propstat"):
        if _status(found) == 200:
            properties |= {one.tag: one for one in found.iterfind(f"{DAV}prop/*")}
    href = (response.findtext(f"{DAV}href") or "").strip()
    return Resource(urljoin(url, href), _status(response), properties)


def _status(element: Element) -> int:
    """Of `HTTP/1.1 404 Not Found`; 200 where there is none."""
    said = (element.findtext(f"{DAV}status") or "").split()
    return int(said[1]) if len(said) > 1 and said[1].isdecimal() else 200
