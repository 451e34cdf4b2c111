"""What became of what goes out: to calendars, patients, the clinic's systems and staff."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Path, Query
from pydantic import Field

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.pages import LIMIT_DEFAULT, Cursor, Keys, Limit, Listing, Page
from voxanne.inbound.v1.problems import problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import ID_EXAMPLE, Id, Shown, examples
from voxanne.outbox.types import Channel, Status

routes = router("deliveries")

Kind = Annotated[
    str,
    Path(
        max_length=50,
        pattern="^[a-z0-9_]+$",
        description="calendar, sms_confirmation, … as the delivery shows it.",
        examples=["sms_confirmation"],
    ),
]


class Delivery(Shown):
    """Ids, a state and plain words, never a patient's details."""

    model_config = examples(
        {
            "id": f"{ID_EXAMPLE}/sms_confirmation/1",
            "subject_id": ID_EXAMPLE,
            "channel": "sms",
            "kind": "sms_confirmation",
            "version": 1,
            "status": "queued",
            "attempts": 2,
            "error_code": "unreachable",
            "error": "It could not be reached.",
            "next_try_at": "2027-05-20T09:30:20Z",
            "parked": False,
            "created_at": "2027-05-20T09:30:00Z",
            "updated_at": "2027-05-20T09:30:10Z",
        }
    )

    id: str
    subject_id: UUID = Field(description="The appointment, or the alert, message or reply.")
    channel: Channel
    kind: str
    version: int = Field(description="The appointment's that it tells of.")
    status: Status = Field(
        description="sent: whoever carries it further has it; delivered: it was seen to be there; "
        "voided: there was nothing to deliver any more."
    )
    attempts: int
    error_code: str | None
    error: str | None = Field(description="What went wrong last, for people.")
    next_try_at: datetime | None = Field(description="Of one that waits.")
    parked: bool = Field(description="It waits until something outside is put right.")
    created_at: datetime
    updated_at: datetime


_KEYS: Final[Keys] = {
    "after_at": ("created_at", datetime.fromisoformat),
    "after_id": ("id", str),
}
_LISTED: Final = Listing("list_deliveries", Delivery, _KEYS)


@routes.get(
    "/v1/appointments/{appointment_id}/deliveries",
    response_model=Page[Delivery],
    summary="List what goes out about an appointment",
    responses=problems(Outcome.NOT_FOUND, cursor=True),
)
async def list_of_appointment(
    appointment_id: Id,
    caller: CallerHere,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest first, of all its versions."""
    return await _LISTED.page(caller, cursor, limit, appointment_id=appointment_id)


@routes.get(
    "/v1/deliveries",
    response_model=Page[Delivery],
    summary="List what goes out",
    responses=problems(cursor=True),
)
async def list_deliveries(
    caller: CallerHere,
    status: Annotated[Status | None, Query()] = None,
    channel: Annotated[Channel | None, Query()] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest first."""
    return await _LISTED.page(caller, cursor, limit, status=status, channel=channel)


@routes.post(
    "/v1/deliveries/{subject_id}/{kind}/retry",
    summary="Try a delivery again now",
    responses=problems(Outcome.NOT_FOUND, Outcome.STALE_VERSION),
)
async def retry(subject_id: Id, kind: Kind, caller: CallerHere) -> Delivery:
    """One that failed or waits; any other stays as it is. Its newest version, unless a later
    change of the appointment has taken its place."""
    answer = await caller.call("retry_delivery", subject_id=subject_id, kind=kind)
    return Delivery.model_validate(answer["delivery"])
