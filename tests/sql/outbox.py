"""A clinic's queue of deliveries, and what a worker does with it. No test in here."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tests.sql.diary import NOW, Diary

Json = dict[str, Any]
LEASE_SECONDS = 60
CLAIM_SECONDS_MAX = 10


@dataclass
class Outbox:
    """`api` is the worker's session."""

    diary: Diary
    api: asyncpg.Connection = field(init=False)

    def __post_init__(self) -> None:
        self.api = self.diary.api

    async def queue(
        self,
        kind: str = "sms_confirmation",
        subject: UUID | None = None,
        version: int = 1,
        **columns: object,
    ) -> UUID:
        """A row that is due. Returns its subject."""
        row = {
            "org_id": self.diary.org_id,
            "subject_id": subject or uuid4(),
            "kind": kind,
            "version": version,
            "due_at": NOW,
            "created_at": NOW,
            **columns,
        }
        values = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self.diary.owner.execute(
            f"INSERT INTO deliveries ({', '.join(row)}) VALUES ({values})", *row.values()
        )
        made = row["subject_id"]
        assert isinstance(made, UUID)
        return made

    async def claim(
        self,
        channel: str = "sms",
        *,
        limit: int = 32,
        in_flight_max: int = 8,
        session: asyncpg.Connection | None = None,
    ) -> list[Json]:
        """The claimed deliveries, of all clinics, each with its clinic's id."""
        async with asyncio.timeout(CLAIM_SECONDS_MAX):  # it never waits for anybody
            answer = await (session or self.api).fetchval(
                "SELECT claim_deliveries($1, $2, $3, $4)",
                channel,
                limit,
                in_flight_max,
                LEASE_SECONDS,
            )
        return [
            {"org_id": UUID(of_one["organization"]["org_id"]), **row}
            for of_one in json.loads(answer)
            for row in of_one["deliveries"]
        ]

    async def claim_one(self, channel: str = "sms") -> Json:
        (claimed,) = await self.claim(channel)
        return claimed

    async def finish(self, claimed: Json, status: str = "delivered", **more: object) -> bool:
        """Whether it was still the claimer's to say."""
        given = {
            "org_id": claimed["org_id"],
            "subject_id": UUID(claimed["subject_id"]),
            "kind": claimed["kind"],
            "version": claimed["version"],
            "attempt": claimed["attempt"],
            "status": status,
            **more,
        }
        named = ", ".join(f"p_{name} => ${n}" for n, name in enumerate(given, 1))
        ours: bool = await self.api.fetchval(f"SELECT finish_delivery({named})", *given.values())
        return ours

    async def row(self, subject: UUID | str, kind: str = "sms_confirmation") -> asyncpg.Record:
        """Its newest version."""
        found = await self.diary.owner.fetchrow(
            "SELECT * FROM deliveries WHERE subject_id = $1 AND kind = $2 "
            "ORDER BY version DESC LIMIT 1",
            UUID(str(subject)),
            kind,
        )
        assert found is not None
        return found

    async def statuses(self) -> dict[tuple[str, int], str]:
        """(kind, version) → status, of the clinic's only subject."""
        rows = await self.diary.owner.fetch("SELECT kind, version, status FROM deliveries")
        return {(row["kind"], row["version"]): row["status"] for row in rows}


def subjects(claimed: list[Json]) -> set[UUID]:
    return {UUID(row["subject_id"]) for row in claimed}
