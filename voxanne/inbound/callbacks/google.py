"""Google, coming back: from its consent page with a code, and on a push channel with the news that
a calendar changed.

Both carry something that only we could have made: a state that is good once, a channel's token.
Each begins with the organization's id, by which its secret is looked up.
"""

import asyncio
import base64
import hashlib
import html
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from cryptography.fernet import InvalidToken, MultiFernet
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from voxanne.booking.functions import Database, call
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.http import get, note, post, problem, rate_limited
from voxanne.inbound.rates import Rates, network_of
from voxanne.postgres.pool import DatabaseBusyError

CONSENT_PATH: Final = "/oauth/google/callback"
PUSH_PATH: Final = "/callbacks/google/calendar/{connection}"
EXCHANGE_SECONDS_MAX: Final = 5.0
CHARACTERS_MAX: Final = 2_000
NOTHING: Final = "Nothing was connected"
EXPIRED: Final = "This link was used before or is too old. Ask for a new one and try again."
# Of the dashboard, which asks whoever isn't signed in there to do so.
_BACK: Final = (
    '<p><a href="/clinic/{organization}/settings/connections">Back to the calendars</a></p>'
)
_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width"><h1>{title}</h1><p>{text}</p>{link}</html>'
)
# The address holds the code: it must not travel on.
_HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True, slots=True)
class Granted:
    """`credentials`: encrypted. `access_expires_at`: aware, UTC."""

    credentials: bytes
    access_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing came of it, in a sentence for staff."""

    sentence: str


# Code, PKCE verifier, redirect address, calendar: in five seconds, outside any transaction.
Exchange = Callable[[str, str, str, str], Awaitable[Granted | Refused]]


@dataclass(frozen=True, slots=True)
class GoogleConsent:
    """How staff are sent to Google's consent page. `base_url`: ours, as their browser sees it."""

    client_id: str
    consent_url: str
    scope: str
    base_url: str

    @property
    def redirect_uri(self) -> str:
        return f"{self.base_url.rstrip('/')}{CONSENT_PATH}"

    async def begin(
        self,
        database: Database,
        fernet: MultiFernet,
        organization: UUID,
        practitioner: UUID | None,
        calendar: str,
    ) -> dict[str, Any]:
        """begin_calendar_consent.sql's answer, on success with the `url` to send them to."""
        parameters, url = self.prepare(fernet, organization, practitioner, calendar)
        answer = await call(database, "begin_calendar_consent", parameters)
        return {**answer, "url": url} if answer["success"] else answer

    def prepare(
        self, fernet: MultiFernet, organization: UUID, practitioner: UUID | None, calendar: str
    ) -> tuple[dict[str, object], str]:
        """The parameters of begin_calendar_consent.sql, and where to send staff after it."""
        state = f"{organization.hex}.{secrets.token_urlsafe(32)}"
        verifier = secrets.token_urlsafe(48)
        parameters: dict[str, object] = {
            "p_org_id": organization,
            "p_practitioner_id": practitioner,
            "p_calendar": calendar,
            "p_state_hash": _digest(state),
            "p_encrypted_verifier": fernet.encrypt(verifier.encode()),
        }
        return parameters, self._url(state, verifier)

    def _url(self, state: str, verifier: str) -> str:
        challenge = base64.urlsafe_b64encode(_digest(verifier)).decode().rstrip("=")
        asked = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": self.scope,
            "access_type": "offline",
            "prompt": "consent",  # or a second consent gives no lasting access
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.consent_url}?{urlencode(asked)}"


@dataclass(frozen=True, slots=True)
class GoogleCallbacks:
    """`consent` and `exchange`: None where the deployment has no OAuth client at Google."""

    database: Database
    fernet: MultiFernet
    consent: GoogleConsent | None
    exchange: Exchange | None
    rates: Rates

    def routes(self) -> list[Route]:
        return [get(CONSENT_PATH, self.handle_consent), post(PUSH_PATH, self.handle_push)]

    async def handle_consent(self, request: Request) -> Response:
        forger = (network_of(request), CONSENT_PATH)
        seconds = self.rates.guesses.wait_seconds(forger)
        if seconds:
            page = _page(429, "Please try again", "That was too often. Try again in a minute.")
            page.headers["retry-after"] = str(seconds)
            return page
        try:
            answer = await self._connect(request)
            if answer.status_code == 400:
                self.rates.guesses.count(forger)
            return answer
        except DatabaseBusyError:
            return _page(503, "Please try again", "Something here is busy. Load this page again.")

    async def handle_push(self, request: Request) -> Response:
        """Only headers count: https://developers.google.com/workspace/calendar/api/guides/push"""
        token = request.headers.get("x-goog-channel-token", "")[:CHARACTERS_MAX]
        organization = _organization_of(token)
        connection = _uuid(request.path_params["connection"])
        channel = _uuid(request.headers.get("x-goog-channel-id", ""))
        forger = (network_of(request), connection)
        seconds = self.rates.guesses.wait_seconds(forger)
        # By its token as well, so that nobody else uses up what the true channel may ask.
        channel_key = ("google", connection, token)
        seconds = seconds or self.rates.credentials.wait_seconds(channel_key)
        if seconds:
            return rate_limited(seconds)
        if organization is None or connection is None or channel is None:
            self.rates.guesses.count(forger)
            return _nothing_here()
        try:
            answer = await call(
                self.database,
                "calendar_pushed",
                {
                    "p_org_id": organization,
                    "p_connection_id": connection,
                    "p_channel_id": channel,
                    "p_token": token,
                },
            )
        except DatabaseBusyError:
            return problem(503, Outcome.BUSY, "The database is not answering; try again.")
        if not answer["success"]:
            self.rates.guesses.count(forger)
            return _nothing_here()
        self.rates.credentials.count(channel_key)
        note(request, org_id=str(organization))
        return Response(status_code=204)

    async def _connect(self, request: Request) -> Response:
        asked = {name: said[:CHARACTERS_MAX] for name, said in request.query_params.items()}
        state = asked.get("state", "")
        organization = _organization_of(state)
        if self.consent is None or self.exchange is None or organization is None:
            return _page(400, "This did not work", EXPIRED)
        taken = await call(
            self.database,
            "take_calendar_consent",
            {"p_org_id": organization, "p_state_hash": _digest(state)},
        )
        verifier = self._decrypted(taken)
        if verifier is None:
            return _page(400, "This did not work", EXPIRED)
        note(request, org_id=str(organization))
        if "code" not in asked:
            return _page(400, NOTHING, "The permission was not given.", organization)
        granted = await self._exchanged(asked["code"], verifier, taken["calendar"])
        if isinstance(granted, Refused):
            return _page(400, NOTHING, granted.sentence, organization)
        practitioner = taken["practitioner_id"]
        connected = await call(
            self.database,
            "connect_calendar",
            {
                "p_org_id": organization,
                "p_practitioner_id": UUID(practitioner) if practitioner else None,
                "p_vendor": "google",
                "p_calendar": taken["calendar"],
                "p_account": None,
                "p_credentials": granted.credentials,
                "p_access_expires_at": granted.access_expires_at,
            },
        )
        if not connected["success"]:
            return _page(400, NOTHING, connected["message"], organization)
        return _page(
            200,
            "The calendar is connected",
            "Appointments appear in it from now on. You can close this page.",
            organization,
        )

    async def _exchanged(self, code: str, verifier: str, calendar: str) -> Granted | Refused:
        assert self.consent is not None
        assert self.exchange is not None
        try:
            async with asyncio.timeout(EXCHANGE_SECONDS_MAX):
                return await self.exchange(code, verifier, self.consent.redirect_uri, calendar)
        except TimeoutError:
            return Refused("Google did not answer in time. Ask for a new link and try again.")

    def _decrypted(self, taken: dict[str, Any]) -> str | None:
        if not taken["success"]:
            return None
        try:
            encrypted = base64.b64decode(taken["encrypted_verifier"])
            return self.fernet.decrypt(encrypted).decode()
        except InvalidToken:
            return None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _organization_of(token: str) -> UUID | None:
    organization, _, secret = token.partition(".")
    return _uuid(organization) if secret and token.isascii() and token.isprintable() else None


def _uuid(said: str) -> UUID | None:
    try:
        return UUID(said)
    except ValueError:
        return None


def _nothing_here() -> Response:
    return problem(404, Outcome.NOT_FOUND, "There is nothing here.")


def _page(status: int, title: str, text: str, organization: UUID | None = None) -> Response:
    link = "" if organization is None else _BACK.format(organization=organization)
    page = _PAGE.format(title=html.escape(title), text=html.escape(text), link=link)
    return HTMLResponse(page, status, headers=_HEADERS)
