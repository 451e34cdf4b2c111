"""A deployment that can be broken: the API behind a socket, a worker with its chores and a port for
its figures, Google as a fake, a clinic with a calendar. No test in here.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import asyncpg
import httpx2
import pytest

import voxanne.work
from tests.database import Database
from tests.fakes.google_calendar import CALENDAR_PATH, CLIENT_ID, CLIENT_SECRET, FakeGoogle
from tests.integration.clinics import (
    NOW,
    Api,
    Json,
    connected_app,
    open_clinic,
    serving,
    settings_for,
)
from tests.integration.tool_calls import use
from tests.metrics.promtool import Scrape
from voxanne.cli.working import Work, metrics_at, open_work
from voxanne.config import Settings
from voxanne.deliveries import http as deliveries_http
from voxanne.deliveries import webhooks as deliveries_webhooks
from voxanne.deployment import Deployment
from voxanne.outbox.metrics import WorkerMetrics

# So that BUSY comes soon where a lock is held, and not where the machine is slow.
LOCK_WAIT = "1s"
DATABASE_WAIT_MS = 10_000
CALLERS_AT_ONCE = 4
SECONDS_MAX = 20.0
MONDAY = NOW.replace(day=9, hour=0)


@dataclass
class Stage:
    """`now` is the clock of the database, which tests move. Bookings are a day or more ahead."""

    api: Api
    work: Work
    worker_url: str
    google: FakeGoogle
    now: datetime = NOW
    booked: int = 0

    async def scrape(self) -> Scrape:
        """One look at both processes, after what they do every minute."""
        for chore in ("queue age", "inspection"):
            with contextlib.suppress(Exception):  # as the worker's loop does
                await self.chore(chore)
        scrape = Scrape(time.time())
        scrape.add("voxanne-api", "api:3001", await shown(str(self.api.http.base_url)))
        scrape.add("voxanne-worker", "worker:9464", await shown(self.worker_url))
        return scrape

    async def chore(self, name: str) -> None:
        (chore,) = (chore for chore in self.work.chores if chore.name == name)
        await chore.run()

    async def pass_time(self, span: timedelta) -> None:
        self.now += span
        await self.api.database.set_clock(self.now)

    async def book(self, count: int = 1) -> list[str]:
        """So many callers, for times of their own. What each was answered."""
        free = asyncio.Semaphore(CALLERS_AT_ONCE)
        return await asyncio.gather(*(self._book(free) for _ in range(count)))

    async def _book(self, free: asyncio.Semaphore) -> str:
        self.booked += 1
        days, slot = divmod(self.booked, 8)
        weeks, weekday = divmod(days, 5)
        start = MONDAY + timedelta(days=weekday, weeks=weeks, hours=9 + slot)
        wish = {"name": "Maya Okafor", "scheduledAt": start.isoformat()}
        who: Json = {
            "caller": f"+447700{900000 + self.booked}",
            "call_id": f"call-{self.booked}",
        }
        async with free:
            payload = await use(self.api, "bookClinicAppointment", wish, **who)
        return str(payload.get("error", "SUCCESS"))

    async def delivered(self) -> None:
        """Return when nothing is due any more."""
        query = (
            "SELECT count(*) FROM deliveries "
            "WHERE status IN ('queued', 'sending') AND due_at <= current_moment() + interval '70 s'"
        )
        until = time.monotonic() + SECONDS_MAX
        while await self.api.value(query):
            assert time.monotonic() < until, "still due"
            await asyncio.sleep(0.05)

    async def connect_calendar(self) -> None:
        answer = await self.api.database.call(
            await self.api.database.owner(),
            "connect_calendar",
            self.api.clinic.id,
            practitioner_id=None,
            vendor="google",
            calendar="primary",
            account=None,
            credentials=self.api.fernet.encrypt(json.dumps(self.google.grant()).encode()),
            access_expires_at=self.google.now() + timedelta(hours=1),
        )
        assert answer["success"], answer

    @contextlib.asynccontextmanager
    async def locked(self, *tables: str) -> AsyncIterator[None]:
        """Somebody keeps everybody else from them: a migration, a forgotten transaction."""
        async with self._transaction() as connection:
            await connection.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
            yield

    @contextlib.asynccontextmanager
    async def no_claims(self) -> AsyncIterator[None]:
        """Somebody holds what a worker must have to claim the clinic's deliveries."""
        async with self._transaction() as connection:
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended($1::text || channel, 5)) "
                "FROM unnest(ARRAY['calendar', 'sms', 'email', 'webhook', 'alert']) AS channel",
                str(self.api.clinic.id),
            )
            yield

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        patient = {"lock_timeout": "0"}
        connection = await asyncpg.connect(self.api.database.owner_url, server_settings=patient)
        try:
            async with connection.transaction():
                yield connection
        finally:
            await connection.close()


async def shown(url: str) -> str | None:
    """What a process says at /metrics; None: it doesn't answer."""
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as http:
            answer = await http.get(f"{url.rstrip('/')}/metrics")
    except httpx2.TransportError:
        return None
    assert answer.status_code == 200, answer.text
    return answer.text


@contextlib.asynccontextmanager
async def working(settings: Settings, owner_url: str) -> AsyncIterator[tuple[Work, str]]:
    """A worker at work, and where its figures are."""
    metrics, stop = WorkerMetrics(), asyncio.Event()
    async with (
        closed_clients(),
        open_work(Deployment(settings, owner_url, None), metrics) as work,
    ):
        with metrics_at("127.0.0.1", 0, metrics) as port:
            running = asyncio.create_task(work.run(stop))
            try:
                yield work, f"http://127.0.0.1:{port}"
            finally:
                stop.set()
                await running


@contextlib.asynccontextmanager
async def closed_clients() -> AsyncIterator[None]:
    """A process ends with its HTTP clients; a test closes them."""
    async with contextlib.AsyncExitStack() as opened:
        with pytest.MonkeyPatch.context() as patched:
            for name in ("open_client", "open_webhook_client"):
                patched.setattr(voxanne.work, name, partial(_open, opened, name))
            yield


def _open(opened: contextlib.AsyncExitStack, name: str, **options: Any) -> httpx2.AsyncClient:
    module = deliveries_http if name == "open_client" else deliveries_webhooks
    client: httpx2.AsyncClient = getattr(module, name)(**options)
    opened.push_async_callback(client.aclose)
    return client


def stage_settings(database: Database, google: FakeGoogle) -> Settings:
    return settings_for(
        database.owner_url,
        database_wait_ms=DATABASE_WAIT_MS,
        calendar_wait_ms=0,
        calls_per_caller_per_minute=0,
        webhook_private_addresses=True,
        google_client_id=CLIENT_ID,
        google_client_secret=CLIENT_SECRET,
        google_oauth_url=google.url,
        google_calendar_url=google.url + CALENDAR_PATH,
    )


@contextlib.asynccontextmanager
async def serving_api(database: Database, settings: Settings) -> AsyncIterator[Api]:
    async with (
        connected_app(settings, database.owner_url) as (app, pool, fernet),
        serving(app) as http,
    ):
        yield Api(database, await open_clinic(database, "admin"), pool, fernet, http)


@contextlib.asynccontextmanager
async def open_stage(database: Database, google: FakeGoogle) -> AsyncIterator[Stage]:
    """All is well on it: a booking was made and is in the calendar."""
    await database.set_clock(NOW)
    owner = await database.owner()
    await owner.execute(f"ALTER DATABASE {database.name} SET lock_timeout = '{LOCK_WAIT}'")
    settings = stage_settings(database, google)
    async with (
        serving_api(database, settings) as api,
        working(settings, database.owner_url) as (work, worker_url),
    ):
        stage = Stage(api, work, worker_url, google)
        await stage.connect_calendar()
        assert await stage.book() == ["SUCCESS"]
        await stage.delivered()
        yield stage
