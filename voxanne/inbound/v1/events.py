"""What happened, in the order it was committed."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query
from pydantic import Field, model_validator

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.authentication import UnauthorizedError
from voxanne.inbound.live import EventStream, read_place
from voxanne.inbound.v1.pages import LIMIT_DEFAULT, Cursor, Limit, Listing, Page
from voxanne.inbound.v1.problems import RefusedError, problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import ID_EXAMPLE, Shown, examples
from voxanne.inbound.v1.security import identify

routes = router("events")


class Event(Shown):
    """Ids and times, never a patient's details."""

    model_config = examples(
        {
            "id": "48211-90177",
            "kind": "booked",
            "appointment_id": ID_EXAMPLE,
            "lead_id": "0d9c3f1e-2b7a-4f55-8f0e-6a2d1c0b9e8f",
            "call_id": "call-7731",
            "data": {},
            "created_at": "2027-05-20T09:30:00Z",
        }
    )

    id: str = Field(description="Unique in the clinic.")
    kind: str
    appointment_id: UUID | None
    lead_id: UUID | None
    call_id: str | None
    data: dict[str, Any]
    created_at: datetime

    @model_validator(mode="before")
    @classmethod
    def _name(cls, row: Any) -> Any:
        if isinstance(row, dict):
            return {**row, "id": f"{row['transaction_id']}-{row['id']}"}
        return row


After = Annotated[
    str | None,
    Query(
        description="In place of the header `Last-Event-ID`, which outweighs it.",
        examples=["48211-90177"],
    ),
]
_STREAM_EXAMPLE: Final = (
    "id: 48211-90177\nevent: changed\n"
    'data: {"kind":"booked","appointment_id":"' + ID_EXAMPLE + '","lead_id":null,'
    '"call_id":null,"days":["2027-06-01"]}\n\n'
)
_LISTED: Final = Listing(
    "list_events",
    Event,
    {"after_transaction": ("transaction_id", int), "after_id": ("id", int)},
    endless=True,
)


@routes.get(
    "/v1/events/stream",
    status_code=200,
    response_class=EventStream,
    summary="Be told what happens",
    responses={
        **problems(Outcome.LIMIT_REACHED, cursor=True),
        200: {
            "description": "Server-sent events named `changed`",
            "content": {
                "text/event-stream": {"schema": {"type": "string"}, "example": _STREAM_EXAMPLE}
            },
        },
    },
)
async def stream_events(caller: CallerHere, after: After = None) -> EventStream:
    """Ids, and the clinic's days they are about, within a second; a comment every 15 seconds.
    It goes on after `Last-Event-ID`, and begins now without one, or with one that is yet to come.
    It ends with the credential, with the server, and for a reader who is too slow: connect again.
    """
    place = read_place(caller.request.headers.get("last-event-id") or after)
    services, organization = caller.services, caller.credential.organization
    services.hub.check_room(organization)

    async def is_allowed() -> bool:
        try:
            await identify(services, caller.request, "/v1/events/stream")
        except (UnauthorizedError, RefusedError):
            return False
        return True

    return EventStream(services.hub, organization, place, is_allowed)


@routes.get(
    "/v1/events",
    response_model=Page[Event],
    summary="Read what happened",
    responses=problems(cursor=True),
)
async def list_events(
    caller: CallerHere, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> dict[str, Any]:
    """Oldest first; none is missed or shown twice. There is always a `next_cursor`: ask with it
    again for what happens later. An event appears once every transaction that was open beside it is
    done. An appointment shows its own events itself.
    """
    return await _LISTED.page(caller, cursor, limit)
