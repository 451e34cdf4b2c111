"""Those who want to be told when something becomes free, and what they are offered."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Body, Query, Response
from pydantic import Field

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.appointment_schemas import Booked
from voxanne.inbound.v1.appointments import TIME_REFUSALS
from voxanne.inbound.v1.headers import (
    IdempotencyKey,
    IfMatch,
    note_replay,
    repeatable,
    set_version,
    wanted_version,
)
from voxanne.inbound.v1.pages import BY_CREATION, LIMIT_DEFAULT, Cursor, Limit, Listing, Page
from voxanne.inbound.v1.problems import problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import (
    ID_EXAMPLE,
    CallId,
    Day,
    Id,
    Name,
    PhoneSaid,
    Sent,
    ServiceType,
    Shown,
    WallTime,
    WallTimeUntil,
    examples,
)
from voxanne.inbound.v1.security import Caller, given

Status = Literal["waiting", "offered", "booked", "left"]
_WISH: Final[dict[str, Any]] = {
    "id": ID_EXAMPLE,
    "status": "waiting",
    "version": 1,
    "service_type": "consultation",
    "practitioner_id": None,
    "date_from": "2027-06-01",
    "date_to": "2027-06-29",
    "created_at": "2027-05-20T09:30:00Z",
}

routes = router("waitlist")


class NewWish(Sent):
    model_config = examples(
        {
            "name": "Maya Okafor",
            "phone": "+447700900123",
            "service_type": "consultation",
            "date_from": "2027-06-01",
            "time_until": "12:00",
        }
    )

    name: Name
    phone: PhoneSaid
    service_type: ServiceType
    practitioner_id: Id | None = Field(None, description="Without it, anybody.")
    date_from: Day | None = Field(None, description="The clinic's local day; without it, today.")
    date_to: Day | None = Field(None, description="The last day; without it, four weeks later.")
    time_from: WallTime | None = None
    time_until: WallTimeUntil | None = None
    call_id: CallId | None = None


class AnswerToOffer(Sent):
    """Who answers: with a number, only whom the offer was made to may."""

    model_config = examples({"caller_phone": "+447700900123"})

    caller_phone: PhoneSaid | None = None
    call_id: CallId | None = None


class Acceptance(AnswerToOffer):
    hold_id: Id | None = Field(
        None, description="The offer they were told of; without it, whichever is in hand by now."
    )


class Joined(Shown):
    model_config = examples({**_WISH, "position": 2, "replayed": False})

    id: UUID = Field(validation_alias="waitlist_id")
    status: Status
    version: int
    position: int | None = Field(description="Among those who wait for the service, from 1.")
    service_type: str
    practitioner_id: UUID | None
    date_from: date
    date_to: date
    replayed: bool
    created_at: datetime


class Offer(Shown):
    hold_id: UUID
    scheduled_at: datetime
    ends_at: datetime
    expires_at: datetime
    practitioner_id: UUID


class Wish(Shown):
    model_config = examples(
        {
            **_WISH,
            "lead_id": "0d9c3f1e-2b7a-4f55-8f0e-6a2d1c0b9e8f",
            "name": "Maya Okafor",
            "phone": "+447700900123",
            "time_from": "00:00:00",
            "time_until": "12:00:00",
            "offer": None,
            "call_id": None,
            "updated_at": "2027-05-20T09:30:00Z",
        }
    )

    id: UUID
    lead_id: UUID = Field(validation_alias="contact_id")
    name: str
    phone: str
    service_type: str
    practitioner_id: UUID | None
    date_from: date
    date_to: date
    time_from: str = Field(description="The clinic's wall time.")
    time_until: str
    status: Status
    offer: Offer | None = Field(description="The time that is held for them now.")
    version: int
    call_id: str | None
    created_at: datetime
    updated_at: datetime


class Answered(Shown):
    model_config = examples({"id": ID_EXAMPLE, "status": "waiting", "version": 3})

    id: UUID = Field(validation_alias="waitlist_id")
    status: Status
    version: int


_LISTED: Final = Listing("list_waitlist", Wish, BY_CREATION)


@routes.post(
    "/v1/waitlist",
    status_code=201,
    summary="Put somebody on the waitlist",
    responses=problems(
        Outcome.INVALID_NAME,
        Outcome.INVALID_PHONE,
        Outcome.INVALID_DATE,
        Outcome.UNKNOWN_SERVICE,
        Outcome.UNKNOWN_PRACTITIONER,
        Outcome.LIMIT_REACHED,
        Outcome.IDEMPOTENCY_MISMATCH,
        body=True,
    ),
)
async def join(
    body: NewWish, caller: CallerHere, response: Response, key: IdempotencyKey = None
) -> Joined:
    """A time that becomes free is offered to whoever waits longest for one like it."""
    phone = await caller.phone(body.phone)
    answer = await caller.call(
        "join_waitlist",
        **given(
            name=body.name,
            phone=phone.e164,
            phone_verified=phone.verified,
            service_type=body.service_type,
            practitioner_id=body.practitioner_id,
            date_from=body.date_from,
            date_to=body.date_to,
            time_from=body.time_from,
            time_until=body.time_until,
            call_id=body.call_id,
        ),
        source=caller.source,
        **repeatable(caller, key, body),
    )
    joined = Joined.model_validate(answer)
    set_version(response, joined.version)
    note_replay(response, key, answer)
    return joined


@routes.get(
    "/v1/waitlist",
    response_model=Page[Wish],
    summary="List those who wait",
    responses=problems(cursor=True),
)
async def list_waitlist(
    caller: CallerHere,
    status: Annotated[
        list[Status] | None,
        Query(description="Repeat it for several. Without it, those who wait or have an offer."),
    ] = None,
    lead_id: Annotated[Id | None, Query()] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Longest first."""
    statuses = sorted(set(status)) if status else None
    return await _LISTED.page(caller, cursor, limit, statuses=statuses, lead_id=lead_id)


@routes.delete(
    "/v1/waitlist/{waitlist_id}",
    status_code=204,
    summary="Take somebody off the waitlist",
    responses=problems(
        Outcome.NOT_FOUND, Outcome.NOT_YOURS, Outcome.STALE_VERSION, Outcome.INVALID_PHONE
    ),
)
async def leave(
    waitlist_id: Id,
    caller: CallerHere,
    caller_phone: Annotated[
        PhoneSaid | None, Query(description="With it, only this number's own.")
    ] = None,
    if_match: IfMatch = None,
) -> None:
    """An offer in hand goes to the next."""
    await caller.call(
        "leave_waitlist",
        waitlist_id=waitlist_id,
        caller_phone=await _number(caller, caller_phone),
        version=wanted_version(if_match, None),
        source=caller.source,
    )


@routes.post(
    "/v1/waitlist/{waitlist_id}/accept",
    summary="Take the time that is offered",
    responses=problems(
        *TIME_REFUSALS,
        Outcome.NOT_YOURS,
        Outcome.HOLD_EXPIRED,
        Outcome.LIMIT_REACHED,
        Outcome.UNKNOWN_SERVICE,
        Outcome.INVALID_PHONE,
        body=True,
    ),
)
async def accept(
    waitlist_id: Id,
    caller: CallerHere,
    response: Response,
    body: Annotated[Acceptance | None, Body()] = None,
) -> Booked:
    """Books it. Accepted twice is the same appointment."""
    body = body or Acceptance()
    answer = await caller.call(
        "accept_offer",
        waitlist_id=waitlist_id,
        caller_phone=await _number(caller, body.caller_phone),
        call_id=body.call_id,
        hold_id=body.hold_id,
        source=caller.source,
    )
    booked = Booked.model_validate(answer)
    set_version(response, booked.version)
    return booked


@routes.post(
    "/v1/waitlist/{waitlist_id}/decline",
    summary="Decline the time that is offered",
    responses=problems(Outcome.NOT_FOUND, Outcome.NOT_YOURS, Outcome.INVALID_PHONE, body=True),
)
async def decline(
    waitlist_id: Id,
    caller: CallerHere,
    response: Response,
    body: Annotated[AnswerToOffer | None, Body()] = None,
) -> Answered:
    """They go on waiting; the time is offered to the next."""
    body = body or AnswerToOffer()
    answer = await caller.call(
        "decline_offer",
        waitlist_id=waitlist_id,
        caller_phone=await _number(caller, body.caller_phone),
        source=caller.source,
    )
    answered = Answered.model_validate(answer)
    set_version(response, answered.version)
    return answered


async def _number(caller: Caller, said: str | None) -> str | None:
    return (await caller.phone(said)).e164 if said else None
