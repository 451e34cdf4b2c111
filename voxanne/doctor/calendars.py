"""Checks of calendars: Google's client, every clinic's consent, CalDAV servers, the mirror."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json import loads
from typing import Any, Final
from uuid import UUID

from voxanne.deliveries.caldav_calendar import CalDavCalendars
from voxanne.deliveries.calendar import (
    AccessError,
    CalendarError,
    CalendarGoneError,
    Window,
    read_connection,
)
from voxanne.deliveries.google_calendar import GoogleCalendar
from voxanne.deliveries.google_tokens import SCOPE, GoogleAccess, ask_for_tokens
from voxanne.deliveries.http import open_client
from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, State, counted, failed, named, off, ok, warn
from voxanne.work import google_client

# Of a project that is in Testing a consent ends after seven days:
# https://developers.google.com/identity/protocols/oauth2#expiration
TESTING_FROM: Final = timedelta(days=6.5)
TESTING_UNTIL: Final = timedelta(days=7.5)
IN_TESTING: Final = (
    "Google Cloud console → OAuth consent screen → Publish app (In production), then connect the "
    "calendars again"
)
RECONNECT: Final = (
    "voxanne calendar connect CLINIC --practitioner NAME, by whoever owns the calendar"
)
LOOK_AGAIN: Final = (
    "look again; if it stays so, whether this machine reaches it, and its status page"
)
SET_UP: Final = (
    "VOXANNE_GOOGLE_CLIENT_ID and VOXANNE_GOOGLE_CLIENT_SECRET: docs/how-to/google-calendar.md"
)
TRIED_MAX: Final = 200  # connections in one look, drawn by lot where there are more
TRIED_AT_ONCE: Final = 8
# Never given out: Google tells by its answer whether it knows the client.
_NO_TOKEN: Final = "1//voxanne-doctor"  # noqa: S105

_CONNECTIONS: Final = """
SELECT connection.org_id, connection_details(connection) AS details, connection.created_at,
  concat(organizations.name, ' (' || practitioners.name || ')') AS whose
FROM calendar_connections AS connection
JOIN organizations ON organizations.id = connection.org_id
LEFT JOIN practitioners ON practitioners.org_id = connection.org_id
  AND practitioners.id = connection.practitioner_id
WHERE vendor = $1 AND status <> 'disconnected'
"""
# When a consent ended: of a connection that is broken now, or that staff were told of then. One
# that has held for longer since was given to a project that is published by now. An alert names no
# connection: it may have been of another one of the clinic.
_ENDED: Final = """
SELECT status = 'broken' AS is_broken,
  concat(organizations.name, ' (' || practitioners.name || ')') AS whose
FROM calendar_connections AS connection
JOIN organizations ON organizations.id = connection.org_id
LEFT JOIN practitioners ON practitioners.org_id = connection.org_id
  AND practitioners.id = connection.practitioner_id
WHERE vendor = 'google' AND (
  (status = 'broken' AND connection.error_code = 'invalid_grant'
    AND connection.updated_at - connection.created_at BETWEEN $1 AND $2)
  OR EXISTS (
    SELECT FROM alerts WHERE alerts.org_id = connection.org_id AND alerts.kind = 'calendar_broken'
      AND alerts.created_at - connection.created_at BETWEEN $1 AND $2)
  AND EXISTS (
    SELECT FROM alerts WHERE alerts.org_id = connection.org_id AND alerts.kind = 'calendar_broken'
      AND alerts.created_at > current_moment() - $2))
"""
_STALE: Final = """
SELECT concat(organizations.name, ' (' || practitioners.name || ')') AS whose
FROM calendar_connections AS connection
JOIN organizations ON organizations.id = connection.org_id
LEFT JOIN practitioners ON practitioners.org_id = connection.org_id
  AND practitioners.id = connection.practitioner_id
WHERE status = 'connected'
  AND coalesce(synced_at, connection.created_at)
    < current_moment() - make_interval(mins => calendar_stale_minutes)
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A connection as stored. `whose`: the clinic's name, and the practitioner's."""

    organization: UUID
    whose: str
    details: dict[str, Any]
    created_at: datetime


async def _connections(scene: Examination, vendor: str) -> list[Known]:
    async with scene.owner() as connection:
        rows = await connection.fetch(_CONNECTIONS, vendor)
    return [
        Known(row["org_id"], row["whose"], loads(row["details"]), row["created_at"]) for row in rows
    ]


async def check_google_client(scene: Examination) -> Finding:
    """Whether Google knows the client, by the way it refuses a token that nobody has."""
    settings = scene.settings
    client = google_client(settings)
    if client is None:
        if settings.google_client_id or settings.google_client_secret:
            return failed("one of its two settings is missing", SET_UP)
        if connections := await _connections(scene, "google"):
            return failed(
                f"none is set, but {counted(len(connections), 'calendar')} need it", SET_UP
            )
        return off("no OAuth client is set")
    grant = {"grant_type": "refresh_token", "refresh_token": _NO_TOKEN}
    async with open_client() as http:
        try:
            await ask_for_tokens(http, client, datetime.now(UTC), grant)
        except AccessError:
            return ok("Google knows it")
        except CalendarError as error:
            if error.error_code == "client_refused":
                return failed("Google refuses it", f"correct {SET_UP}")
            return failed(
                f"Google can't be asked ({error.error_code})",
                f"let this machine reach {client.oauth_url}",
            )
    return ok("Google knows it")


async def check_google_tokens(scene: Examination) -> Finding:
    """Each token renewed as the product renews it, its scope, and a look into the calendar."""
    client, fernet = google_client(scene.settings), scene.fernet()
    known = await _connections(scene, "google")
    if not known:
        return off("no clinic has connected a Google Calendar")
    if client is None or fernet is None:
        return Finding(
            State.FAILED,
            "they can't be tried",
            "see google_client, encryption_key",
            (0, len(known)),
        )
    async with scene.target.api(2) as pool, open_client() as http:

        async def look(one: Known) -> str | None:
            connection = read_connection(fernet, one.organization, one.details)
            access = GoogleAccess(connection, pool, fernet, http, client)
            return await _renewed(access)

        return await _tried(known, look, "token renewed, with calendar.events", RECONNECT)


async def _renewed(access: GoogleAccess) -> str | None:
    """What is wrong with a consent; None: nothing."""
    before = access.connection.credentials
    await access.token(refused=str(before["access_token"]))
    tokens = access.renewed
    if tokens is not None:
        if tokens.scope is not None and SCOPE not in tokens.scope.split():
            return "without calendar.events"
        if tokens.consent_ends_at is not None:
            return f"ends {tokens.consent_ends_at:%d %B}: is the Google project in Testing?"
    begin = access.clock()
    async for _ in GoogleCalendar(access).changes(
        None, Window(begin, begin + timedelta(minutes=1))
    ):
        break
    return None


async def check_google_testing(scene: Examination) -> Finding:
    if google_client(scene.settings) is None:
        return off("no OAuth client is set")
    async with scene.owner() as connection:
        rows = await connection.fetch(_ENDED, TESTING_FROM, TESTING_UNTIL)
    if rows:
        surely = {row["whose"] for row in rows if row["is_broken"]}
        tell, verb = (failed, "ended") if surely else (warn, "may have ended")
        return tell(
            f"consents {verb} seven days after they were given, as of a project in Testing: "
            f"{named(surely or {row['whose'] for row in rows})}",
            IN_TESTING,
        )
    return ok("no consent ended after seven days")


async def check_caldav(scene: Examination) -> Finding:
    fernet, known = scene.fernet(), await _connections(scene, "caldav")
    if not known:
        return off("no clinic has connected a CalDAV calendar")
    if fernet is None:
        return Finding(State.FAILED, "they can't be tried", "see encryption_key", (0, len(known)))
    async with scene.target.api(2) as pool, AsyncExitStack() as stack:
        calendars = CalDavCalendars(pool, loopback=not scene.production)
        stack.push_async_callback(calendars.close)

        async def look(one: Known) -> str | None:
            connection = read_connection(fernet, one.organization, one.details)
            await calendars.collection(connection, calendars.open(connection).dav)
            return None

        return await _tried(
            known, look, "reached", "voxanne calendar connect-caldav CLINIC, or mend the server"
        )


async def check_calendar_mirror(scene: Examination) -> Finding:
    """Whether what staff put into their calendars is seen here."""
    async with scene.owner() as connection:
        if not await connection.fetchval(
            "SELECT count(*) FROM calendar_connections WHERE status = 'connected'"
        ):
            return off("no calendar is connected")
        rows = await connection.fetch(_STALE)
    if rows:
        return failed(
            f"not read for longer than the clinic allows: {named([row['whose'] for row in rows])}",
            "start `voxanne worker`; then `voxanne calendar list CLINIC` tells what is wrong",
        )
    return ok("every calendar was read within the time its clinic allows")


async def _tried(
    known: Sequence[Known],
    look: Callable[[Known], Awaitable[str | None]],
    good: str,
    fix: str,
) -> Finding:
    tried = random.sample(list(known), min(len(known), TRIED_MAX))
    gate = asyncio.Semaphore(TRIED_AT_ONCE)

    async def try_one(one: Known) -> tuple[str, str] | None:
        """What is wrong, and its cure."""
        if one.details["status"] == "broken":
            return f"{one.whose}: broken, {one.details['error_code']}", fix
        async with gate:
            try:
                wrong, cure = await look(one), fix
            except (AccessError, CalendarGoneError) as error:
                wrong, cure = error.error_code, fix
            except CalendarError as error:
                wrong, cure = error.error_code, LOOK_AGAIN
        return (
            (f"{one.whose}: {wrong}", IN_TESTING if "Testing" in wrong else cure) if wrong else None
        )

    found = [said for said in await asyncio.gather(*map(try_one, tried)) if said is not None]
    wrong = [said for said, _ in found]
    parts = (len(tried) - len(wrong), len(tried))
    if wrong:
        detail = f"{len(wrong)} of {counted(len(tried), 'calendar')}: {named(wrong)}"
        cures = "; or ".join(dict.fromkeys(cure for _, cure in found))
        return Finding(State.FAILED, detail, cures, parts)
    more = f", of {len(known):,}" if len(known) > len(tried) else ""
    return Finding(State.OK, f"{counted(len(tried), 'calendar')}{more}: {good}", "", parts)
