"""What happens, as it happens: server-sent events of ids and days."""

from typing import Final

from starlette.responses import Response

from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.live import EventStream, read_place


async def stream(visit: Visit) -> Response:
    """After `Last-Event-ID`, or `?after=`; from now on without one."""
    place = read_place(visit.request.headers.get("last-event-id") or visit.form.get("after"))
    hub, organization = visit.services.hub, visit.clinic.id
    hub.check_room(organization)
    return EventStream(hub, organization, place, visit.is_allowed)


PAGES: Final[list[Page]] = [Page("GET", "/stream", "read_only", stream)]
