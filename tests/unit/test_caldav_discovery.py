"""From an address to a calendar, as Nextcloud, iCloud and Fastmail lead there, and no further.

The answers are those servers' in their shape (RFC 4918, 5397, 6764), cut to what is read.
"""

import base64
from collections.abc import Callable

import httpx2
import pytest

from voxanne.deliveries.caldav_discovery import find_calendar
from voxanne.deliveries.caldav_http import Dav, parse_xml
from voxanne.deliveries.calendar import AccessError, CalendarError, CalendarGoneError

Answer = Callable[[httpx2.Request], httpx2.Response]
WRITABLE = (
    "<d:current-user-privilege-set><d:privilege><d:write/></d:privilege>"
    "</d:current-user-privilege-set>"
)
READABLE = WRITABLE.replace("<d:write/>", "<d:read/>")


def found(*responses: tuple[str, str]) -> httpx2.Response:
    """A multistatus: href and properties of each."""
    parts = "".join(
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop>{properties}</d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
        for href, properties in responses
    )
    text = (
        '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" '
        f'xmlns:c="urn:ietf:params:xml:ns:caldav">{parts}</d:multistatus>'
    )
    return httpx2.Response(207, content=text.encode())


def moved(to: str) -> httpx2.Response:
    return httpx2.Response(301, headers={"Location": to})


def principal(href: str) -> str:
    return f"<d:current-user-principal><d:href>{href}</d:href></d:current-user-principal>"


def home(href: str) -> str:
    return f"<c:calendar-home-set><d:href>{href}</d:href></c:calendar-home-set>"


def calendar(name: str, more: str = WRITABLE, part: str = "VEVENT") -> str:
    return (
        "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
        f"<d:displayname>{name}</d:displayname>{more}<c:supported-calendar-component-set>"
        f'<c:comp name="{part}"/></c:supported-calendar-component-set>'
    )


class Servers:
    """What answers at which URL; `asked`: the URLs, in order. Anything else is 404."""

    def __init__(self, answers: dict[str, httpx2.Response]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        secret = base64.b64encode(b"grey:s3cret").decode()
        assert request.headers["authorization"] == f"Basic {secret}"
        assert request.method == "PROPFIND"
        self.asked.append(str(request.url))
        return self.answers.get(str(request.url), httpx2.Response(404))

    async def find(self, address: str, name: str | None = None) -> str:
        transport = httpx2.MockTransport(self.answer)
        async with httpx2.AsyncClient(transport=transport) as http:
            return (await find_calendar(Dav(http, "grey", "s3cret"), address, name)).url


async def test_nextcloud() -> None:
    cloud = "https://cloud.example.com"
    dav = f"{cloud}/remote.php/dav"
    path = "/remote.php/dav/calendars/grey"
    servers = Servers(
        {
            f"{cloud}/.well-known/caldav": moved(f"{dav}/"),
            f"{dav}/": found(("/remote.php/dav/", principal("/remote.php/dav/principals/grey/"))),
            f"{dav}/principals/grey/": found(
                ("/remote.php/dav/principals/grey/", home(f"{path}/"))
            ),
            f"{dav}/calendars/grey/": found(
                (f"{path}/", "<d:resourcetype><d:collection/></d:resourcetype>"),
                (f"{path}/inbox/", "<d:resourcetype><c:schedule-inbox/></d:resourcetype>"),
                (f"{path}/personal/", calendar("Personal")),
                (f"{path}/shared/", calendar("Shared", READABLE)),
                (f"{path}/tasks/", calendar("Tasks", part="VTODO")),
            ),
        }
    )
    assert await servers.find(cloud) == f"{dav}/calendars/grey/personal/"


async def test_icloud_has_its_calendars_on_a_host_beside() -> None:
    servers = Servers(
        {
            "https://caldav.icloud.com/": found(("/", principal("/123/principal/"))),
            "https://caldav.icloud.com/123/principal/": found(
                ("/123/principal/", home("https://p34-caldav.icloud.com:443/123/calendars/"))
            ),
            "https://p34-caldav.icloud.com/123/calendars/": found(
                ("/123/calendars/home/", calendar("Home")),
                ("/123/calendars/9F8E/", calendar("Practice")),
            ),
        }
    )
    found_at = await servers.find("https://caldav.icloud.com", "practice")
    assert found_at == "https://p34-caldav.icloud.com:443/123/calendars/9F8E/"


async def test_a_calendars_own_address_is_asked_alone() -> None:
    url = "https://caldav.fastmail.com/dav/calendars/user/grey@fastmail.com/9f8e/"
    path = "/dav/calendars/user/grey%40fastmail.com/9f8e/"
    quoted = url.replace("@", "%40")
    answer = found((path, calendar("Practice")))
    servers = Servers({url: answer, quoted: answer})
    assert await servers.find(url) == quoted
    assert set(servers.asked) <= {url, quoted}


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example.net/home/",
        "https://cloud.example.com.evil.net/",
        "https://evilexample.com/",
        "http://beside.example.com/",
        "https://x@beside.example.com/",
        "http://cloud.example.com/home/",
        "//169.254.169.254/latest/",
    ],
)
@pytest.mark.parametrize("kind", ["principal", "home"])
async def test_no_server_sends_the_password_elsewhere(kind: str, href: str) -> None:
    told = principal(href) if kind == "principal" else home(href)
    servers = Servers({"https://cloud.example.com/dav/": found(("/dav/", told))})
    with pytest.raises(AccessError) as refused:
        await servers.find("https://cloud.example.com/dav/")
    assert refused.value.error_code == "elsewhere"
    assert set(servers.asked) == {"https://cloud.example.com/dav/"}


@pytest.mark.parametrize(
    "target", ["https://evil.example.net/", "http://cloud.example.com/", "https://cloud.example.com:8443/"]
)  # fmt: skip
async def test_a_redirect_elsewhere_is_not_followed(target: str) -> None:
    servers = Servers({"https://cloud.example.com/dav/": moved(target)})
    with pytest.raises(AccessError) as refused:
        await servers.find("https://cloud.example.com/dav/")
    assert refused.value.error_code == "redirected"
    assert set(servers.asked) == {"https://cloud.example.com/dav/"}


async def test_redirects_in_a_circle_end() -> None:
    servers = Servers({"https://cloud.example.com/dav/": moved("/dav/")})
    with pytest.raises(AccessError):
        await servers.find("https://cloud.example.com/dav/")
    assert len(servers.asked) < 10


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, html="<h1>Welcome</h1>"),
        httpx2.Response(405),
        httpx2.Response(404),
        found(("/", "<d:resourcetype/>")),
        found(),
    ],
)
async def test_what_is_no_calendar_server_is_said_to_be_none(answer: httpx2.Response) -> None:
    servers = Servers({"https://www.example.com/": answer})
    with pytest.raises(AccessError) as refused:
        await servers.find("https://www.example.com/")
    assert refused.value.error_code == "no_calendar_server"


async def test_an_account_without_a_calendar() -> None:
    servers = Servers(
        {
            "https://cloud.example.com/dav/": found(("/dav/", home("/dav/home/"))),
            "https://cloud.example.com/dav/home/": found(("/dav/home/", "")),
        }
    )
    with pytest.raises(AccessError) as refused:
        await servers.find("https://cloud.example.com/dav/")
    assert refused.value.error_code == "no_calendar"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx2.Response(401), AccessError),
        (httpx2.Response(503, headers={"Retry-After": "9"}), CalendarError),
        (httpx2.Response(207, content=b"<html>"), CalendarError),
        (httpx2.Response(207, content=b"not XML"), CalendarError),
        (httpx2.Response(207, content=b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'), CalendarError),
    ],
)
async def test_an_unreadable_or_refusing_server(
    answer: httpx2.Response, error: type[CalendarError]
) -> None:
    servers = Servers({"https://cloud.example.com/dav/": answer})
    with pytest.raises(error) as failed:
        await servers.find("https://cloud.example.com/dav/")
    assert "s3cret" not in str(failed.value)
    assert not isinstance(failed.value, CalendarGoneError)


def test_a_password_is_in_no_picture_of_a_server() -> None:
    assert "s3cret" not in repr(Dav(httpx2.AsyncClient(), "grey", "s3cret"))


def test_xml_is_parsed_as_it_is() -> None:
    assert parse_xml(b'<a xmlns="DAV:"><b>&lt;</b></a>')[0].text == "<"
