"""A booking's answer waits a short while for its calendar event, so that it can be told honestly.

The booking is committed by then; nothing of it depends on the calendar.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from voxanne.booking.functions import Database
from voxanne.inbound.voice.tools.results import Result
from voxanne.language.catalogue import say
from voxanne.postgres.pool import DatabaseBusyError

LOOK_SECONDS: Final = 0.1
_UNDER_WAY: Final = ("queued", "sending")


@dataclass(frozen=True, slots=True)
class CalendarWait:
    """`seconds_max`: how long an answer waits; 0 asks once."""

    database: Database
    seconds_max: float

    async def complete(self, organization: UUID, language: str, booked: Result) -> Result:
        """The booking's result with what is known of its calendar event when the time is up."""
        state = await self._state(organization, UUID(str(booked["appointmentId"])))
        if state is None:
            return booked
        completed = {
            **booked,
            "calendarEventId": state["event_id"],
            "calendarStatus": state["status"],
        }
        if state["event_id"] is not None and not booked["replayed"]:
            completed["message"] = say(
                language, "{booked} It's in the calendar.", booked=booked["message"]
            )
        return completed

    async def _state(self, organization: UUID, appointment: UUID) -> dict[str, str | None] | None:
        """The last that could be seen in time."""
        state: dict[str, str | None] | None = None
        try:
            async with asyncio.timeout(self.seconds_max + LOOK_SECONDS):
                while True:
                    state = json.loads(str(await self._look(organization, appointment) or "null"))
                    if state is None or state["status"] not in _UNDER_WAY or not self.seconds_max:
                        return state
                    await asyncio.sleep(LOOK_SECONDS)
        except (DatabaseBusyError, TimeoutError):
            return state

    async def _look(self, organization: UUID, appointment: UUID) -> object:
        return await self.database.fetch_value(
            "SELECT calendar_state($1, $2)", organization, appointment
        )
