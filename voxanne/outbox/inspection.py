"""Looks through what is stored for what must never be there: overlapping appointments, details that
no normalising would have made. A little every minute, so that it costs the same at any size.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from voxanne.booking.functions import Database
from voxanne.outbox.chores import Chore

EVERY_SECONDS: Final = 60.0
TURN_MILLISECONDS: Final = 500
FOUND: Final = ("double_bookings", "crooked_leads")


@dataclass(slots=True)
class Inspection:
    """Goes round all clinics. `tell`: what was found, and when a round was last finished (seconds
    since 1970; None: not yet). What one round found stays told until the next has seen all.
    """

    database: Database
    tell: Callable[[dict[str, int], float | None], None]
    _after: UUID | None = None
    _found: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FOUND, 0))
    _before: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FOUND, 0))

    def chore(self) -> Chore:
        return Chore("inspection", EVERY_SECONDS, self.run)

    async def run(self) -> int:
        """One turn. Returns how much is wrong. Raises what the database raises."""
        query = "SELECT inspect_records($1, $2)"
        answer = json.loads(
            str(await self.database.fetch_value(query, self._after, TURN_MILLISECONDS))
        )
        self._found = {name: self._found[name] + answer[name] for name in FOUND}
        self._after = UUID(answer["next"]) if answer["next"] else None
        finished_at = None
        if self._after is None:
            finished_at = time.time()
            self._before, self._found = self._found, dict.fromkeys(FOUND, 0)
        told = {name: max(self._before[name], self._found[name]) for name in FOUND}
        self.tell(told, finished_at)
        return sum(told.values())
