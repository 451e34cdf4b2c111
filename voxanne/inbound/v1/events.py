"""What happened, in the order it was committed."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import Field, model_validator

from voxanne.inbound.v1.pages import LIMIT_DEFAULT, Cursor, Limit, Listing, Page
from voxanne.inbound.v1.problems import problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import ID_EXAMPLE, Shown, examples

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


_LISTED: Final = Listing(
    "list_events",
    Event,
    {"after_transaction": ("transaction_id", int), "after_id": ("id", int)},
    endless=True,
)


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
