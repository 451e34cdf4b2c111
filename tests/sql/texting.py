"""A clinic that texts, and the phones of its patients. No test in here."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from tests.database import Booking, Database
from tests.sql.diary import ANN, Diary
from tests.sql.waiting import open_mornings
from voxanne.texts.replies import read_reply

OURS = "+442079460000"


@dataclass
class Phone:
    """Who texts the clinic, and whom it texts."""

    diary: Diary
    number: str = ANN.phone
    ours: str = OURS
    sent: list[str] = field(default_factory=list)

    async def text(self, body: str, sid: str | None = None, **changes: object) -> Booking:
        """As the callback passes it on; answers what take_text says."""
        reply = read_reply(body)
        self.sent.append(sid or f"SM{uuid4().hex}")
        given: dict[str, object] = {
            "external_id": self.sent[-1],
            "our_number": self.ours,
            "their_number": self.number,
            "body": body,
            "meaning": reply.meaning,
            "digit": reply.digit,
            "word": reply.word,
            **changes,
        }
        return await self.diary.call("take_text", **given)

    async def answer(self, body: str) -> str | None:
        """Which of our answers it gets."""
        taken = await self.text(body)
        assert taken["success"] is True, taken
        answer: str | None = taken["answer"]
        return answer

    async def replies(self) -> list[asyncpg.Record]:
        """What we answered, oldest first."""
        return await self.diary.owner.fetch(
            "SELECT * FROM texts WHERE kind = 'sms_reply' AND org_id = $1 AND their_number = $2 "
            "ORDER BY place",
            self.diary.org_id,
            self.number,
        )

    async def consents(self) -> list[tuple[str, str | None, str]]:
        rows = await self.diary.owner.fetch(
            "SELECT kind, word, source FROM consents WHERE org_id = $1 AND phone = $2 "
            "ORDER BY place",
            self.diary.org_id,
            self.number,
        )
        return [(row["kind"], row["word"], row["source"]) for row in rows]


async def open_texting(database: Database, **columns: object) -> Diary:
    """The clinic of two mornings, with an account."""
    diary = await open_mornings(database, phone="+442079460500", **columns)
    await give_account(diary)
    return diary


async def give_account(diary: Diary, number: str = OURS) -> Booking:
    return await diary.call(
        "set_sms_account", account_sid="AC1", encrypted_token=b"secret", number=number
    )


async def claim(diary: Diary, count: int = 10) -> list[dict[str, Any]]:
    """The text messages that are due, claimed as a worker does."""
    answer = await diary.api.fetchval("SELECT claim_deliveries('sms', $1, 50, 60)", count)
    return [row for claimed in json.loads(answer) for row in claimed["deliveries"]]


async def hand_over(diary: Diary, row: dict[str, Any], sid: str, body: str = "Hello") -> UUID:
    """A claimed one goes to the vendor: written down, sent, and known by its id."""
    text: UUID | None = await write_down(diary, row, body)
    assert text is not None
    assert await diary.api.fetchval(
        "SELECT record_sent_text($1, $2, $3, $4)", diary.org_id, text, row["attempt"], sid
    )
    await finish(diary, row, "sent", sid)
    return text


async def write_down(diary: Diary, row: dict[str, Any], body: str = "Hello") -> UUID | None:
    saved: UUID | None = await diary.api.fetchval(
        "SELECT save_text($1, $2, $3, $4, $5, $6, $7, $8)",
        diary.org_id,
        UUID(row["subject_id"]),
        row["kind"],
        row["version"],
        row["attempt"],
        OURS,
        row["details"]["to"],
        body,
    )
    return saved


async def finish(diary: Diary, row: dict[str, Any], status: str, sid: str | None = None) -> bool:
    done: bool = await diary.api.fetchval(
        "SELECT finish_delivery($1, $2, $3, $4, $5, $6, $7)",
        diary.org_id,
        UUID(row["subject_id"]),
        row["kind"],
        row["version"],
        row["attempt"],
        status,
        sid,
    )
    return done


async def send_all(diary: Diary) -> dict[str, UUID]:
    """Whatever is due goes out. Answers the texts by their kind."""
    texts = {}
    for row in await claim(diary):
        texts[row["kind"]] = await hand_over(diary, row, f"SM{uuid4().hex}")
    return texts
