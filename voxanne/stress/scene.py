"""The stage of `validate`: two scratch clinics, sessions in the API's role, perhaps the API."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg

from voxanne.postgres.pool import Pool
from voxanne.stress.endpoint import Answer, Endpoint
from voxanne.stress.evidence import outcome
from voxanne.stress.people import Person, person

Session = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

# The seven arguments that always work; the time as text, so that `infinity` can be said.
BOOK = "SELECT book_appointment_atomic($1, $2, $3, $4, 'consultation', $5::text::timestamptz, 60)"
HOUR = timedelta(hours=1)
RACERS = 20


@dataclass(slots=True)
class Scene:
    """`now` is the database's clock. `api` and `other_key` are there when HTTP is to be tried."""

    owner: asyncpg.Connection
    pool: Pool
    clinic: UUID
    other: UUID
    now: datetime
    date_correction_days_max: int
    api: Endpoint | None = None
    other_key: str | None = None
    _numbers: Iterator[int] = field(default_factory=count)
    _hours: Iterator[int] = field(default_factory=lambda: count(0, 3))

    def new_person(self) -> Person:
        return person(next(self._numbers))

    def free_slot(self) -> datetime:
        """An hour nobody was given before, with two free hours after it."""
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(days=7) + next(self._hours) * HOUR

    async def book(
        self,
        at: datetime | str | None,
        *,
        organization: UUID | None = None,
        name: str | None = None,
        phone: str | None = None,
        email: str | None = None,
        session: Session | None = None,
    ) -> Answer:
        """Book as the API's role, whoever isn't named being somebody new."""
        somebody = self.new_person()
        arguments = (
            organization or self.clinic,
            somebody.name if name is None else name,
            email,
            somebody.phone if phone is None else phone,
            at.isoformat() if isinstance(at, datetime) else at,
        )
        if session is not None:
            found = await session.fetchval(BOOK, *arguments)
        else:
            found = await self.pool.fetch_value(BOOK, *arguments)
        answer: Answer = json.loads(str(found))
        return answer

    async def tell(self, **arguments: Any) -> Answer:
        """Book through the voice endpoint, as somebody new where nobody is named."""
        assert self.api is not None
        somebody = self.new_person()
        return await self.api.book(
            {"name": somebody.name, "phone": somebody.phone, **arguments},
        )

    async def outcome_and_rows(self, booking: Awaitable[Answer]) -> str:
        """The outcome, and whether the clinics' tables have grown by it.

        What a worker writes meanwhile about bookings made before isn't counted.
        """
        before = await self._row_count()
        answer = await booking
        grown = await self._row_count() - before
        return f"{outcome(answer)}, {f'{grown} rows' if grown else 'nothing'} stored"

    async def _row_count(self) -> int:
        rows: int = await self.owner.fetchval(
            "SELECT (SELECT count(*) FROM leads WHERE org_id = ANY ($1)) "
            "+ (SELECT count(*) FROM appointments WHERE org_id = ANY ($1)) "
            "+ (SELECT count(*) FROM events WHERE org_id = ANY ($1) "
            "   AND kind NOT LIKE 'delivery%' AND kind <> 'alert_raised') "
            "+ (SELECT count(*) FROM deliveries WHERE org_id = ANY ($1) "
            "   AND kind IN ('calendar', 'sms_confirmation', 'email_confirmation'))",
            [self.clinic, self.other],
        )
        return rows

    async def appointment(self, answer: Answer) -> asyncpg.Record:
        """What is stored of a booking. Raises LookupError when nothing is."""
        appointment = answer.get("appointment_id") or answer.get("appointmentId")
        row = await self.owner.fetchrow(
            "SELECT a.*, l.name, l.phone, l.email FROM appointments a "
            "LEFT JOIN leads l ON l.org_id = a.org_id AND l.id = a.contact_id "
            "WHERE a.org_id = ANY ($1) AND a.id = $2::text::uuid",
            [self.clinic, self.other],
            appointment,
        )
        if row is None:
            raise LookupError(f"no appointment was stored: {outcome(answer)}")
        return row


async def race(bookings: Sequence[Awaitable[Answer]]) -> str:
    """All at once: `1 booked, 19 SLOT_UNAVAILABLE`."""
    answers = await asyncio.gather(*bookings)
    return describe_outcomes(Counter(outcome(answer) for answer in answers))


def describe_outcomes(outcomes: Counter[str]) -> str:
    """Winners and refusals first, in fixed words, then whatever else there was."""
    usual = {name: outcomes.get(name, 0) for name in ("booked", "SLOT_UNAVAILABLE")}
    others = {name: number for name, number in sorted(outcomes.items()) if name not in usual}
    return ", ".join(f"{number} {name}" for name, number in {**usual, **others}.items())
