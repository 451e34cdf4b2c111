"""Whose calendar a connection leads to, and so which client opens it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from voxanne.deliveries.caldav_calendar import CalDavCalendars
from voxanne.deliveries.calendar import CalendarClient, CalendarError, Connection
from voxanne.deliveries.google_connect import Google


@dataclass(frozen=True, slots=True)
class CalendarVendors:
    """`google`: None where the deployment has no OAuth client there."""

    caldav: CalDavCalendars
    google: Google | None

    def open(self, connection: Connection) -> CalendarClient:
        """Raises CalendarError, AccessError."""
        if connection.vendor == "caldav":
            return self.caldav.open(connection)
        if self.google is None:
            raise CalendarError("not_set_up", "This deployment has no access to Google set up.")
        return self.google.calendar(connection)

    async def close(self) -> None:
        await self.caldav.close()
        if self.google is not None:
            await self.google.http.aclose()

    async def watch(
        self, connection: Connection, client: CalendarClient, claimed: Mapping[str, Any]
    ) -> None:
        """See Google.watch; the others can't be watched."""
        if connection.vendor == "google" and self.google is not None:
            await self.google.watch(connection, client, claimed)
