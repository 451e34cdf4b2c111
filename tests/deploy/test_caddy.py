"""The proxy: what it lets through, what it passes on at once, and what it never writes down.

Needs Caddy (Debian: apt-get install caddy).
"""

import http.client
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from voxanne.config import Settings

CADDYFILE = Path(__file__).parents[2] / "deploy" / "caddy" / "Caddyfile"
SECONDS_MAX = 15
EVENTS = 3
EVENT_SECONDS = 0.4
SECRETS = ("a-patients-token", "Maya", "447700900456", "a-bearer-key", "a-cookie")
PATHS = (
    "/a/a-patients-token",
    "/calendar/a-patients-token.ics",
    "/join/a-patients-token",
    "/sign-in?next=/clinic/x/leads?q=Maya",
    "/clinic/x/leads?q=Maya",
    "/clinic/x/calls?number=%2B447700900456",
)


class Backend(BaseHTTPRequestHandler):
    """An API that is alive, takes bodies and sends events; `/broken` hangs up."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/v1/events/stream"):
            self._stream()
            return
        self._answer(self.headers.get("X-Forwarded-For", "").encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/broken"):
            self.close_connection = True
        else:
            self._answer(b"taken")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number in range(EVENTS):
            self.wfile.write(f"id: {number}\n\n".encode())
            self.wfile.flush()
            time.sleep(EVENT_SECONDS)
        self.close_connection = True

    def log_request(self, code: object = "-", size: object = "-") -> None: ...


@dataclass
class Proxy:
    port: int
    log: Path

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_MAX)
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("Caddy isn't installed")
    backend = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    home, port = tmp_path_factory.mktemp("caddy"), free_port()
    log = home / "log"
    settings = {
        "VOXANNE_SITE": f"http://127.0.0.1:{port}",
        # The first of them is away, as while it is being replaced.
        "VOXANNE_UPSTREAMS": f"127.0.0.1:{free_port()} 127.0.0.1:{backend.server_port}",
        "CADDY_ADMIN": f"127.0.0.1:{free_port()}",
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
    }
    with log.open("wb") as output:
        running = subprocess.Popen(
            [caddy, "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"],
            env={**os.environ, **settings},
            stdout=output,
            stderr=output,
        )
    try:
        await_port(port, running)
        yield Proxy(port, log)
    finally:
        running.terminate()
        running.wait(SECONDS_MAX)
        backend.shutdown()
        backend.server_close()


def await_port(port: int, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline and running.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("Caddy doesn't listen")


def test_every_request_is_answered_while_one_process_is_away(proxy: Proxy) -> None:
    assert {proxy.ask("GET", "/clinic") for _ in range(20)} == {200}


def test_figures_are_closed_to_the_outside(proxy: Proxy) -> None:
    for path in ("/metrics", "/readyz", "/healthz"):
        assert proxy.ask("GET", path) == 404, path


def test_the_longest_body_the_api_takes_gets_through(proxy: Proxy) -> None:
    longest: int = Settings.model_fields["body_bytes_max"].default
    assert proxy.ask("POST", "/api/vapi", b"x" * longest) == 200
    # With room to spare, so that it is the API that refuses what is longer, with 413.
    assert proxy.ask("POST", "/api/vapi", b"x" * (longest + 1)) == 200


def test_events_are_passed_on_as_they_come(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=SECONDS_MAX)
    connection.request("GET", "/v1/events/stream")
    answer = connection.getresponse()
    began, seen = time.monotonic(), []
    while line := answer.readline():
        if line.startswith(b"id:"):
            seen.append(time.monotonic() - began)
    connection.close()
    assert len(seen) == EVENTS
    assert seen[0] < EVENT_SECONDS < seen[-1]


def test_nobody_can_be_found_in_the_log(proxy: Proxy) -> None:
    secret = {"Authorization": "Bearer a-bearer-key", "Cookie": "session=a-cookie"}
    for path in PATHS:
        proxy.ask("GET", path, headers=secret)
    # Not asked again: it was sent, and who knows what became of it.
    assert proxy.ask("POST", "/broken?q=Maya", b"{}", secret) == 502
    time.sleep(0.2)
    written = proxy.log.read_text()
    assert '"uri":"/a"' in written
    assert "/broken" in written
    assert '"status":502' in written
    assert [said for said in SECRETS if said in written] == []
