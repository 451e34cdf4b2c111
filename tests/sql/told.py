"""A clinic's webhooks and what they are told. No test in here."""

from typing import Any
from uuid import UUID

import asyncpg

from tests.database import Booking
from tests.sql.diary import Diary


class Webhooks:
    """The diary's clinic and what its webhooks are told."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.org_id = diary.org_id

    async def call(self, function: str, **given: object) -> Booking:
        return await self.diary.database.call(self.diary.api, function, self.org_id, **given)

    async def add(self, *kinds: str) -> UUID:
        # It is told of all that began after whatever is still open.
        await self.diary.database.others_are_done()
        made = await self.call(
            "create_webhook", url="https://a.test", kinds=list(kinds), encrypted_secret="s1"
        )
        return UUID(made["webhook"]["id"])

    async def event(
        self, kind: str = "booked", connection: asyncpg.Connection | None = None
    ) -> str:
        """Something happens; the event's name, as `list_events` has it."""
        row = await (connection or self.diary.owner).fetchrow(
            "INSERT INTO events (org_id, kind, created_at) VALUES ($1, $2, current_moment()) "
            "RETURNING transaction_id::text, id",
            self.org_id,
            kind,
        )
        assert row is not None
        return f"{row['transaction_id']}-{row['id']}"

    async def fan_out(self) -> int:
        await self.diary.database.others_are_done()
        read: int = await self.diary.api.fetchval("SELECT queue_webhook_messages($1)", self.org_id)
        return read

    async def unread(self) -> bool:
        await self.diary.database.others_are_done()
        found = await self.diary.api.fetchval("SELECT organizations_with_unread_events(10)")
        return str(self.org_id) in found

    async def told(self, webhook: UUID) -> list[str]:
        """The events it has messages of, in their order."""
        rows = await self.diary.owner.fetch(
            "SELECT transaction_id::text || '-' || event_id AS event FROM webhook_messages "
            "WHERE webhook_id = $1 ORDER BY transaction_id, event_id",
            webhook,
        )
        return [row["event"] for row in rows]

    async def deliveries(self, webhook: UUID) -> list[dict[str, Any]]:
        rows = await self.diary.owner.fetch(
            "SELECT deliveries.*, isfinite(due_at) AS moving FROM webhook_messages AS messages "
            "JOIN deliveries ON deliveries.org_id = messages.org_id AND subject_id = messages.id "
            "WHERE webhook_id = $1 ORDER BY transaction_id, event_id",
            webhook,
        )
        return [dict(row) for row in rows]

    async def claim(self) -> list[Any]:
        claimed = await self.diary.database.call(
            self.diary.api,
            "claim_organization_deliveries",
            self.org_id,
            channel="webhook",
            limit=100,
            in_flight_max=100,
            lease_seconds=60,
        )
        found: list[Any] = claimed["deliveries"]
        return found

    async def finish(self, delivery: Any, status: str) -> bool:
        done: bool = await self.diary.api.fetchval(
            "SELECT finish_delivery($1, $2, 'webhook', 1, $3, $4)",
            self.org_id,
            UUID(delivery["subject_id"]),
            delivery["attempt"],
            status,
        )
        return done

    async def note(self, webhook: UUID, result: str) -> str:
        status: str = await self.diary.api.fetchval(
            "SELECT note_webhook_result($1, $2, $3)", self.org_id, webhook, result
        )
        return status

    async def one(self, webhook: UUID) -> Any:
        return (await self.call("list_webhooks", webhook_id=webhook))["items"][0]
