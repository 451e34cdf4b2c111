"""The calendar: a day with a column per practitioner, and a week."""

from typing import Final

from starlette.responses import Response

from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.visit import Visit


async def show(visit: Visit) -> Response:
    return visit.page("clinic.html", title="Calendar")


PAGES: Final[list[Page]] = [Page("GET", "/calendar", "read_only", show)]
