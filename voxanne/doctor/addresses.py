"""Checks of the way in from outside: the public address, its callbacks, the staff's pages."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from voxanne.deliveries.http import Answer, UnreachableError, exchange, open_client
from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, State, failed, named, off, ok
from voxanne.outbox.destinations import reach_of

PUBLIC_URL: Final = "VOXANNE_PUBLIC_URL"
PROXY: Final = "have the proxy before the API pass every path on to it unchanged"


@dataclass(frozen=True, slots=True)
class Door:
    """A callback's path, and how our application turns away whoever knocks without a credential."""

    whose: str
    method: str
    path: str
    status: int
    content: bytes = b""


def _doors() -> list[Door]:
    """Of nobody, so that no clinic's limits are used up."""
    nobody = uuid4()
    return [
        Door("Vapi", "POST", "/api/vapi", 401, b"{}"),
        Door("Twilio", "POST", f"/callbacks/twilio/{nobody}/message", 403),
        Door("Twilio", "POST", f"/callbacks/twilio/{nobody}/status", 403),
        Door("Google", "POST", f"/callbacks/google/calendar/{nobody}", 404),
        Door("Google", "GET", "/oauth/google/callback?state=x", 400),
    ]


async def check_callbacks(scene: Examination) -> Finding:
    """The public address, from this machine by its public name. Whether a firewall lets others in
    is told by the vendors alone.
    """
    url = scene.settings.public_url
    grave = State.FAILED if scene.production else State.WARN
    if url is None:
        said = f"{PUBLIC_URL} isn't set: Vapi, Google and Twilio can't call back"
        fix = f"set {PUBLIC_URL}=https://… to where the proxy answers"
        return Finding(State.FAILED, said, fix) if scene.production else off(said)
    async with open_client() as http:
        wrong = await _wrong_answers(http, url.rstrip("/"))
    if wrong is not None:
        return wrong
    if complaint := await wrong_address(scene, url):
        return Finding(grave, complaint, f"set {PUBLIC_URL} to a public name with TLS")
    return ok(f"{urlsplit(url).netloc} answers as this application, callbacks included")


async def wrong_address(scene: Examination, url: str) -> str | None:
    """Why nobody outside can call, or none should; None: nothing is wrong with it."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return f"{PUBLIC_URL} isn't https"
    try:
        addresses = await scene.resolve(parts.hostname or "", parts.port or 443)
    except OSError:
        addresses = []
    if not addresses:
        return f"{parts.hostname} isn't known in the DNS"
    inside = [address for address in addresses if reach_of(address) != "public"]
    return f"{parts.hostname} leads to {named(inside)}, which isn't public" if inside else None


async def _wrong_answers(http: httpx2.AsyncClient, url: str) -> Finding | None:
    try:
        # A proxy may well keep it to itself; what then answers isn't ours, and tells nothing.
        ready = await exchange(http, "GET", f"{url}/readyz")
        answers = [
            (door, await exchange(http, door.method, url + door.path, content=door.content))
            for door in _doors()
        ]
    except UnreachableError as error:
        if error.error_code == "invalid_url":
            return failed(f"{PUBLIC_URL} isn't an address", "write https://booking.example.com")
        return failed(
            f"{url} can't be reached from here ({error.error_code})",
            f"start `voxanne serve` and its proxy, or correct {PUBLIC_URL}",
        )
    if ready.status == 503 and _is_guarded(ready):
        return failed(f"{url} isn't ready", "see the checks `database` and `migrations`")
    elsewhere = {door.whose for door, answer in answers if not _is_ours(door, answer)}
    if elsewhere:
        return failed(f"the callbacks of {named(elsewhere)} don't arrive", PROXY)
    return None


def _is_ours(door: Door, answer: Answer) -> bool:
    """Turned away as it should be, or for having knocked too often."""
    return answer.status in (door.status, 429) and _is_guarded(answer)


def _is_guarded(answer: Answer) -> bool:
    """Every answer of ours carries this header; a proxy's own page hardly does."""
    return "frame-ancestors 'none'" in answer.headers.get("content-security-policy", "")


async def check_dashboard(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        staff = await connection.fetchval("SELECT count(*) FROM memberships")
    if not staff:
        return off("nobody of staff has an account (voxanne staff add)")
    url = f"{scene.api_address}/sign-in"
    fix = "start `voxanne serve`, or name its address with --url"
    async with open_client() as http:
        try:
            answer = await exchange(http, "GET", url)
        except UnreachableError as error:
            return failed(f"{url} can't be reached ({error.error_code})", fix)
    if answer.status != 200 or b"<form" not in answer.body:
        return failed(f"{url} shows no sign-in page (HTTP {answer.status})", PROXY)
    return ok(f"{url} is there for {staff:,} of staff")
