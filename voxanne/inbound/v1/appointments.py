"""Appointments: booked, read, moved, cancelled, and what became of them."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Body, Query, Response

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.appointment_schemas import (
    Appointment,
    AppointmentWithHistory,
    Booked,
    Cancellation,
    Cancelled,
    Mark,
    Move,
    Moved,
    NewAppointment,
    Status,
)
from voxanne.inbound.v1.headers import (
    IdempotencyKey,
    IfMatch,
    note_replay,
    repeatable,
    set_version,
    wanted_version,
)
from voxanne.inbound.v1.pages import LIMIT_DEFAULT, Cursor, Limit, Listing, Page
from voxanne.inbound.v1.problems import RefusedError, problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import FromCaller, Id, Moment
from voxanne.inbound.v1.security import Caller

RANGE_DAYS_MAX: Final = 366

# What a time can be refused with.
TIME_REFUSALS: Final = (
    Outcome.SLOT_UNAVAILABLE,
    Outcome.CALENDAR_STALE,
    Outcome.OUTSIDE_HOURS,
    Outcome.TOO_SOON,
    Outcome.TOO_FAR_AHEAD,
    Outcome.DATE_IN_PAST,
    Outcome.INVALID_DATE,
    Outcome.INVALID_DURATION,
    Outcome.UNKNOWN_PRACTITIONER,
    Outcome.NOT_FOUND,
)
_CHANGE_REFUSALS: Final = (
    Outcome.NOT_FOUND,
    Outcome.NOT_YOURS,
    Outcome.NEEDS_CONFIRMATION,
    Outcome.STALE_VERSION,
    Outcome.INVALID_PHONE,
    Outcome.INVALID_NAME,
    Outcome.INVALID_DATE,
)
_MARK_REFUSALS: Final = (Outcome.NOT_FOUND, Outcome.STALE_VERSION)

_LISTED: Final = Listing(
    "list_appointments",
    Appointment,
    {
        "after_at": ("scheduled_at", datetime.fromisoformat),
        "after_id": ("appointment_id", UUID),
    },
)
routes = router("appointments")


@routes.post(
    "/v1/appointments",
    status_code=201,
    summary="Book an appointment",
    responses=problems(
        *TIME_REFUSALS,
        Outcome.INVALID_NAME,
        Outcome.INVALID_PHONE,
        Outcome.INVALID_EMAIL,
        Outcome.UNKNOWN_SERVICE,
        Outcome.HOLD_EXPIRED,
        Outcome.NOT_YOURS,
        Outcome.LIMIT_REACHED,
        Outcome.IDEMPOTENCY_MISMATCH,
        body=True,
    ),
)
async def book(
    body: NewAppointment, caller: CallerHere, response: Response, key: IdempotencyKey = None
) -> Booked:
    """Books exactly once. The same person, service and start again is the same appointment, with
    `replayed`. A time that can't be had is refused with the nearest that can.
    """
    phone = await caller.phone(body.phone)
    contact = await caller.phone(body.contact_phone) if body.contact_phone else None
    answer = await caller.call(
        "book_appointment_atomic",
        patient_name=body.name,
        patient_email=body.email,
        patient_phone=phone.e164,
        phone_verified=phone.verified,
        contact_phone=contact.e164 if contact else None,
        birth_date=body.birth_date,
        service_type=body.service_type,
        scheduled_at=body.scheduled_at,
        duration_minutes=body.duration_minutes,
        practitioner_id=body.practitioner_id,
        room_id=body.room_id,
        hold_id=body.hold_id,
        call_id=body.call_id,
        allow_overlap=body.allow_overlap,
        overlap_reason=body.overlap_reason,
        metadata=json.dumps({"notes": body.notes} if body.notes else {}),
        source=caller.source,
        **repeatable(caller, key, body),
    )
    booked = Booked.model_validate(answer)
    response.headers["Location"] = f"/v1/appointments/{booked.id}"
    set_version(response, booked.version)
    note_replay(response, key, answer)
    return booked


@routes.get(
    "/v1/appointments",
    response_model=Page[Appointment],
    summary="List appointments by their start",
    responses=problems(Outcome.INVALID_DATE, cursor=True),
)
async def list_appointments(
    caller: CallerHere,
    start: Annotated[
        Moment | None, Query(alias="from", description="The first start that is listed.")
    ] = None,
    end: Annotated[
        Moment | None,
        Query(alias="to", description=f"Before this; at most {RANGE_DAYS_MAX} days later."),
    ] = None,
    status: Annotated[
        list[Status] | None,
        Query(description="Repeat it for several. Without it, all but holds (held, expired)."),
    ] = None,
    practitioner_id: Annotated[Id | None, Query()] = None,
    lead_id: Annotated[
        Id | None, Query(description="With it, from and to may be left out.")
    ] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Those that begin from `from` to before `to`, earliest first."""
    if lead_id is None and (start is None or end is None):
        detail = "from and to are required without lead_id."
        raise RefusedError(Outcome.INVALID_ARGUMENTS, detail, {"where": "from"})
    if start is not None and end is not None:
        if start >= end:
            raise RefusedError(Outcome.INVALID_DATE, "from must be before to.", {"where": "to"})
        if end - start > timedelta(days=RANGE_DAYS_MAX):
            detail = f"from and to may be {RANGE_DAYS_MAX} days apart at most."
            raise RefusedError(Outcome.INVALID_ARGUMENTS, detail, {"where": "to"})
    return await _LISTED.page(
        caller,
        cursor,
        limit,
        **{"from": start, "until": end},
        statuses=sorted(set(status)) if status else None,
        practitioner_id=practitioner_id,
        lead_id=lead_id,
    )


@routes.get(
    "/v1/appointments/{appointment_id}",
    summary="Read an appointment with its history",
    responses=problems(Outcome.NOT_FOUND),
)
async def read(
    appointment_id: Id, caller: CallerHere, response: Response
) -> AppointmentWithHistory:
    found = await caller.call("find_appointment", appointment_id=appointment_id)
    shown = AppointmentWithHistory.model_validate(
        {**found["appointment"], "history": found["history"]}
    )
    set_version(response, shown.version)
    return shown


@routes.patch(
    "/v1/appointments/{appointment_id}",
    summary="Move an appointment",
    responses=problems(*TIME_REFUSALS, *_CHANGE_REFUSALS, body=True),
)
async def move(
    appointment_id: Id,
    body: Move,
    caller: CallerHere,
    response: Response,
    if_match: IfMatch = None,
) -> Moved:
    """The new time is taken and the old one freed at once, or nothing changes. Where it is already:
    `replayed`.
    """
    version = wanted_version(if_match, body.version)
    scheduled_at = body.scheduled_at
    if scheduled_at is None:
        found = await caller.call("find_appointment", appointment_id=appointment_id)
        scheduled_at = datetime.fromisoformat(found["appointment"]["scheduled_at"])
        version = version or found["appointment"]["version"]
    answer = await caller.call(
        "reschedule_appointment",
        appointment_id=appointment_id,
        scheduled_at=scheduled_at,
        practitioner_id=body.practitioner_id,
        room_id=body.room_id,
        duration_minutes=body.duration_minutes,
        version=version,
        call_id=body.call_id,
        source=caller.source,
        allow_overlap=body.allow_overlap,
        overlap_reason=body.overlap_reason,
        **await _said_by(caller, body),
    )
    moved = Moved.model_validate(answer)
    set_version(response, moved.version)
    return moved


@routes.post(
    "/v1/appointments/{appointment_id}/cancel",
    summary="Cancel an appointment",
    responses=problems(*_CHANGE_REFUSALS, body=True),
)
async def cancel(
    appointment_id: Id,
    caller: CallerHere,
    response: Response,
    body: Annotated[Cancellation | None, Body()] = None,
    if_match: IfMatch = None,
) -> Cancelled:
    """Its time is free at once, or offered to whoever waits for it. Twice is once."""
    body = body or Cancellation()
    answer = await caller.call(
        "cancel_appointment",
        appointment_id=appointment_id,
        reason=body.reason,
        version=wanted_version(if_match, body.version),
        call_id=body.call_id,
        source=caller.source,
        **await _said_by(caller, body),
    )
    cancelled = Cancelled.model_validate(answer)
    set_version(response, cancelled.version)
    return cancelled


@routes.post(
    "/v1/appointments/{appointment_id}/complete",
    summary="Say that an appointment took place",
    responses=problems(*_MARK_REFUSALS, body=True),
)
async def complete(
    appointment_id: Id,
    caller: CallerHere,
    response: Response,
    body: Annotated[Mark | None, Body()] = None,
    if_match: IfMatch = None,
) -> Booked:
    return await _mark(caller, response, appointment_id, "completed", body, if_match)


@routes.post(
    "/v1/appointments/{appointment_id}/no-show",
    summary="Say that the patient didn't come",
    responses=problems(*_MARK_REFUSALS, body=True),
)
async def miss(
    appointment_id: Id,
    caller: CallerHere,
    response: Response,
    body: Annotated[Mark | None, Body()] = None,
    if_match: IfMatch = None,
) -> Booked:
    return await _mark(caller, response, appointment_id, "no_show", body, if_match)


@routes.post(
    "/v1/appointments/{appointment_id}/confirm",
    summary="Take back that an appointment took place, or didn't",
    responses=problems(*_MARK_REFUSALS, Outcome.SLOT_UNAVAILABLE, body=True),
)
async def confirm(
    appointment_id: Id,
    caller: CallerHere,
    response: Response,
    body: Annotated[Mark | None, Body()] = None,
    if_match: IfMatch = None,
) -> Booked:
    return await _mark(caller, response, appointment_id, "confirmed", body, if_match)


async def _mark(
    caller: Caller,
    response: Response,
    appointment_id: UUID,
    status: Literal["completed", "no_show", "confirmed"],
    body: Mark | None,
    if_match: str | None,
) -> Booked:
    version = wanted_version(if_match, body.version if body else None)
    try:
        answer = await caller.call(
            "mark_appointment",
            appointment_id=appointment_id,
            status=status,
            version=version,
            source=caller.source,
        )
    except RefusedError as refused:
        if refused.outcome is Outcome.INVALID_ARGUMENTS:
            refused.detail = "The appointment hasn't begun yet."
        raise
    marked = Booked.model_validate(answer)
    set_version(response, marked.version)
    return marked


async def _said_by(caller: Caller, body: FromCaller) -> dict[str, object]:
    """What the caller said of themselves, as the functions take it. Raises RefusedError."""
    phone = await caller.phone(body.caller_phone) if body.caller_phone else None
    return {
        "caller_phone": phone.e164 if phone else None,
        "caller_name": body.caller_name,
        "caller_birth_date": body.caller_birth_date,
    }
