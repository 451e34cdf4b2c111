"""A clinic with a Google Calendar, and what carries its deliveries out. No test in here."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
from cryptography.fernet import Fernet, MultiFernet

from tests.database import START, Booking, Database
from tests.fakes.google_calendar import (
    CALENDAR_PATH,
    CLIENT_ID,
    CLIENT_SECRET,
    FakeGoogle,
    fake_google,
)
from tests.fakes.google_discovery import contract_breaks
from tests.fakes.google_events import FakeCalendar
from tests.integration.clinics import settings_for
from voxanne.deliveries.calendar import CalendarSender
from voxanne.deliveries.calendar_sync import CalendarSync
from voxanne.deliveries.google_connect import Google
from voxanne.deliveries.google_tokens import GoogleClient
from voxanne.deliveries.http import TIMEOUT, open_client
from voxanne.deployment import Deployment, open_api_pool
from voxanne.outbox.worker import Worker
from voxanne.postgres.pool import Pool

Json = dict[str, Any]


@dataclass
class GoogleClinic:
    """`org_id` has the calendar `primary` unless it is told otherwise."""

    database: Database
    pool: Pool
    fernet: MultiFernet
    fake: FakeGoogle
    google: Google
    org_id: UUID
    answers: list[int] = field(default_factory=list)  # to pushes

    @property
    def worker(self) -> Worker:
        sender = CalendarSender(self.pool, self.fernet, self.google.calendar)
        return Worker(self.pool, {"calendar": sender})

    @property
    def sync(self) -> CalendarSync:
        return CalendarSync(self.pool, self.fernet, self.google.calendar, self.google.watch)

    @property
    def events(self) -> dict[str, Json]:
        """What is in the calendar, by id."""
        return self.fake.calendar().live

    async def connect(
        self, calendar: str = "primary", practitioner: UUID | None = None, org: UUID | None = None
    ) -> UUID:
        """As after a consent; the access token lasts an hour."""
        granted = self.fake.grant()
        answer = await self.call(
            "connect_calendar",
            org,
            practitioner_id=practitioner,
            vendor="google",
            calendar=calendar,
            account=None,
            credentials=self.fernet.encrypt(json.dumps(granted).encode()),
            access_expires_at=self.fake.now() + timedelta(seconds=self.fake.access_seconds),
        )
        assert answer["success"], answer
        return UUID(answer["id"])

    async def book(self, starts_at: datetime = START, **more: object) -> Booking:
        answer = await self.try_to_book(starts_at, **more)
        assert answer["success"], answer
        return answer

    async def try_to_book(self, starts_at: datetime = START, **more: object) -> Booking:
        org_id = more.pop("org_id", self.org_id)
        assert isinstance(org_id, UUID)
        return await self.database.book(
            await self.database.owner(), org_id, scheduled_at=starts_at, **more
        )

    async def move(
        self, booked: Booking, starts_at: datetime, practitioner_id: UUID | None = None
    ) -> None:
        moved = await self.call(
            "reschedule_appointment",
            appointment_id=UUID(booked["appointment_id"]),
            scheduled_at=starts_at,
            practitioner_id=practitioner_id,
        )
        assert moved["success"], moved

    async def cancel(self, booked: Booking) -> None:
        gone = await self.call("cancel_appointment", appointment_id=UUID(booked["appointment_id"]))
        assert gone["success"], gone

    async def call(self, function: str, org: UUID | None = None, **given: object) -> Booking:
        owner = await self.database.owner()
        return await self.database.call(owner, function, org or self.org_id, **given)

    async def rows(self, query: str, *arguments: object) -> list[Json]:
        return [dict(row) for row in await (await self.database.owner()).fetch(query, *arguments)]

    async def value(self, query: str, *arguments: object) -> Any:
        return await (await self.database.owner()).fetchval(query, *arguments)

    async def deliver(self) -> None:
        """Carry out what is due, and what waits for its next try but isn't parked."""
        await self.value(
            "UPDATE deliveries SET due_at = current_moment() "
            "WHERE status = 'queued' AND due_at < 'infinity'"
        )
        await self.worker.drain()

    async def read_calendars(self) -> int:
        """Every connected calendar, whenever it would be due."""
        await self.value("UPDATE calendar_connections SET sync_due_at = current_moment()")
        return await self.sync.run()

    async def read_own(self) -> None:
        """This clinic's alone."""
        await self.value(
            "UPDATE calendar_connections SET sync_due_at = current_moment() WHERE org_id = $1",
            self.org_id,
        )
        await self.sync.sync_organization(self.org_id)

    async def delivery(self, booked: Booking) -> Json:
        """The newest calendar delivery of an appointment."""
        (row, *_) = await self.rows(
            "SELECT status, error_code, error, due_at = 'infinity' AS parked, external_id, version "
            "FROM deliveries WHERE subject_id = $1 AND kind = 'calendar' ORDER BY version DESC",
            UUID(booked["appointment_id"]),
        )
        return row

    async def appointment(self, booked: Booking) -> Json:
        (row,) = await self.rows(
            "SELECT * FROM appointments WHERE id = $1", UUID(booked["appointment_id"])
        )
        return row

    async def calendars(self) -> list[Json]:
        listed: list[Json] = (await self.call("list_calendars"))["calendars"]
        return listed

    async def alerts(self) -> list[str]:
        return [row["kind"] for row in await self.rows("SELECT kind FROM alerts ORDER BY kind")]


def event_id(booked: Booking) -> str:
    return UUID(booked["appointment_id"]).hex


def starts_at(event: Json) -> datetime:
    return datetime.fromisoformat(event["start"]["dateTime"])


def timed(starts: datetime, ends: datetime, **more: Any) -> Json:
    """An event as staff make one."""
    edges = {"start": {"dateTime": starts.isoformat()}, "end": {"dateTime": ends.isoformat()}}
    return {**edges, "summary": "Dentist's own dentist", **more}


def staff_move(calendar: FakeCalendar, id_: str, starts: datetime, ends: datetime) -> None:
    calendar.patch(id_, timed(starts, ends), None)


@contextlib.asynccontextmanager
async def google_clinic(
    database: Database, *, public_url: str | None = None
) -> AsyncIterator[GoogleClinic]:
    """Not connected yet. In the end what was exchanged is held against Google's own description."""
    async with fake_google() as fake, clinic_at(database, fake, fake.url, public_url) as clinic:
        yield clinic


@contextlib.asynccontextmanager
async def clinic_at(
    database: Database,
    fake: FakeGoogle,
    url: str,
    public_url: str | None = None,
    patience: httpx2.Timeout = TIMEOUT,
) -> AsyncIterator[GoogleClinic]:
    """The same at a fake that somebody else runs, reached by `url`."""
    settings = settings_for(database.owner_url)
    pool = await open_api_pool(Deployment(settings, database.owner_url, None))
    fernet = MultiFernet([Fernet(Fernet.generate_key())])
    async with open_client(timeout=patience) as http:
        client = GoogleClient(CLIENT_ID, CLIENT_SECRET, url, url + CALENDAR_PATH)
        google = Google(client, http, pool, fernet, public_url)
        clinic = GoogleClinic(database, pool, fernet, fake, google, await database.organization())
        try:
            yield clinic
        finally:
            await pool.close()
        assert [broken for each in fake.exchanges for broken in contract_breaks(each)] == []
