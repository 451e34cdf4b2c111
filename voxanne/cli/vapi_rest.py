"""Vapi's REST API, as far as a push needs it: list, read, create, change, with patience."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import click
import httpx2

Json = dict[str, Any]

WAIT_SECONDS: Final = 30
# Waits between attempts, in seconds; Vapi limits requests, and a push makes a dozen.
BACKOFF_SECONDS: Final = (1.0, 2.0, 4.0, 8.0)
RETRY_AFTER_SECONDS_MAX: Final = 30.0
PAGE: Final = 1_000
PAGES_MAX: Final = 20
MESSAGE_CHARACTERS_MAX: Final = 500


class VapiError(click.ClickException):
    """What went wrong at Vapi, in words an operator can act on."""


class _Unsettled(Exception):  # noqa: N818 - named for what it says
    """An attempt that may be made again; `may_have_worked` when Vapi could have carried it out."""

    def __init__(self, problem: str, *, wait_seconds: float | None, may_have_worked: bool) -> None:
        super().__init__(problem)
        self.wait_seconds = wait_seconds
        self.may_have_worked = may_have_worked


@dataclass(frozen=True, slots=True)
class VapiRest:
    """One account at Vapi. Every method raises VapiError."""

    http: httpx2.Client
    backoff_seconds: tuple[float, ...] = BACKOFF_SECONDS

    def list_all(self, path: str) -> list[Json]:
        """Everything of a kind, newest first."""
        found: list[Json] = []
        parameters: dict[str, str | int] = {"limit": PAGE}
        for _ in range(PAGES_MAX):
            page = self._persist("GET", path, parameters=parameters)
            if not isinstance(page, list):
                raise VapiError(f"Vapi answered GET {path} with something that isn't a list.")
            found += page
            if len(page) < PAGE:
                return found
            parameters["createdAtLt"] = str(page[-1].get("createdAt"))
        raise VapiError(f"Vapi lists more than {PAGE * PAGES_MAX} entries at {path}.")

    def read(self, path: str) -> Json:
        return _object(path, self._persist("GET", path))

    def change(self, path: str, body: Json) -> Json:
        return _object(path, self._persist("PATCH", path, body))

    def create(self, path: str, body: Json, find: Callable[[], Json | None]) -> Json:
        """Make it once: where an answer got lost, `find` looks whether it was made after all."""
        return _object(path, self._persist("POST", path, body, find=find))

    def _persist(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        parameters: dict[str, str | int] | None = None,
        find: Callable[[], Json | None] | None = None,
    ) -> object:
        for wait_seconds in (*self.backoff_seconds, None):
            try:
                return self._attempt(method, path, body, parameters)
            except _Unsettled as unsettled:
                if wait_seconds is None:
                    tries = len(self.backoff_seconds) + 1
                    raise VapiError(f"{unsettled} Gave up after {tries} attempts.") from None
                asked = unsettled.wait_seconds
                time.sleep(wait_seconds if asked is None else asked)
                if find is not None and unsettled.may_have_worked:
                    made = find()
                    if made is not None:
                        return made
        raise AssertionError("unreachable")

    def _attempt(
        self,
        method: str,
        path: str,
        body: Json | None,
        parameters: dict[str, str | int] | None,
    ) -> object:
        try:
            reply = self.http.request(method, path, json=body, params=parameters)
        except httpx2.TransportError as error:
            problem = f"Vapi can't be reached at {self.http.base_url} ({type(error).__name__})."
            sent = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
            raise _Unsettled(problem, wait_seconds=None, may_have_worked=sent) from None
        if reply.status_code == 429 or reply.status_code >= 500:
            raise _Unsettled(
                f"Vapi answered {method} {path} with {reply.status_code}.",
                wait_seconds=_retry_after(reply),
                may_have_worked=reply.status_code != 429,
            )
        if not reply.is_success:
            raise VapiError(_problem(method, path, reply))
        try:
            return reply.json()
        except ValueError:
            raise VapiError(f"Vapi answered {method} {path} with something not JSON.") from None


def connect(address: str, key: str) -> httpx2.Client:
    """A client for the account `key` opens. Raises VapiError for an address that leaks it."""
    parts = urlsplit(address)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise VapiError("VOXANNE_VAPI_API_URL must be https: the key travels with each request.")
    return httpx2.Client(
        base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=WAIT_SECONDS
    )


def _retry_after(reply: httpx2.Response) -> float | None:
    """The seconds Vapi asks to wait, if it does."""
    said = reply.headers.get("retry-after", "")
    if not (said.isascii() and said.isdecimal()):
        return None
    return min(float(said), RETRY_AFTER_SECONDS_MAX)


def _problem(method: str, path: str, reply: httpx2.Response) -> str:
    match reply.status_code:
        case 401 | 403:
            return "Vapi refused the key in VOXANNE_VAPI_API_KEY: it must be a private key."
        case 404:
            return f"Vapi knows nothing at {path}: is the id right, and the key of that account?"
    return f"Vapi refused {method} {path} ({reply.status_code}): {_message(reply)}"


def _message(reply: httpx2.Response) -> str:
    """Vapi's own words: a sentence, or a list of them."""
    try:
        said = reply.json()["message"]
    except (ValueError, KeyError, TypeError):
        said = reply.text
    text = "; ".join(map(str, said)) if isinstance(said, list) else str(said)
    return text[:MESSAGE_CHARACTERS_MAX]


def _object(path: str, answer: object) -> Json:
    if not isinstance(answer, dict):
        raise VapiError(f"Vapi answered {path} with something that isn't an object.")
    return answer
