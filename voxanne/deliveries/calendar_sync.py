"""The mirror: what practitioners' calendars hold besides our own, and what staff did to ours.

Each connected calendar is read every five minutes, and at once when its vendor says that something
changed: by deltas, now and then from the ground up. Any number of processes may run it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from cryptography.fernet import MultiFernet

from voxanne.booking.functions import Database, call
from voxanne.deliveries.calendar import (
    AccessError,
    CalendarClient,
    CalendarError,
    CalendarGoneError,
    ClientFor,
    Connection,
    Event,
    SyncTokenError,
    Window,
    break_calendar,
    read_connection,
)
from voxanne.outbox.chores import find_organizations

AT_ONCE_MAX: Final = 8
CALENDARS_OF_A_CLINIC_MAX: Final = 100
LEASE_SECONDS: Final = 180
SYNC_SECONDS_MAX: Final = 150.0
EVENTS_MAX: Final = 100_000
# Of our events at once. More than that is an emptied calendar, and not the clinic's wish to have
# every patient told that their appointment is cancelled.
DELETED_MAX: Final = 25

# Sees to it that the vendor tells us of changes; given the claim's JSON.
Watch = Callable[[Connection, CalendarClient, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Listing:
    """What one reading found, by event id, and where the next one goes on."""

    events: Mapping[str, Event]
    sync_token: str | None
    full: bool


@dataclass(frozen=True, slots=True)
class CalendarSync:
    """Reads what is due. A chore's work."""

    database: Database
    fernet: MultiFernet
    client_for: ClientFor
    watch: Watch | None = None

    async def run(self) -> int:
        """One round: every calendar that is due is read. Returns how many were."""
        due = await find_organizations(self.database, "organizations_with_due_calendars")
        free = asyncio.Semaphore(AT_ONCE_MAX)

        async def read(organization: UUID) -> int:
            async with free:
                return await self.sync_organization(organization)

        counts = await asyncio.gather(*map(read, due), return_exceptions=True)
        for count in counts:
            if isinstance(count, BaseException):
                raise count  # the others were read all the same
        return sum(count for count in counts if isinstance(count, int))

    async def sync_organization(self, organization: UUID) -> int:
        """Reads what is due of one clinic. Returns how many calendars."""
        claimed = await call(
            self.database,
            "claim_calendar_sync",
            {
                "p_org_id": organization,
                "p_limit": CALENDARS_OF_A_CLINIC_MAX,
                "p_lease_seconds": LEASE_SECONDS,
            },
        )
        for calendar in claimed["calendars"]:
            await self._sync_or_say_why(organization, calendar)
        return len(claimed["calendars"])

    async def _sync_or_say_why(self, organization: UUID, claimed: Mapping[str, Any]) -> None:
        row = claimed["connection"]
        try:
            async with asyncio.timeout(SYNC_SECONDS_MAX):
                await self._sync(organization, claimed)
        except (AccessError, CalendarGoneError) as error:
            await break_calendar(self.database, organization, row, error)
        except CalendarError as error:
            await self._fail(organization, claimed, error)
        except TimeoutError:
            late = CalendarError("timeout", "Reading the calendar took too long.")
            await self._fail(organization, claimed, late)

    async def _sync(self, organization: UUID, claimed: Mapping[str, Any]) -> None:
        connection = read_connection(self.fernet, organization, claimed["connection"])
        client = self.client_for(connection)
        window = Window(
            datetime.fromisoformat(claimed["window_starts_at"]),
            datetime.fromisoformat(claimed["window_ends_at"]),
        )
        listing = await _read(client, claimed["sync_token"], window)
        changed = await self._changed(connection, client, claimed, window, listing)
        emptied = sum(event.cancelled for event in changed) > DELETED_MAX
        for event in changed:
            await self._follow(connection, event, restore=emptied and event.cancelled)
        await call(
            self.database,
            "finish_calendar_sync",
            {
                "p_org_id": organization,
                "p_connection_id": connection.id,
                "p_round": claimed["round"],
                "p_full": listing.full,
                "p_events": json.dumps(_busy_times(listing, window)),
                "p_sync_token": listing.sync_token,
            },
        )
        if self.watch is not None:
            await self.watch(connection, client, claimed)

    async def _changed(
        self,
        connection: Connection,
        client: CalendarClient,
        claimed: Mapping[str, Any],
        window: Window,
        listing: _Listing,
    ) -> list[Event]:
        """Our own events that aren't as we left them, as they are now."""
        found = [
            {
                "id": event.id,
                "etag": event.etag,
                "ours": event.appointment_id is not None,
                "cancelled": event.cancelled,
            }
            for event in listing.events.values()
            if event.cancelled or event.appointment_id is not None
        ]
        if not found and not listing.full:
            return []
        answer = await call(
            self.database,
            "changed_calendar_events",
            {
                "p_org_id": connection.organization_id,
                "p_connection_id": connection.id,
                "p_events": json.dumps(found),
                "p_full": listing.full,
                "p_window_starts_at": window.starts_at,
                "p_window_ends_at": window.ends_at,
                "p_claimed_at": datetime.fromisoformat(claimed["claimed_at"]),
            },
        )
        changed = [listing.events[event_id] for event_id in answer["changed"]]
        for event_id in answer["missing"]:
            # Before an appointment is cancelled for it, ask once more.
            event = await client.get(event_id)
            gone = Event(event_id, window.starts_at, window.ends_at, cancelled=True)
            changed.append(event or gone)
        return changed

    async def _follow(self, connection: Connection, event: Event, *, restore: bool) -> None:
        await call(
            self.database,
            "follow_calendar_event",
            {
                "p_org_id": connection.organization_id,
                "p_connection_id": connection.id,
                "p_event_id": event.id,
                "p_etag": event.etag,
                "p_starts_at": event.starts_at,
                "p_ends_at": event.ends_at,
                "p_cancelled": event.cancelled,
                "p_restore": restore,
            },
        )

    async def _fail(
        self, organization: UUID, claimed: Mapping[str, Any], error: CalendarError
    ) -> None:
        await call(
            self.database,
            "fail_calendar_sync",
            {
                "p_org_id": organization,
                "p_connection_id": UUID(claimed["connection"]["id"]),
                "p_round": claimed["round"],
                "p_error_code": error.error_code,
                "p_error": error.error,
                "p_retry_seconds": error.retry_after_seconds,
            },
        )


async def _read(client: CalendarClient, sync_token: str | None, window: Window) -> _Listing:
    """Every page; from the ground up when the vendor knows the token no longer."""
    events: dict[str, Event] = {}
    next_token: str | None = None
    try:
        async for page in client.changes(sync_token, window):
            for event in page.events:
                # The last word about an event counts, in the order it was said.
                events.pop(event.id, None)
                events[event.id] = event
            next_token = page.next_sync_token
            if len(events) > EVENTS_MAX:
                raise CalendarError("too_many_events", "The calendar holds too many events.")
    except SyncTokenError:
        if sync_token is None:
            raise CalendarError("sync_refused", "The calendar could not be read.") from None
        return await _read(client, None, window)
    return _Listing(events, next_token, full=sync_token is None)


def _busy_times(listing: _Listing, window: Window) -> list[dict[str, object]]:
    """All that changed, and whether it keeps time in the window. No titles."""
    return [
        {
            "id": event.id,
            "starts_at": event.starts_at.isoformat(),
            "ends_at": event.ends_at.isoformat(),
            "busy": event.busy
            and not event.cancelled
            and event.appointment_id is None
            and event.starts_at < window.ends_at
            and event.ends_at > window.starts_at,
        }
        for event in listing.events.values()
    ]
