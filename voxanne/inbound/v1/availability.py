"""When an appointment could begin, and why not."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import Field

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.problems import problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import (
    CallId,
    Id,
    Moment,
    ServiceType,
    Shown,
    WallTime,
    WallTimeUntil,
    examples,
)
from voxanne.inbound.v1.security import given

SLOTS_MAX = 500

routes = router("availability")


class Slot(Shown):
    starts_at: datetime
    ends_at: datetime
    practitioner_id: UUID
    practitioner_name: str | None


class Availability(Shown):
    model_config = examples(
        {
            "service_type": "consultation",
            "duration_minutes": 60,
            "timezone": "Europe/London",
            "slots": [
                {
                    "starts_at": "2027-06-01T11:00:00Z",
                    "ends_at": "2027-06-01T12:00:00Z",
                    "practitioner_id": "5f2b9f0a-8f61-4c0c-9a43-2f0c1d7e6b5a",
                    "practitioner_name": "Dr Amara Chen",
                }
            ],
            "next_from": "2027-06-01T13:00:00Z",
            "reason": None,
            "reason_detail": None,
        }
    )

    service_type: str
    duration_minutes: int
    timezone: str
    slots: list[Slot]
    next_from: datetime | None = Field(
        description="The `from` of the next page; null when there is none, or with `spread`."
    )
    reason: (
        Literal[
            "closed",
            "holiday",
            "break",
            "away",
            "too_long",
            "fully_booked",
            "calendar_stale",
            "too_soon",
            "too_far",
            "past",
        ]
        | None
    ) = Field(description="Why there are none.")
    reason_detail: str | None = Field(description="For staff's keys alone; not to be spoken.")


@routes.get(
    "/v1/availability",
    summary="Find free times",
    responses=problems(
        Outcome.INVALID_DATE,
        Outcome.INVALID_DURATION,
        Outcome.UNKNOWN_SERVICE,
        Outcome.UNKNOWN_PRACTITIONER,
    ),
)
async def check(
    caller: CallerHere,
    service_type: Annotated[ServiceType, Query()],
    start: Annotated[Moment, Query(alias="from")],
    end: Annotated[Moment, Query(alias="to", description="Before this; at most 90 days later.")],
    practitioner_id: Annotated[Id | None, Query(description="Without it, anybody.")] = None,
    duration_minutes: Annotated[
        int | None,
        Query(ge=1, le=1440, description="Of a service the clinic hasn't configured."),
    ] = None,
    time_from: Annotated[WallTime | None, Query()] = None,
    time_until: Annotated[WallTimeUntil | None, Query()] = None,
    call_id: Annotated[CallId | None, Query(description="Its own holds count as free.")] = None,
    limit: Annotated[int, Query(ge=1, le=SLOTS_MAX, description="The most starts.")] = 50,
    spread: Annotated[
        bool,
        Query(description="Starts spread over the whole range, for choosing; no next page."),
    ] = False,
) -> Availability:
    """What this offers, booking accepts. Ascending, each start with every practitioner who is free
    then; go on from `next_from`.
    """
    answer = await caller.call(
        "check_availability",
        **given(
            service_type=service_type,
            until=end,
            practitioner_id=practitioner_id,
            duration_minutes=duration_minutes,
            time_from=time_from,
            time_until=time_until,
            call_id=call_id,
            limit=limit,
            spread=spread,
            **{"from": start},
        ),
    )
    if not caller.is_staff:
        answer["reason_detail"] = None
    return Availability.model_validate(answer)
