"""Radicale, a real CalDAV server, on 127.0.0.1 in a thread of its own, and what staff do in it.

It knows USERS by htpasswd; their calendars are in a folder of the test's. No test in here.
"""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx2
import icalendar
import radicale.app
import radicale.config

USER, PASSWORD = "grey", "correct horse"
USERS = {USER: PASSWORD, "other": "battery staple"}
MKCALENDAR = (
    '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
    "<D:displayname>{name}</D:displayname>"
    '<C:supported-calendar-component-set><C:comp name="VEVENT"/>'
    "</C:supported-calendar-component-set>{timezone}"
    "</D:prop></D:set></C:mkcalendar>"
)
TIMEZONE = (
    "<C:calendar-timezone>BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTIMEZONE\r\n"
    "TZID:{zone}\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n</C:calendar-timezone>"
)


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def radicale_server(folder: Path) -> Iterator[str]:
    """Its address, without a slash at the end."""
    passwords = folder / "passwords"
    passwords.write_text("".join(f"{user}:{word}\n" for user, word in USERS.items()))
    configuration = radicale.config.load()
    configuration.update(
        {
            "auth": {
                "type": "htpasswd",
                "htpasswd_filename": str(passwords),
                "htpasswd_encryption": "plain",
                "delay": "0",
            },
            "storage": {"filesystem_folder": str(folder / "collections")},
            "logging": {"level": "critical"},
        },
        "test",
        privileged=True,
    )
    application = radicale.app.Application(configuration)
    with make_server("127.0.0.1", 0, application, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Desk:
    """A person at their calendar program. `url`: their calendar's, with a slash at the end."""

    http: httpx2.Client
    url: str

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()

    def put(self, name: str, *lines: str) -> None:
        """A resource of one VEVENT with these lines."""
        self.put_text(name, ical(f"UID:{name}", *lines))

    def put_text(self, name: str, text: str | bytes) -> None:
        answer = self.http.put(self.url + name, content=text)
        assert answer.status_code in (201, 204), answer.text

    def delete(self, name: str) -> None:
        assert self.http.delete(self.url + name).status_code in (200, 204)

    def events(self) -> dict[str, Any]:
        """Each event by its UID."""
        text = self.http.get(self.url).content
        found: list[Any] = icalendar.Calendar.from_ical(text).walk("VEVENT") if text else []
        return {str(event["UID"]): event for event in found}

    def change(self, name: str, replaced: Mapping[bytes, bytes]) -> None:
        """Edit a resource's text."""
        text = self.http.get(self.url + name).content
        for old, new in replaced.items():
            assert old in text, (old, text)
            text = text.replace(old, new)
        self.put_text(name, text)

    def remove_calendar(self) -> None:
        assert self.http.delete(self.url).status_code in (200, 204)


def open_desk(
    base_url: str, name: str = "work", *, user: str = USER, zone: str | None = None
) -> Desk:
    """A new calendar of that user's."""
    http = httpx2.Client(auth=(user, USERS[user]), trust_env=False)
    url = f"{base_url}/{user}/{name}/"
    body = MKCALENDAR.format(name=name.title(), timezone=TIMEZONE.format(zone=zone) if zone else "")
    answer = http.request("MKCALENDAR", url, content=body)
    assert answer.status_code == 201, answer.text
    return Desk(http, url)


def ical(*lines: str) -> str:
    """A calendar of one event."""
    return "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//test//test//EN",
            "BEGIN:VEVENT",
            "DTSTAMP:20261101T000000Z",
            *lines,
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )
