"""What every page of a clinic goes through: the session, the membership, the role, the form and its
token, the deadline, and one way to fail.
"""

import asyncio
import base64
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.pages import HEADERS, redirect, render
from voxanne.inbound.dashboard.visit import Clinic, Form, Member, Role, Visit, read_id, wants_json
from voxanne.inbound.http import (
    BodyTooLargeError,
    describe,
    get,
    note,
    post,
    problem,
    read_fields,
)
from voxanne.inbound.tokens import token_hash
from voxanne.inbound.v1.problems import RefusedError
from voxanne.inbound.v1.security import Services
from voxanne.postgres.pool import DatabaseBusyError

FORM_BYTES_MAX: Final = 256 * 1024
FORM_FIELDS_MAX: Final = 5_000

Answer = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a clinic: `path` below `/clinic/{clinic}`, and the least role that may ask.

    A part of the path in braces is an id, and a request with anything else there is a 404, unless
    its name ends in `_text`.
    """

    method: Literal["GET", "POST"]
    path: str
    role: Role
    answer: Answer


class SignInError(Exception):
    """Nobody is signed in, or not any more."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Makes routes of pages. `secure`: browsers reach us over TLS, and no cookie goes without.

    Every page's handler raises RefusedError for what is refused.
    """

    services: Services
    secure: bool

    def route(self, page: Page) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self._serve(page, request)

        make = get if page.method == "GET" else post
        return make("/clinic/{clinic}" + page.path, endpoint)

    def nowhere(self) -> list[Route]:
        """Whatever else begins like a clinic's page; the last of the routes."""

        async def endpoint(request: Request) -> Response:
            async def answer() -> Response:
                raise RefusedError(Outcome.NOT_FOUND, "There is no such page.")

            return await self.shield(request, answer)

        return [made("/clinic/{rest:path}", endpoint) for made in (get, post)]

    @property
    def cookie_name(self) -> str:
        """With its prefix a browser takes the cookie from this very host over TLS alone."""
        return "__Host-voxanne" if self.secure else "voxanne"

    async def _serve(self, page: Page, request: Request) -> Response:
        async def visited() -> Response:
            async with asyncio.timeout(self.services.wait_seconds):
                visit = await self._open(page, request)
            return await page.answer(visit)

        return await self.shield(request, visited)

    async def shield(self, request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
        """What `work` answers, or a page for whatever it raises; always with our headers."""
        try:
            answer = await work()
        except SignInError:
            answer = _ask_to_sign_in(request)
        except ClientDisconnect:
            raise
        except BodyTooLargeError:
            answer = refuse(request, 413, Outcome.INVALID_ARGUMENTS, "The form is too long.")
            answer.headers["connection"] = "close"
        except RefusedError as refused:
            note(request, outcome=refused.outcome)
            answer = refuse(
                request, refused.status, refused.outcome, refused.detail, refused.details
            )
            answer.headers.update(refused.headers)
        except (DatabaseBusyError, TimeoutError):
            sentence = "The database is not answering. Try again in a moment."
            answer = refuse(request, 503, Outcome.BUSY, sentence)
        except Exception as error:
            # Its text may hold a patient's details, so only its type and place are logged.
            note(request, bug=describe(error))
            sentence = "Something went wrong on our side."
            answer = refuse(request, 500, Outcome.INTERNAL_ERROR, sentence)
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    async def _open(self, page: Page, request: Request) -> Visit:
        """Raises SignInError; RefusedError: no such page for whoever asks, or for their role."""
        token = request.cookies.get(self.cookie_name)
        if token is None:
            raise SignInError
        _check_ids(request)
        organization = UUID(request.path_params["clinic"])
        found = await self.find(token, organization, asked=not _asks_by_itself(request))
        if found is None:
            raise SignInError
        if found["clinic"] is None:  # or there is none: nobody is told which
            raise RefusedError(Outcome.NOT_FOUND, "There is no such page.")
        note(request, org_id=str(organization))
        member, clinic = _member(found), _clinic(found["clinic"])
        if not member.may(page.role):
            raise RefusedError(
                Outcome.UNAUTHORIZED, f"Your role here doesn't allow this: it needs {page.role}."
            )
        form = await read_form(request)
        if request.method == "POST":
            self.check_form(request, form, token)
        csrf = csrf_token(token)

        async def is_allowed() -> bool:
            still = await self.find(token, organization, asked=False)
            return (
                still is not None
                and still["clinic"] is not None
                and (_member(still).may(page.role))
            )

        return Visit(self.services, request, clinic, member, form, csrf, new_nonce(), is_allowed)

    async def find(
        self, token: str, organization: UUID | None = None, *, asked: bool = True
    ) -> dict[str, Any] | None:
        """Whose session it is, as open_visit.sql tells. `asked`: by a person; what a page does by
        itself doesn't keep a session alive.
        """
        found = await self.services.database.fetch_value(
            "SELECT open_visit($1, $2, $3)", token_hash(token), organization, asked
        )
        return None if found is None else json.loads(str(found))

    def check_form(self, request: Request, form: Form, token: str) -> None:
        """Raises RefusedError unless the form is from a page of this session's."""
        sent = request.headers.get("x-csrf-token") or form.get("csrf")
        if not hmac.compare_digest(sent.encode(), csrf_token(token).encode()) or is_from_elsewhere(
            request, self.services.public_url
        ):
            raise RefusedError(
                Outcome.UNAUTHORIZED, "The form is too old. Load the page again, and repeat."
            )


def csrf_token(token: str) -> str:
    """What proves that a form is ours: made of the session's secret, which no other site has."""
    digest = hmac.digest(token.encode("utf-8", "surrogatepass"), b"csrf", "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def new_nonce() -> str:
    return secrets.token_urlsafe(16)


def is_from_elsewhere(request: Request, public_url: str | None) -> bool:
    """Another site's form: browsers say so in Sec-Fetch-Site, older ones in Origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    own = {request.headers.get("host"), urlsplit(public_url).netloc if public_url else None}
    try:
        return urlsplit(origin).netloc not in own
    except ValueError:  # no URL, and no browser's
        return True


async def read_form(request: Request) -> Form:
    """Raises BodyTooLargeError; RefusedError for more fields than any form of ours has."""
    try:
        fields = await read_fields(request, FORM_BYTES_MAX, FORM_FIELDS_MAX)
    except ValueError:
        raise RefusedError(Outcome.INVALID_ARGUMENTS, "The form has too many fields.") from None
    return Form({name: [_clean(value) for value in values] for name, values in fields.items()})


def _clean(value: str) -> str:
    """What PostgreSQL can't store is left out; browsers send line ends as CR LF."""
    return value.replace("\x00", "").replace("\r\n", "\n")


def _check_ids(request: Request) -> None:
    for name, value in request.path_params.items():
        if not name.endswith("_text") and read_id(value) is None:
            raise RefusedError(Outcome.NOT_FOUND, "There is no such page.")


def _member(found: Mapping[str, Any]) -> Member:
    return Member(
        staff_id=UUID(found["staff_id"]),
        session_id=UUID(found["session_id"]),
        email=found["email"],
        name=found["name"] or found["email"],
        role=found["clinic"]["role"],
        clinics=found["clinics"],
    )


def _clinic(found: Mapping[str, Any]) -> Clinic:
    return Clinic(
        id=UUID(found["id"]),
        name=found["name"],
        timezone=found["timezone"],
        country=found["country"],
        language=found["language"],
        now=datetime.fromisoformat(found["now"]),
        attention=found["attention"],
        place=found["place"],
    )


def _ask_to_sign_in(request: Request) -> Response:
    if request.method != "GET" or wants_json(request):
        return problem(401, Outcome.UNAUTHORIZED, "You are not signed in any more.")
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return redirect(f"/sign-in?next={quote(here, safe='')}")


def _asks_by_itself(request: Request) -> bool:
    """A page that is left open reconnects, and renews what it shows (static/request.js)."""
    headers = request.headers
    return "x-renewed" in headers or "text/event-stream" in headers.get("accept", "")


def refuse(
    request: Request,
    status: int,
    outcome: str,
    sentence: str,
    details: Mapping[str, object] | None = None,
) -> Response:
    """A page for people; for a script the problem, with what may be told beside it."""
    if not wants_json(request):
        return render("refused.html", new_nonce(), status, title="Not done", sentence=sentence)
    answer = problem(status, outcome, sentence)
    if details:
        told = json.loads(bytes(answer.body)) | {k: v for k, v in details.items() if k != "status"}
        answer.body = json.dumps(told).encode()
        answer.headers["content-length"] = str(len(answer.body))
    return answer
