"""An API over a test's database, and clinics that call it. No test in here."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
from cryptography.fernet import Fernet, MultiFernet

from tests.database import Database
from tests.fakes.serving import serve_app
from tests.printed import plant, plant_settings
from tests.unit import vapi_bodies as bodies
from voxanne.app import create_app
from voxanne.config import Settings
from voxanne.deployment import Deployment, load_fernet, open_api_pool
from voxanne.inbound.http import Entrance
from voxanne.postgres import organizations
from voxanne.postgres.pool import Pool

TOOL_URL = "/api/vapi/tools/bookClinicAppointment"
VAPI_URL = "/api/vapi"
RPC_URL = "/rest/v1/rpc/book_appointment_atomic"
# A Monday morning, three weeks before Thursday 26 November.
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
THURSDAY_AT_TEN = "2026-11-26T10:00"
# All that a booking writes, and what a message writes.
TABLES = ("leads", "appointments", "events", "deliveries", "voice_messages", "practitioners")

MAYA = plant("a patient's name", "Maya Okafor")
plant("a patient's e-mail", "@planted.example")

Json = dict[str, Any]


@dataclass(frozen=True)
class Clinic:
    """A tenant, and the key that speaks for it."""

    id: UUID
    key: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True)
class Api:
    """The running API. Requests speak for `clinic` unless other headers are given."""

    database: Database
    clinic: Clinic
    pool: Pool
    fernet: MultiFernet
    http: httpx2.AsyncClient

    async def post(
        self, path: str, body: object, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """POST; bytes and text go as they are."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        sent = {"Content-Type": "application/json"}
        sent |= self.clinic.bearer if headers is None else headers
        return await self.http.post(path, content=content, headers=sent)

    async def answer(
        self, body: object, headers: Mapping[str, str] | None = None, path: str = VAPI_URL
    ) -> Json:
        """The answer's body, with HTTP 200 as always."""
        reply = await self.post(path, body, headers)
        assert reply.status_code == 200, reply.text
        answered: Json = reply.json()
        return answered

    async def use_tool(
        self,
        arguments: object,
        *,
        headers: Mapping[str, str] | None = None,
        tool_call_id: str = "call_1",
        **body: Any,
    ) -> Json:
        """The payload that one call in Vapi's wire shape is answered with."""
        call = bodies.tool_call(tool_call_id, arguments=arguments)
        answered = await self.answer(bodies.envelope([call], **body), headers)
        return payload_of(answered)

    async def book(self, headers: Mapping[str, str] | None = None, **changes: Any) -> Json:
        """The payload of a booking by Maya Okafor on that Thursday at ten, but for `changes`.

        Changes named like bodies.envelope's parameters change the call, the others the arguments.
        """
        about_call = {"caller", "call_id", "tool_call_id", "metadata", "phone_number_id"}
        about_call |= {"dialled", "assistant_id"}
        said = {name: value for name, value in changes.items() if name not in about_call}
        call = {name: value for name, value in changes.items() if name in about_call}
        return await self.use_tool(wish(**said), headers=headers, **call)

    async def counts(self) -> dict[str, int]:
        """How many rows each table has that a request may write to."""
        connection = await self.database.owner()
        counted = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in TABLES)
        return dict(await connection.fetchrow(f"SELECT {counted}") or {})

    async def rows(self, query: str, *arguments: object) -> list[Json]:
        """What the owner reads, as plain dicts."""
        connection = await self.database.owner()
        return [dict(row) for row in await connection.fetch(query, *arguments)]

    async def value(self, query: str, *arguments: object) -> Any:
        return await (await self.database.owner()).fetchval(query, *arguments)

    async def open_clinic(self, scope: str = "agent", **columns: Any) -> Clinic:
        return await open_clinic(self.database, scope, **columns)

    async def new_key(self, clinic: Clinic, scope: str) -> Clinic:
        key = await organizations.create_key(await self.database.owner(), clinic.id, scope)
        return Clinic(clinic.id, key)

    async def add_line(self, clinic: Clinic, **names: str) -> None:
        await organizations.add_line(await self.database.owner(), clinic.id, names)


def wish(**changes: object) -> dict[str, object]:
    """A booking's arguments; those changed to None are left out."""
    arguments = {"name": MAYA, "scheduledAt": THURSDAY_AT_TEN, **changes}
    return {name: value for name, value in arguments.items() if value is not None}


def payload_of(answered: Json) -> Json:
    """What the only entry of `results` says, under `result` or `error`."""
    (entry,) = answered["results"]
    payload: Json = json.loads(entry.get("result") or entry["error"])
    return payload


async def open_clinic(
    database: Database,
    scope: str = "agent",
    *,
    name: str = "Harbor Dental",
    timezone: str = "Europe/London",
    country: str | None = "GB",
) -> Clinic:
    """A clinic as `voxanne org create` makes it: weekdays 9 to 17, one practitioner."""
    connection = await database.owner()
    created = await organizations.create_organization(
        connection, name, timezone=timezone, country=country
    )
    return Clinic(created, await organizations.create_key(connection, created, scope))


def settings_for(owner_url: str, **changes: object) -> Settings:
    """Settings of these values alone: neither `.env` nor a default that makes a file."""
    values: dict[str, Any] = {
        "DATABASE_URL": owner_url,
        "encryption_keys": Fernet.generate_key().decode(),
        "credential_cache_seconds": 0,
        "data_dir": Path("/nonexistent"),
        **changes,
    }
    plant_settings(values)
    return Settings(_env_file=None, **values)


@contextlib.asynccontextmanager
async def running_api(
    database: Database, *, on_socket: bool = False, **settings: object
) -> AsyncIterator[Api]:
    """The API at NOW, in this process; `on_socket`: behind a real server on 127.0.0.1."""
    await database.set_clock(NOW)
    chosen = settings_for(database.owner_url, **settings)
    async with connected_app(chosen, database.owner_url) as (app, pool, fernet):
        opened = (
            serving(app, chosen.port if "port" in settings else 0) if on_socket else in_process(app)
        )
        async with opened as http:
            yield Api(database, await open_clinic(database), pool, fernet, http)


@contextlib.asynccontextmanager
async def connected_app(
    settings: Settings, owner_url: str
) -> AsyncIterator[tuple[Entrance, Pool, MultiFernet]]:
    pool = await open_api_pool(Deployment(settings, owner_url, None))
    fernet = load_fernet(settings)
    try:
        yield create_app(settings, pool, fernet), pool, fernet
    finally:
        await pool.close()


def in_process(app: Entrance) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app)
    return httpx2.AsyncClient(transport=transport, base_url="http://clinic.test", timeout=30)


@contextlib.asynccontextmanager
async def serving(app: Entrance, port: int = 0) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        serve_app(app, lifespan="on", date_header=True, port=port) as taken,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{taken}", timeout=30) as http,
    ):
        yield http


async def hold_lock(connection: asyncpg.Connection, table: str) -> None:
    """Open a transaction that keeps every other session from the table, until rolled back."""
    await connection.execute("BEGIN")
    await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
