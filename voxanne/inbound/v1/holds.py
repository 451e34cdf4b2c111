"""Times kept for somebody for a few minutes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.appointments import TIME_REFUSALS
from voxanne.inbound.v1.headers import IdempotencyKey, note_replay, repeatable
from voxanne.inbound.v1.problems import problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import (
    ID_EXAMPLE,
    CallId,
    Id,
    Minutes,
    Moment,
    PhoneSaid,
    Sent,
    ServiceType,
    Shown,
    examples,
)

routes = router("holds")


class NewHold(Sent):
    model_config = examples(
        {"service_type": "consultation", "scheduled_at": "2027-06-01T11:00:00Z"}
    )

    service_type: ServiceType
    scheduled_at: Moment
    duration_minutes: Minutes | None = None
    practitioner_id: Id | None = Field(None, description="Without it, whoever is free.")
    room_id: Id | None = None
    call_id: CallId | None = None
    caller_phone: PhoneSaid | None = Field(None, description="Whom an offer was made to.")


class Hold(Shown):
    model_config = examples(
        {
            "id": ID_EXAMPLE,
            "expires_at": "2027-05-20T09:35:00Z",
            "scheduled_at": "2027-06-01T11:00:00Z",
            "ends_at": "2027-06-01T12:00:00Z",
            "service_type": "consultation",
            "practitioner_id": "5f2b9f0a-8f61-4c0c-9a43-2f0c1d7e6b5a",
            "practitioner_name": "Dr Amara Chen",
            "room_id": None,
            "replayed": False,
            "created_at": "2027-05-20T09:30:00Z",
        }
    )

    id: UUID = Field(validation_alias="hold_id")
    expires_at: datetime = Field(description="Others may take the time from then on.")
    scheduled_at: datetime
    ends_at: datetime
    service_type: str
    practitioner_id: UUID
    practitioner_name: str | None
    room_id: UUID | None
    replayed: bool
    created_at: datetime


@routes.post(
    "/v1/holds",
    status_code=201,
    summary="Hold a time",
    responses=problems(
        *TIME_REFUSALS,
        Outcome.UNKNOWN_SERVICE,
        Outcome.INVALID_PHONE,
        Outcome.LIMIT_REACHED,
        Outcome.IDEMPOTENCY_MISMATCH,
        body=True,
    ),
)
async def hold(
    body: NewHold, caller: CallerHere, response: Response, key: IdempotencyKey = None
) -> Hold:
    """Keeps the time by the rules of a booking. Book it with `hold_id`; it lapses by itself."""
    phone = await caller.phone(body.caller_phone) if body.caller_phone else None
    answer = await caller.call(
        "hold_slot",
        service_type=body.service_type,
        scheduled_at=body.scheduled_at,
        duration_minutes=body.duration_minutes,
        practitioner_id=body.practitioner_id,
        room_id=body.room_id,
        call_id=body.call_id,
        caller_phone=phone.e164 if phone else None,
        source=caller.source,
        **repeatable(caller, key, body),
    )
    note_replay(response, key, answer)
    return Hold.model_validate(answer)


@routes.delete(
    "/v1/holds/{hold_id}",
    status_code=204,
    summary="Give a hold back",
    responses=problems(Outcome.NOT_FOUND, Outcome.NOT_YOURS),
)
async def release(
    hold_id: Id,
    caller: CallerHere,
    call_id: Annotated[CallId | None, Query(description="The hold's call, if it has one.")] = None,
) -> None:
    await caller.call("release_hold", hold_id=hold_id, call_id=call_id, source=caller.source)
