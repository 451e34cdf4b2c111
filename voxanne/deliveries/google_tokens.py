"""Google's OAuth 2.0: from a consent to tokens, and an access token that is always fresh.

One process at a time renews a connection's token: whoever gets the database's short lease does, the
others read what came of it. https://developers.google.com/identity/protocols/oauth2/web-server
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
from cryptography.fernet import MultiFernet

from voxanne.booking.functions import Database, call
from voxanne.deliveries.calendar import (
    AccessError,
    CalendarError,
    Connection,
    read_connection,
)
from voxanne.deliveries.http import Answer, UnreachableError, UnreadableError, exchange
from voxanne.outbox.types import Refreshed

# To read and write events, and nothing else of the account.
SCOPE: Final = "https://www.googleapis.com/auth/calendar.events"
EARLY: Final = timedelta(minutes=5)
LEASE_SECONDS: Final = 20
LASTING_SECONDS: Final = 10 * 365 * 86_400  # a consent that ends no sooner is one for good
WAIT_SECONDS: Final = 0.25  # for whoever else renews it
WAITS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class GoogleClient:
    """The deployment's OAuth client at Google, and where Google is. No trailing slashes."""

    client_id: str
    client_secret: str
    oauth_url: str
    calendar_url: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """`expires_at`: of the access token; aware, UTC. `scope` as granted, None where not said.
    `consent_ends_at`: until when the consent lasts, where Google gives one for a time only.
    """

    access_token: str
    refresh_token: str | None
    expires_at: datetime
    scope: str | None
    consent_ends_at: datetime | None = None

    def encrypt(self, fernet: MultiFernet) -> bytes:
        kept = {"access_token": self.access_token, "refresh_token": self.refresh_token}
        return fernet.encrypt(json.dumps(kept).encode())


def now() -> datetime:
    """Tokens lapse by real time, whatever the database's clock is set to."""
    return datetime.now(UTC)


async def ask_for_tokens(
    http: httpx2.AsyncClient,
    google: GoogleClient,
    moment: datetime,
    grant: dict[str, str],
) -> Tokens:
    """One request to the token endpoint. Raises AccessError when the grant is refused for good;
    CalendarError.
    """
    form = {"client_id": google.client_id, "client_secret": google.client_secret, **grant}
    try:
        answer = await exchange(http, "POST", f"{google.oauth_url}/token", data=form)
        said = answer.json()
    except UnreachableError as error:
        raise CalendarError(error.error_code, error.error) from None
    except UnreadableError:
        raise CalendarError("unreadable", "Google's answer could not be read.") from None
    if answer.status != 200 or not isinstance(said, dict):
        raise _refused(answer, said)
    try:
        return Tokens(
            access_token=str(said["access_token"]),
            refresh_token=said.get("refresh_token"),
            expires_at=moment + timedelta(seconds=int(said["expires_in"])),
            scope=said.get("scope"),
            consent_ends_at=_consent_ends_at(said, moment),
        )
    except (KeyError, TypeError, ValueError):
        raise CalendarError("unreadable", "Google's answer could not be read.") from None


def _consent_ends_at(said: dict[str, Any], moment: datetime) -> datetime | None:
    """Nothing depends on it but what an operator is told."""
    seconds = said.get("refresh_token_expires_in")
    if not isinstance(seconds, int) or not 0 < seconds < LASTING_SECONDS:
        return None
    return moment + timedelta(seconds=seconds)


def _refused(answer: Answer, said: Any) -> CalendarError:
    if isinstance(said, dict) and said.get("error") == "invalid_grant":
        return AccessError(
            "invalid_grant",
            "Google no longer accepts the clinic's consent; connect the calendar again.",
        )
    if isinstance(said, dict) and said.get("error") in ("invalid_client", "unauthorized_client"):
        return CalendarError("client_refused", "Google doesn't accept this deployment's access.")
    return CalendarError(
        "tokens_refused",
        "Google gave no access this time.",
        retry_after_seconds=answer.retry_after_seconds,
    )


@dataclass(slots=True)
class GoogleAccess:
    """The access token of one connection. Kept no longer than one delivery or sync.

    `refreshed` is told what came of each renewal.
    """

    connection: Connection
    database: Database
    fernet: MultiFernet
    http: httpx2.AsyncClient
    google: GoogleClient
    clock: Callable[[], datetime] = now
    refreshed: Callable[[Refreshed], None] = lambda _outcome: None
    renewed: Tokens | None = None  # by us, just now

    async def token(self, refused: str | None = None) -> str:
        """One that holds. `refused`: Google has just said 401 to this one.

        Raises AccessError, CalendarError.
        """
        for _ in range(WAITS_MAX):
            if self._holds(EARLY, refused):
                return str(self.connection.credentials["access_token"])
            leased = await self._lease()
            if self._holds(EARLY, refused):
                continue
            if leased:
                await self._renew()
            elif self._holds(timedelta(0), refused):
                return str(self.connection.credentials["access_token"])  # somebody is at it
            else:
                await asyncio.sleep(WAIT_SECONDS)
        raise CalendarError("renewing", "The access to Google is being renewed.")

    def _holds(self, spare: timedelta, refused: str | None) -> bool:
        expires_at = self.connection.access_expires_at
        return (
            self.connection.credentials["access_token"] != refused
            and expires_at is not None
            and expires_at > self.clock() + spare
        )

    async def _lease(self) -> bool:
        answer = await call(
            self.database,
            "lease_credentials",
            {**self._named(), "p_lease_seconds": LEASE_SECONDS},
        )
        if not answer["success"] or answer["connection"]["status"] != "connected":
            raise AccessError("disconnected", "The calendar isn't connected any more.")
        self.connection = read_connection(
            self.fernet, self.connection.organization_id, answer["connection"]
        )
        return bool(answer["leased"])

    async def _renew(self) -> None:
        refresh_token = str(self.connection.credentials["refresh_token"])
        try:
            tokens = await ask_for_tokens(
                self.http,
                self.google,
                self.clock(),
                {"grant_type": "refresh_token", "refresh_token": refresh_token},
            )
        except CalendarError as error:
            self.refreshed("refused" if isinstance(error, AccessError) else "failed")
            error.credentials_version = self.connection.credentials_version
            await self._store(None, None)
            raise
        self.refreshed("renewed")
        self.renewed = tokens
        # Google mostly sends no new one.
        tokens = replace(tokens, refresh_token=tokens.refresh_token or refresh_token)
        await self._store(tokens.encrypt(self.fernet), tokens.expires_at)
        self.connection = replace(
            self.connection,
            credentials={
                "access_token": tokens.access_token,
                "refresh_token": tokens.refresh_token,
            },
            access_expires_at=tokens.expires_at,
            credentials_version=self.connection.credentials_version + 1,
        )

    async def _store(self, credentials: bytes | None, expires_at: datetime | None) -> None:
        await call(
            self.database,
            "store_credentials",
            {**self._named(), "p_credentials": credentials, "p_access_expires_at": expires_at},
        )

    def _named(self) -> dict[str, object]:
        return {
            "p_org_id": self.connection.organization_id,
            "p_connection_id": self.connection.id,
            "p_credentials_version": self.connection.credentials_version,
        }
