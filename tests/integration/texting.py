"""A clinic that texts through the stand-in of Twilio, with faults on the way. No test in here."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
from cryptography.fernet import MultiFernet

from tests.database import Database
from tests.fakes.emulate import Emulate, Twilio
from tests.fakes.fault_proxy import FaultProxy
from tests.integration.clinics import settings_for
from tests.printed import plant
from voxanne.deliveries.http import open_client
from voxanne.deliveries.twilio import TwilioSender
from voxanne.deployment import Deployment, load_fernet, open_api_pool
from voxanne.outbox.types import Sender
from voxanne.outbox.worker import Worker
from voxanne.postgres import organizations
from voxanne.postgres.pool import Pool

ACCOUNT, NUMBER = "AC" + "1" * 32, "+442079460000"
TOKEN = plant("Twilio's token", "an-auth-token")
SEED = {
    "account": {"sid": ACCOUNT, "auth_token": TOKEN},
    "phone_numbers": [{"phone_number": NUMBER}],
}
# Long enough for an answer, short enough for one that never comes.
IMPATIENT = httpx2.Timeout(10.0, read=1.0)
ROUNDS_MAX = 14  # one more than a text is tried


@dataclass
class Texting:
    """One clinic, its account, and the worker that carries its messages out."""

    database: Database
    pool: Pool
    fernet: MultiFernet
    twilio: Twilio
    proxy: FaultProxy
    worker: Worker
    org_id: UUID

    async def set_account(self, org_id: UUID | None = None, token: str = TOKEN) -> None:
        await self.pool.fetch_value(
            "SELECT set_sms_account($1, $2, $3, $4)",
            org_id or self.org_id,
            ACCOUNT,
            self.fernet.encrypt(token.encode()),
            NUMBER,
        )

    async def book(self, org_id: UUID | None = None, **changes: object) -> UUID:
        """Its confirmation is due."""
        owner = await self.database.owner()
        booking = await self.database.book(owner, org_id or self.org_id, **changes)
        assert booking["success"] is True, booking
        return UUID(booking["appointment_id"])

    async def settle(self) -> None:
        """Deliver and try again, without waiting, until nothing waits but what is parked."""
        owner = await self.database.owner()
        for _ in range(ROUNDS_MAX):
            await self.worker.drain()
            waits = await owner.execute(
                "UPDATE deliveries SET due_at = current_moment() WHERE channel = 'sms' "
                "AND status = 'queued' AND due_at < 'infinity'"
            )
            if waits == "UPDATE 0":
                return

    async def delivery(self, kind: str = "sms_confirmation") -> dict[str, Any]:
        [row] = await self.deliveries(kind)
        return row

    async def deliveries(self, kind: str = "sms_confirmation") -> list[dict[str, Any]]:
        owner = await self.database.owner()
        rows = await owner.fetch(
            "SELECT * FROM deliveries WHERE kind = $1 ORDER BY created_at", kind
        )
        return [dict(row) for row in rows]

    async def alerts(self) -> list[str]:
        owner = await self.database.owner()
        rows = await owner.fetch("SELECT kind FROM alerts ORDER BY created_at")
        return [row["kind"] for row in rows]

    async def execute(self, query: str, *arguments: object) -> None:
        await (await self.database.owner()).execute(query, *arguments)


@contextlib.asynccontextmanager
async def open_texting(
    database: Database,
    emulate: Emulate,
    *,
    public_url: str | None = None,
    now: datetime | None = None,
    fernet: MultiFernet | None = None,
    clinic: UUID | None = None,
    **changes: Any,
) -> AsyncIterator[Texting]:
    """With an account: a clinic of its own, or `clinic`. `changes` are the sender's."""
    settings = settings_for(database.owner_url)
    fernet = fernet or load_fernet(settings)
    pool = await open_api_pool(Deployment(settings, database.owner_url, None))
    vendor = urlsplit(emulate.url)
    emulate.reset()
    if now is not None:
        await database.set_clock(now)
    try:
        async with (
            FaultProxy(str(vendor.hostname), int(vendor.port or 80)) as proxy,
            open_client(timeout=IMPATIENT) as client,
            httpx2.AsyncClient() as http,
        ):
            given: dict[str, Any] = {
                "base_url": proxy.url,
                "public_url": public_url,
                "page_address": lambda token: f"https://book.test/a/{token}",
                "settle_seconds": 0.0,
                **changes,
            }
            sender: Sender = TwilioSender(database=pool, fernet=fernet, client=client, **given)
            org_id = clinic or await organizations.create_organization(
                await database.owner(), "Harbor Dental", timezone="Europe/London", country="GB"
            )
            texting = Texting(
                database,
                pool,
                fernet,
                Twilio(emulate.url, ACCOUNT, TOKEN, NUMBER, http),
                proxy,
                Worker(pool, {"sms": sender}),
                org_id,
            )
            await texting.set_account()
            yield texting
    finally:
        await pool.close()


def twilio_error(code: int, status: int) -> str:
    """The body of Twilio's refusals."""
    return json.dumps({"code": code, "message": "…", "more_info": "…", "status": status})
