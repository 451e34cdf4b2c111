"""Who is in two places at once: a sweep over each practitioner's and each room's time.

Live is what is confirmed, or held and not lapsed. Staff may overbook: such a row is flagged, may be
over anything, and must be over something, for else it has kept a flag that it should have lost.
"""

from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from voxanne.stress.oracle.finding import Finding

# A lapsed hold keeps nobody out, but until it is ended the row is there to be overbooked.
KEPT = """
SELECT org_id, {subject} AS subject, id, coalesce(blocked_from, scheduled_at) AS from_,
  coalesce(blocked_until, ends_at) AS until, overlap_allowed,
  status = 'held' AND hold_expires_at <= $1 AS lapsed
FROM appointments WHERE status IN ('held', 'confirmed') AND {subject} IS NOT NULL
ORDER BY org_id, subject, from_, id
"""
FLAGGED = """
SELECT org_id, id FROM appointments
WHERE overlap_allowed AND status IN ('held', 'confirmed') ORDER BY org_id, id
"""


class Kept(NamedTuple):
    """Time kept of a practitioner or a room, buffers included."""

    org_id: UUID
    subject: UUID
    id: UUID
    from_: datetime
    until: datetime
    overbooked: bool
    lapsed: bool


@dataclass
class Sweep:
    """Takes what is kept in order of subject and beginning; remembers only what isn't over yet."""

    finding: Finding
    over_something: set[UUID] = field(default_factory=set)
    _present: list[Kept] = field(default_factory=list)

    def take(self, next_: Kept) -> None:
        self.finding.looked += 1
        subject = (next_.org_id, next_.subject)
        self._present = [
            kept
            for kept in self._present
            if (kept.org_id, kept.subject) == subject and kept.until > next_.from_
        ]
        for kept in self._present:
            self._meet(kept, next_)
        self._present.append(next_)

    def _meet(self, one: Kept, other: Kept) -> None:
        self.over_something.update(kept.id for kept in (one, other) if kept.overbooked)
        if not any(kept.overbooked or kept.lapsed for kept in (one, other)):
            self.finding.add(
                one.org_id,
                f"appointments {one.id} and {other.id} overlap from {other.from_.isoformat()}"
                f" with {one.subject}",
            )


async def check_overlaps(connection: asyncpg.Connection, now: datetime) -> list[Finding]:
    """`now`: by the database's clock, which tells what has lapsed."""
    practitioners = Sweep(Finding("practitioner_booked_twice"))
    rooms = Sweep(Finding("room_booked_twice"))
    for sweep, subject in ((practitioners, "practitioner_id"), (rooms, "room_id")):
        await _run(sweep, connection.cursor(KEPT.format(subject=subject), now, prefetch=2_000))
    flags = Finding("overbooked_over_nothing")
    async for row in connection.cursor(FLAGGED):
        flags.looked += 1
        if row["id"] not in practitioners.over_something | rooms.over_something:
            flags.add(row["org_id"], f"appointment {row['id']} stands outside the constraints")
    return [practitioners.finding, rooms.finding, flags]


async def _run(sweep: Sweep, rows: AsyncIterable[asyncpg.Record]) -> None:
    async for row in rows:
        sweep.take(Kept(*row))
