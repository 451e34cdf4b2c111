"""`bookClinicAppointment` and `holdSlot`: taking a time, for good or for a few minutes."""

from datetime import datetime
from typing import Any

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.booking.types import BookingRequest
from voxanne.inbound.voice.dates import ResolvedTime, TimeRefusal
from voxanne.inbound.voice.tools.arguments import (
    Arguments,
    idempotency,
    read_birth_date,
    read_duration,
    read_email,
    read_identifier,
    read_long_text,
    read_name,
    read_phones,
    read_practitioner,
    read_service,
    read_time,
    unclear,
)
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.inbound.voice.tools.results import RefusedError, Result, refused, speak_appointment
from voxanne.language.catalogue import say, say_many


async def book_clinic_appointment(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """`bookClinicAppointment`: books, or gives back the booking this call already made."""
    phone, contact_phone = read_phones(caller, arguments)
    key = idempotency(caller, phone, "bookClinicAppointment", arguments)
    practitioner = await read_practitioner(database, caller, arguments)
    when = read_time(caller, arguments)
    if isinstance(when, TimeRefusal) and key.key is None:
        raise unclear(when)
    booked = await functions.book_appointment(
        database,
        BookingRequest(
            organization=caller.clinic.id,
            name=read_name(arguments),
            email=read_email(arguments),
            phone=phone,
            service_type=read_service(arguments),
            # Without a time this asks whether the very same call was answered before.
            scheduled_at=when.instant if isinstance(when, ResolvedTime) else None,
            duration_minutes=read_duration(arguments),
            practitioner=practitioner.id,
            contact_phone=contact_phone,
            idempotency_key=key.key,
            request_hash=key.hash,
            call_id=caller.call_id,
            source=caller.source,
            notes=_notes(caller, arguments),
            hold=read_identifier(arguments, "holdId", _no_hold(caller)),
            birth_date=read_birth_date(caller, arguments),
        ),
    )
    if isinstance(when, TimeRefusal) and booked.get("error") == Outcome.INVALID_DATE:
        raise unclear(when)
    if not booked["success"]:
        raise refused(caller, booked, practitioner.name)
    return _booked(caller, booked)


async def hold_slot(database: functions.Database, caller: Caller, arguments: Arguments) -> Result:
    """`holdSlot`: keeps a free time for this call, for as long as the clinic says."""
    when = read_time(caller, arguments)
    if isinstance(when, TimeRefusal):
        raise unclear(when)
    phone, practitioner = caller.phone, await read_practitioner(database, caller, arguments)
    held = await functions.call(
        database,
        "hold_slot",
        {
            "p_org_id": caller.clinic.id,
            "p_service_type": read_service(arguments),
            "p_scheduled_at": when.instant,
            "p_practitioner_id": practitioner.id,
            "p_call_id": caller.call_id,
            "p_caller_phone": phone.e164 if phone else None,
            "p_source": caller.source,
            **idempotency(caller, phone, "holdSlot", arguments).parameters,
        },
    )
    if not held["success"]:
        raise refused(caller, held, practitioner.name)
    if datetime.fromisoformat(held["expires_at"]) <= caller.now:
        raise RefusedError(Outcome.HOLD_EXPIRED)  # the very same call, long after
    return {
        "success": True,
        "message": _held_sentence(caller, held),
        "holdId": held["hold_id"],
        "expiresAt": held["expires_at"],
    }


def _booked(caller: Caller, booked: dict[str, Any]) -> Result:
    deliveries = booked["deliveries"] or {}
    return {
        "success": True,
        "message": _booked_sentence(caller, booked),
        "appointmentId": booked["appointment_id"],
        "contactId": booked["contact_id"],
        "scheduledAt": booked["scheduled_at"],
        "endsAt": booked["ends_at"],
        "practitioner": booked["practitioner_name"],
        "calendarEventId": None,
        "calendarStatus": deliveries.get("calendar"),
        "smsStatus": deliveries.get("sms_confirmation"),
        "replayed": booked["replayed"],
    }


def _booked_sentence(caller: Caller, booked: dict[str, Any]) -> str:
    language, appointment = caller.language, speak_appointment(caller, booked)
    match booked["status"]:
        case "confirmed" if booked["replayed"]:
            return say(
                language, "It's already yours: {appointment} is booked.", appointment=appointment
            )
        case "confirmed":
            return say(language, "You're booked: {appointment}.", appointment=appointment)
        case "cancelled":
            return say(
                language,
                "Your {appointment} was booked, and is now cancelled.",
                appointment=appointment,
            )
        case _:
            return say(
                language, "Your {appointment} was booked, and is over now.", appointment=appointment
            )


def _held_sentence(caller: Caller, held: dict[str, Any]) -> str:
    expires_at = datetime.fromisoformat(held["expires_at"])
    minutes = max(1, round((expires_at - caller.now).total_seconds() / 60))
    return say_many(
        caller.language,
        "I'm keeping it for you for one minute: {appointment}.",
        "I'm keeping it for you for {count} minutes: {appointment}.",
        minutes,
        appointment=speak_appointment(caller, held),
    )


def _notes(caller: Caller, arguments: Arguments) -> str | None:
    complaint = say(caller.language, "The notes are too long. Could you make them shorter?")
    return read_long_text(arguments, "notes", complaint)


def _no_hold(caller: Caller) -> str:
    return say(
        caller.language,
        "I can't find that time among those I've kept. Which day and time would you like?",
    )
