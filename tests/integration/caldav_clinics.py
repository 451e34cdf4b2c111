"""A clinic whose calendar is on a real Radicale, and its worker. No test in here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2

from tests.fakes.radicale_server import PASSWORD, USER, Desk
from tests.integration.clinics import Api, Json
from tests.integration.v1_requests import THURSDAY, Client, booking, client, refusal
from voxanne.deliveries.caldav_calendar import CalDavCalendars
from voxanne.deliveries.calendar import CalendarSender
from voxanne.deliveries.calendar_sync import CalendarSync
from voxanne.deliveries.http import open_client
from voxanne.outbox.worker import Worker


@dataclass(frozen=True)
class Practice:
    """The clinic and the worker's parts that work on its calendars."""

    api: Api
    admin: Client
    calendars: CalDavCalendars
    worker: Worker
    sync: CalendarSync

    async def connect(self, address: str, **changes: Any) -> UUID:
        """By REST; returns the connection's id."""
        body = {"address": address, "user": USER, "password": PASSWORD, **changes}
        return UUID((await self.admin.post("calendars/caldav/connect", body))["id"])

    async def deliver(self) -> None:
        """All that is due, now: what was tried in vain as well."""
        await self.api.value(
            "UPDATE deliveries SET due_at = current_moment() - interval '1 second' "
            "WHERE status = 'queued' AND due_at < 'infinity' AND channel = 'calendar'"
        )
        await self.worker.drain()

    async def read(self) -> int:
        """Read every connected calendar, due or not."""
        await self.api.value(
            "UPDATE calendar_connections "
            "SET sync_due_at = current_moment() - interval '1 second', sync_leased_until = NULL"
        )
        return await self.sync.run()

    async def book(self, start: datetime = THURSDAY, /, **changes: object) -> Json:
        booked = await self.admin.book(start, **changes)
        await self.deliver()
        return booked

    async def books_in_vain(self, start: datetime) -> str:
        reply = await self.admin.send("POST", "appointments", booking(start))
        return str(refusal(reply)["code"])

    async def connection(self) -> Json:
        (row,) = await self.api.rows(
            "SELECT * FROM calendar_connections WHERE status <> 'disconnected'"
        )
        return row

    async def appointment(self, booked: Json) -> Json:
        query = "SELECT * FROM appointments WHERE id = $1"
        (row,) = await self.api.rows(query, UUID(booked["id"]))
        return row

    async def delivery(self, booked: Json) -> Json:
        """The newest of its calendar."""
        query = (
            "SELECT * FROM deliveries WHERE subject_id = $1 AND kind = 'calendar' "
            "ORDER BY version DESC LIMIT 1"
        )
        (row,) = await self.api.rows(query, UUID(booked["id"]))
        return row

    async def alerts(self) -> list[str]:
        return [row["kind"] for row in await self.api.rows("SELECT kind FROM alerts")]

    async def busy(self) -> list[tuple[datetime, timedelta]]:
        rows = await self.api.rows("SELECT * FROM busy_times ORDER BY starts_at")
        return [(row["starts_at"], row["ends_at"] - row["starts_at"]) for row in rows]


@asynccontextmanager
async def open_practice(api: Api, wait_seconds: float = 10) -> AsyncIterator[Practice]:
    """`wait_seconds`: for the server."""
    inside = open_client(timeout=httpx2.Timeout(wait_seconds))
    calendars = CalDavCalendars(api.pool, loopback=True, inside=inside)
    sender = CalendarSender(api.pool, api.fernet, calendars.open)
    try:
        yield Practice(
            api,
            await client(api, "admin"),
            calendars,
            Worker(api.pool, {"calendar": sender}),
            CalendarSync(api.pool, api.fernet, calendars.open),
        )
    finally:
        await calendars.close()


def uid(booked: Json) -> str:
    return f"{booked['id']}@calendar.voxanne"


def name(booked: Json) -> str:
    """Of the appointment's resource."""
    return f"{UUID(booked['id']).hex}.ics"


def times(desk: Desk) -> dict[str, tuple[datetime, datetime]]:
    """What is in the calendar, by UID."""
    return {id_: (event.start, event.end) for id_, event in desk.events().items()}
