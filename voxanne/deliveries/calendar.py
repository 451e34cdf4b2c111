"""Calendars, whosever they are: what an event is, what a vendor's client can do, and the one way an
appointment gets into a calendar and out of it again.

An event is brought to what the appointment is now: written, read back, and only then delivered. Its
id is the appointment's, so that to do it twice makes no second one.
"""

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from cryptography.fernet import InvalidToken, MultiFernet

from voxanne.booking.functions import Database, available_zones, call
from voxanne.language.calendar_titles import appointment_title
from voxanne.outbox.types import Delivered, Delivery, Failed, Parked, Result, Retry, Voided

ROUNDS_MAX: Final = 3  # of reading and putting right, before it is left for another attempt
LIVE: Final = frozenset({"confirmed", "completed", "no_show"})


@dataclass(frozen=True, slots=True)
class Event:
    """One event, or one occurrence of a series. Times are aware, in UTC.

    `id`: of an occurrence, the series' id, `_` and whatever tells them apart. `appointment_id`:
    ours, by a mark that only we set. `busy`: it keeps time; not so when transparent or declined.
    A deleted event may come with nothing but `id` and `cancelled`; its times mean nothing.
    A changed series comes as one cancelled event with its id, then its occurrences as they are.
    """

    id: str
    starts_at: datetime
    ends_at: datetime
    etag: str | None = None
    title: str = ""
    description: str = ""
    cancelled: bool = False
    appointment_id: UUID | None = None
    busy: bool = True
    timezone: str = "UTC"  # IANA; in which it is written down

    def agrees_with(self, wanted: "Event") -> bool:
        """It is there, for the same appointment, at the same time."""
        return (
            not self.cancelled
            and self.appointment_id == wanted.appointment_id
            and (self.starts_at, self.ends_at) == (wanted.starts_at, wanted.ends_at)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """`next_sync_token`: on the last page alone; what to ask the next changes with."""

    events: tuple[Event, ...]
    next_sync_token: str | None


@dataclass(frozen=True, slots=True)
class Window:
    """What the mirror holds. Aware, UTC."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Connection:
    """A clinic's way into one calendar. `credentials` are readable: never log one.

    `credentials_version` rises with every change of them. `calendar`: Google's id of it, or the
    address of a CalDAV collection.
    """

    organization_id: UUID
    id: UUID
    vendor: str
    calendar: str
    status: str
    credentials_version: int
    access_expires_at: datetime | None
    credentials: Mapping[str, Any] = field(repr=False)
    error_code: str | None = None
    error: str | None = None


class CalendarError(Exception):
    """The vendor didn't do it, and may next time. `uncertain`: it may have done it all the same.

    `error` is for staff: a plain sentence, nothing of a patient, nothing of the vendor's answer.
    `credentials_version`: that of those that were used, where they were renewed since the claim.
    """

    credentials_version: int | None = None

    def __init__(
        self,
        error_code: str,
        error: str,
        *,
        retry_after_seconds: float | None = None,
        uncertain: bool = False,
    ) -> None:
        super().__init__(error)
        self.error_code = error_code
        self.error = error
        self.retry_after_seconds = retry_after_seconds
        self.uncertain = uncertain


class AccessError(CalendarError):
    """The credentials are refused for good: staff must connect the calendar again."""


class CalendarGoneError(CalendarError):
    """The calendar itself isn't there any more."""


class AlreadyThereError(Exception):
    """An event with this id exists, or existed: read it."""


class ChangedError(Exception):
    """The event isn't any more what the etag says: read it."""


class MissingError(Exception):
    """There is no such event."""


class SyncTokenError(Exception):
    """The vendor knows the sync token no longer: everything is to be read anew."""


class CalendarClient(Protocol):
    """One calendar. Everything may raise CalendarError, AccessError and CalendarGoneError."""

    async def insert(self, event: Event) -> Event:
        """Raises AlreadyThereError."""
        ...

    async def get(self, event_id: str) -> Event | None:
        """None: there is none such. One that was deleted may also come as a cancelled event."""
        ...

    async def replace(self, event: Event, etag: str | None) -> Event:
        """Brings back a cancelled one, too. Raises ChangedError, MissingError."""
        ...

    async def delete(self, event_id: str, etag: str | None) -> None:
        """One that isn't there is as good as deleted. Raises ChangedError."""
        ...

    def changes(self, sync_token: str | None, window: Window) -> AsyncIterator[Page]:
        """What changed since the token, deleted events included; without one, all that is in the
        window. To the last page. Raises SyncTokenError.
        """
        ...


# Opens a client. Raises CalendarError where the vendor isn't set up here, AccessError where the
# connection leads to nowhere that is allowed.
ClientFor = Callable[[Connection], CalendarClient]


def read_connection(fernet: MultiFernet, organization: UUID, row: Mapping[str, Any]) -> Connection:
    """From the database's JSON. Raises CalendarError when the credentials can't be decrypted: that
    is this deployment's fault, and no reason to have every clinic connect again.
    """
    try:
        plain = fernet.decrypt(base64.b64decode(row["credentials"] or ""))
    except InvalidToken:
        raise CalendarError(
            "unreadable_credentials", "The stored access can't be decrypted with the keys here."
        ) from None
    expires_at = row["access_expires_at"]
    return Connection(
        organization_id=organization,
        id=UUID(row["id"]),
        vendor=row["vendor"],
        calendar=row["calendar"],
        status=row["status"],
        credentials_version=row["credentials_version"],
        access_expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
        credentials=json.loads(plain),
        error_code=row["error_code"],
        error=row["error"],
    )


async def break_calendar(
    database: Database,
    organization: UUID,
    row: Mapping[str, Any],
    error: CalendarError,
) -> bool:
    """Mark the connection as broken and tell staff. False: it was connected anew meanwhile."""
    answer = await call(
        database,
        "break_calendar",
        {
            "p_org_id": organization,
            "p_connection_id": UUID(row["id"]),
            "p_credentials_version": error.credentials_version or row["credentials_version"],
            "p_error_code": error.error_code,
            "p_error": error.error,
        },
    )
    return bool(answer["broken"])


@dataclass(frozen=True, slots=True)
class CalendarSender:
    """Brings events to what their appointments are. An outbox Sender."""

    database: Database
    fernet: MultiFernet
    client_for: ClientFor

    async def look_up(self, delivery: Delivery) -> Result | None:
        """To send again does no harm."""
        return None

    async def send(self, delivery: Delivery) -> Result:
        appointment, here = delivery.details["appointment"], delivery.details["connection"]
        result: Result = Voided("not_connected", "No calendar is connected.")
        if appointment is None:
            return Voided("not_found", "There is no such appointment.")
        if here is not None:
            known = delivery.details["event"]
            live = appointment["status"] in LIVE and not delivery.details["erased"]
            result = await self._in_calendar(delivery, here, known, live=live)
        if isinstance(result, Delivered | Voided):
            # It moved to somebody else, or got a calendar of its own: not before it is there.
            for former in delivery.details["former"]:
                removed = await self._in_calendar(
                    delivery, former["connection"], former["event"], live=False
                )
                result = result if isinstance(removed, Delivered) else removed
        return result

    async def _in_calendar(
        self,
        delivery: Delivery,
        row: Mapping[str, Any],
        known: Mapping[str, Any] | None,
        *,
        live: bool,
    ) -> Result:
        if row["status"] == "broken":
            return Parked(row["error_code"] or "broken", row["error"] or "The calendar is broken.")
        try:
            client = self.client_for(read_connection(self.fernet, delivery.organization_id, row))
            wanted = _wanted(delivery)
            if live:
                return await self._put(client, delivery, UUID(row["id"]), wanted, known)
            return await self._remove(client, delivery, UUID(row["id"]), wanted, known)
        except (AccessError, CalendarGoneError) as error:
            if await break_calendar(self.database, delivery.organization_id, row, error):
                return Parked(error.error_code, error.error)
            return Retry(error.error_code, error.error)
        except CalendarError as error:
            return Retry(error.error_code, error.error, error.retry_after_seconds, error.uncertain)

    async def _put(
        self,
        client: CalendarClient,
        delivery: Delivery,
        connection: UUID,
        wanted: Event,
        known: Mapping[str, Any] | None,
    ) -> Result:
        await _write(client, wanted, _as_known(wanted, known))
        for _ in range(ROUNDS_MAX):
            found = await client.get(wanted.id)
            if found is not None and found.appointment_id != wanted.appointment_id:
                return Failed("id_taken", "Somebody else's event has this appointment's place.")
            if found is not None and found.agrees_with(wanted):
                await self._save(delivery, connection, found)
                return Delivered(found.id)
            await _write(client, wanted, found)
        return Retry("not_verified", "The event isn't in the calendar as it should be.")

    async def _remove(
        self,
        client: CalendarClient,
        delivery: Delivery,
        connection: UUID,
        wanted: Event,
        known: Mapping[str, Any] | None,
    ) -> Result:
        if known is not None:
            await _delete(client, wanted.id, known["etag"])
        for _ in range(ROUNDS_MAX):
            found = await client.get(wanted.id)
            if found is None or found.cancelled or found.appointment_id != wanted.appointment_id:
                break
            await _delete(client, wanted.id, found.etag)
        else:
            return Retry("not_verified", "The event is still in the calendar.")
        await call(
            self.database,
            "forget_calendar_event",
            {
                "p_org_id": delivery.organization_id,
                "p_appointment_id": delivery.subject_id,
                "p_connection_id": connection,
            },
        )
        return Delivered(wanted.id)

    async def _save(self, delivery: Delivery, connection: UUID, found: Event) -> None:
        await call(
            self.database,
            "save_calendar_event",
            {
                "p_org_id": delivery.organization_id,
                "p_appointment_id": delivery.subject_id,
                "p_connection_id": connection,
                "p_event_id": found.id,
                "p_etag": found.etag,
                "p_version": delivery.details["appointment"]["version"],
                "p_starts_at": found.starts_at,
                "p_ends_at": found.ends_at,
            },
        )


def _wanted(delivery: Delivery) -> Event:
    appointment, clinic = delivery.details["appointment"], delivery.organization
    # PostgreSQL takes some zones that aren't IANA's ("GMT+1").
    zone = clinic["timezone"] if clinic["timezone"] in available_zones() else "UTC"
    return Event(
        id=delivery.subject_id.hex,
        starts_at=datetime.fromisoformat(appointment["scheduled_at"]),
        ends_at=datetime.fromisoformat(appointment["ends_at"]),
        title=appointment_title(
            clinic["language"],
            clinic["calendar_title"],
            (appointment["patient"] or {}).get("name"),
            appointment["service_name"],
        ),
        appointment_id=delivery.subject_id,
        timezone=zone,
    )


def _as_known(wanted: Event, known: Mapping[str, Any] | None) -> Event | None:
    """The event as it was when it was last verified."""
    if known is None:
        return None
    return replace(
        wanted,
        etag=known["etag"],
        starts_at=datetime.fromisoformat(known["starts_at"]),
        ends_at=datetime.fromisoformat(known["ends_at"]),
    )


async def _write(client: CalendarClient, wanted: Event, found: Event | None) -> None:
    """Bring what was found to what is wanted. Whatever comes in between shows when it is read."""
    if found is None:
        with suppress(AlreadyThereError):
            await client.insert(wanted)
    elif not found.agrees_with(wanted):
        with suppress(ChangedError, MissingError):
            await client.replace(wanted, found.etag)


async def _delete(client: CalendarClient, event_id: str, etag: str | None) -> None:
    with suppress(ChangedError):
        await client.delete(event_id, etag)
