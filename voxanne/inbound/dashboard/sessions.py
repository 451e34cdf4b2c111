"""Who is signed in, wherever they are: the cookie, the account behind it, what opens a session."""

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.guard import (
    Guard,
    SignInError,
    csrf_token,
    is_from_elsewhere,
    new_nonce,
    read_form,
)
from voxanne.inbound.dashboard.pages import render
from voxanne.inbound.dashboard.visit import Form
from voxanne.inbound.http import get, post
from voxanne.inbound.rates import network_of
from voxanne.inbound.tokens import token_hash
from voxanne.inbound.v1.problems import RefusedError

COOKIE_SECONDS: Final = 14 * 24 * 3600  # the database ends a session, sooner or then
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari/", "Safari"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in. `clinics`: id, name, role and last_seen_at of each of theirs."""

    staff_id: UUID
    session_id: UUID
    email: str
    name: str
    clinics: Sequence[Mapping[str, Any]]
    token: str

    @property
    def csrf(self) -> str:
        return csrf_token(self.token)


@dataclass(frozen=True, slots=True)
class Call:
    """One request outside any clinic. `form`: of a GET its query."""

    guard: Guard
    request: Request
    form: Form
    person: Person | None

    @property
    def signed_in(self) -> Person:
        """Raises SignInError."""
        if self.person is None:
            raise SignInError
        return self.person

    async def fetch(self, function: str, *arguments: object) -> Any:
        """What a SQL function of accounts answers: of JSON what it says."""
        places = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
        found = await self.guard.services.database.fetch_value(
            f"SELECT {function}({places})", *arguments
        )
        return json.loads(found) if isinstance(found, str) else found

    def page(self, template: str, *, title: str, status: int = 200, **values: Any) -> Response:
        return render(
            f"sign_in/{template}",
            new_nonce(),
            status,
            title=title,
            person=self.person,
            csrf=self.person.csrf if self.person else "",
            **values,
        )

    @property
    def device(self) -> str:
        """`Firefox on Windows`, as far as the browser tells."""
        said = self.request.headers.get("user-agent", "")
        browser = next((name for mark, name in _BROWSERS if mark in said), "A browser")
        system = next((name for mark, name in _SYSTEMS if mark in said), None)
        return f"{browser} on {system}" if system else browser

    async def guessed(self, function: str, *arguments: object) -> Any:
        """`fetch`, for what is found by a secret that was sent: who guesses must wait. Raises
        RefusedError.
        """
        guesses, network = self.guard.services.rates.guesses, network_of(self.request)
        seconds = guesses.wait_seconds(network)
        if seconds:
            raise RefusedError(
                Outcome.RATE_LIMITED,
                "Too many links that don't work. Try again in a minute.",
                headers={"Retry-After": str(seconds)},
            )
        found = await self.fetch(function, *arguments)
        if found is None:
            guesses.count(network)
        return found

    @property
    def replaced_hash(self) -> bytes | None:
        """Of the session this browser had, which ends with the next."""
        token = self.request.cookies.get(self.guard.cookie_name)
        return None if token is None else token_hash(token)

    def with_session(self, answer: Response, token: str) -> Response:
        answer.set_cookie(
            self.guard.cookie_name,
            token,
            max_age=COOKIE_SECONDS,
            path="/",
            secure=self.guard.secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    def without_session(self, answer: Response) -> Response:
        answer.delete_cookie(
            self.guard.cookie_name,
            path="/",
            secure=self.guard.secure,
            httponly=True,
            samesite="lax",
        )
        return answer


Answer = Callable[[Call], Awaitable[Response]]


def outside_route(guard: Guard, method: Literal["GET", "POST"], path: str, answer: Answer) -> Route:
    """A page outside any clinic. A form of somebody who is signed in needs their token; another
    must at least not come from another site.
    """

    async def endpoint(request: Request) -> Response:
        async def answered() -> Response:
            async with asyncio.timeout(guard.services.wait_seconds):
                person = await _find_person(guard, request)
                form = await read_form(request)
            if method == "POST" and is_from_elsewhere(request, guard.services.public_url):
                raise RefusedError(
                    Outcome.UNAUTHORIZED, "This form came from another site, and nothing was done."
                )
            return await answer(Call(guard, request, form, person))

        return await guard.shield(request, answered)

    return (get if method == "GET" else post)(path, endpoint)


async def _find_person(guard: Guard, request: Request) -> Person | None:
    token = request.cookies.get(guard.cookie_name)
    found = None if token is None else await guard.find(token)
    if token is None or found is None:
        return None
    return Person(
        staff_id=UUID(found["staff_id"]),
        session_id=UUID(found["session_id"]),
        email=found["email"],
        name=found["name"],
        clinics=found["clinics"],
        token=token,
    )


async def count_attempt(call: Call, email: str) -> int | None:
    """One more attempt to sign in, by the address of mail and of the network: for how many seconds
    no other is taken, where there were too many.
    """
    counted = await call.fetch(
        "note_sign_in_attempt",
        subject_hash("email", email),
        subject_hash("address", network_of(call.request)),
    )
    if counted is None:  # the session is a tenant's, and nobody's to sign in by
        return 60
    return None if counted["allowed"] else int(counted["retry_after"])


def subject_hash(kind: str, subject: str) -> bytes:
    """Whom attempts are counted of, without saying who it is."""
    return hashlib.sha256(f"{kind} {subject}".encode("utf-8", "surrogatepass")).digest()


def own_path(said: str) -> str:
    """Where to go after signing in: a page of ours, or the beginning for anything else."""
    own = re.fullmatch(r"/(?:clinic|account|join)(?:[/?][^\\\x00-\x20\x7f]*)?", said[:2_000])
    return said if own else "/"


def secret_of(call: Call, name: str) -> str:
    """A password as it was typed, spaces and all."""
    values = call.form.values.get(name)
    return values[-1] if values else ""
