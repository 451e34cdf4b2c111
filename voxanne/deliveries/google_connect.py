"""The deployment's way to Google: from a code to a connection, and clients for those there
are. Composed by app.py.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from urllib.parse import quote
from uuid import UUID

import httpx2
from cryptography.fernet import MultiFernet

from voxanne.booking.functions import Database, call
from voxanne.deliveries.calendar import AccessError, CalendarClient, CalendarError, Connection
from voxanne.deliveries.google_calendar import GoogleCalendar
from voxanne.deliveries.google_tokens import (
    SCOPE,
    GoogleAccess,
    GoogleClient,
    ask_for_tokens,
    now,
)
from voxanne.deliveries.http import UnreachableError, exchange
from voxanne.outbox.types import Refreshed

RENEWED_BEFORE: Final = timedelta(days=1)
CALLBACK: Final = "/callbacks/google/calendar/"


@dataclass(frozen=True, slots=True)
class Consented:
    """What a consent gave: credentials, encrypted, good until `access_expires_at` (aware, UTC)."""

    credentials: bytes
    access_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Google:
    """`public_url`: where Google reaches us; without one that is https nothing is pushed.
    `refreshed` is told what came of each renewal of an access.
    """

    client: GoogleClient
    http: httpx2.AsyncClient
    database: Database
    fernet: MultiFernet
    public_url: str | None = None
    clock: Callable[[], datetime] = now
    refreshed: Callable[[Refreshed], None] = lambda _outcome: None

    def calendar(self, connection: Connection) -> GoogleCalendar:
        return GoogleCalendar(
            GoogleAccess(
                connection,
                self.database,
                self.fernet,
                self.http,
                self.client,
                self.clock,
                self.refreshed,
            )
        )

    async def consented(
        self, code: str, verifier: str, redirect_uri: str, calendar: str
    ) -> Consented:
        """The code's tokens, after a look into the calendar. Raises CalendarError with a sentence
        for staff: consent not given whole, no such calendar, Google not answering.
        """
        tokens = await ask_for_tokens(
            self.http,
            self.client,
            self.clock(),
            {
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": verifier,
                "redirect_uri": redirect_uri,
            },
        )
        if tokens.scope is not None and SCOPE not in tokens.scope.split():
            raise AccessError("scope", "The permission to see and edit events was not given.")
        if tokens.refresh_token is None:
            raise AccessError("no_refresh_token", "Google gave no lasting access; try once more.")
        await self._look_into(calendar, tokens.access_token)
        return Consented(tokens.encrypt(self.fernet), tokens.expires_at)

    async def _look_into(self, calendar: str, access_token: str) -> None:
        url = f"{self.client.calendar_url}/calendars/{quote(calendar, safe='')}/events"
        try:
            answer = await exchange(
                self.http,
                "GET",
                url,
                params={"maxResults": "1", "fields": "timeZone"},
                headers={"Authorization": f"Bearer {access_token}"},
            )
        except UnreachableError:
            return  # the first sync will tell
        if answer.status in (403, 404):
            raise AccessError("calendar_gone", "This account has no such calendar.")

    async def watch(
        self, connection: Connection, client: CalendarClient, claimed: Mapping[str, Any]
    ) -> None:
        """A push channel that lasts; a new one a day before the old one ends. Polling goes on in
        any case, so that without one changes are only seen later.
        """
        expires_at = claimed["channel_expires_at"]
        if (
            connection.vendor != "google"
            or self.public_url is None
            or not self.public_url.startswith("https://")
            or (
                expires_at is not None
                and datetime.fromisoformat(expires_at)
                > datetime.fromisoformat(claimed["claimed_at"]) + RENEWED_BEFORE
            )
        ):
            return
        calendar = cast(GoogleCalendar, client)
        # The tenant is known by the token; the secret behind it is only ours and Google's.
        token = f"{connection.organization_id.hex}.{secrets.token_urlsafe(32)}"
        with suppress(CalendarError):
            channel = await calendar.watch(
                f"{self.public_url.rstrip('/')}{CALLBACK}{connection.id}", token
            )
            await call(
                self.database,
                "store_calendar_channel",
                {
                    "p_org_id": connection.organization_id,
                    "p_connection_id": connection.id,
                    "p_channel_id": channel.id,
                    "p_resource": channel.resource,
                    "p_token_hash": hashlib.sha256(token.encode()).digest(),
                    "p_expires_at": channel.expires_at,
                },
            )
            if claimed["channel_id"] is not None:
                await calendar.stop(UUID(claimed["channel_id"]), claimed["channel_resource"])
