"""`rescheduleAppointment` and `cancelAppointment`: only what belongs to the calling number."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.voice.dates import ResolvedTime, TimeRefusal
from voxanne.inbound.voice.tools.arguments import (
    ANYBODY,
    Arguments,
    Practitioner,
    find_name,
    find_text,
    idempotency,
    read_birth_date,
    read_identifier,
    read_practitioner,
    read_time,
    unclear,
)
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.inbound.voice.tools.lookup import Person, describe_appointment, find_people
from voxanne.inbound.voice.tools.results import RefusedError, Result, refused, speak_appointment
from voxanne.language.catalogue import say
from voxanne.language.speech import speak_either

CANDIDATES_MAX: Final = 5


async def reschedule_appointment(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """`rescheduleAppointment`: the new time taken and the old one freed, or neither."""
    when = read_time(caller, arguments)
    question = unclear(when) if isinstance(when, TimeRefusal) else None
    practitioner = await read_practitioner(database, caller, arguments)
    wanted = {
        # Without a time this asks whether the very same call was answered before.
        "p_scheduled_at": when.instant if isinstance(when, ResolvedTime) else None,
        "p_practitioner_id": practitioner.id,
    }
    moved = await _change(
        database, caller, arguments, "reschedule_appointment", wanted, question, practitioner
    )
    previous = moved["previous"]
    return {
        "success": True,
        "message": _moved_sentence(caller, moved),
        "appointmentId": moved["appointment_id"],
        "scheduledAt": moved["scheduled_at"],
        "practitioner": moved["practitioner_name"],
        "previous": {
            "scheduledAt": previous["scheduled_at"],
            "practitioner": previous["practitioner_name"],
        },
        "replayed": moved["replayed"],
    }


def _moved_sentence(caller: Caller, moved: dict[str, Any]) -> str:
    appointment = speak_appointment(caller, moved)
    before = {**moved, **moved["previous"]}
    if speak_appointment(caller, before) == appointment:
        return say(caller.language, "It's there already: {appointment}.", appointment=appointment)
    return say(
        caller.language,
        "It's moved: {appointment}, instead of {before}.",
        appointment=appointment,
        before=caller.speak(datetime.fromisoformat(before["scheduled_at"])),
    )


async def cancel_appointment(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """`cancelAppointment`: the time is free again."""
    wanted = {"p_reason": find_text(arguments, "reason")}
    cancelled = await _change(database, caller, arguments, "cancel_appointment", wanted)
    return {
        "success": True,
        "message": say(
            caller.language,
            "It's cancelled: {appointment}.",
            appointment=speak_appointment(caller, cancelled),
        ),
        "appointmentId": cancelled["appointment_id"],
        "replayed": cancelled["replayed"],
    }


async def _change(
    database: functions.Database,
    caller: Caller,
    arguments: Arguments,
    function: str,
    wanted: Mapping[str, object],
    question: RefusedError | None = None,
    practitioner: Practitioner = ANYBODY,
) -> dict[str, Any]:
    """What the SQL function did. `question`: what must be asked about the time, unless this very
    call was answered before. Raises RefusedError."""
    phone = caller.phone
    key = idempotency(caller, phone, function, arguments)
    asked_about = Outcome.INVALID_DATE
    try:
        appointment = await _which(database, caller, arguments)
    except RefusedError as unknown:
        # What this very call cancelled isn't found any more.
        appointment, question, asked_about = None, unknown, Outcome.NOT_FOUND
    if question is not None and key.key is None:
        raise question
    changed = await functions.call(
        database,
        function,
        {
            "p_org_id": caller.clinic.id,
            "p_appointment_id": appointment,
            "p_caller_phone": phone.e164 if phone else None,
            "p_caller_name": find_name(arguments),
            "p_caller_birth_date": read_birth_date(caller, arguments),
            "p_call_id": caller.call_id,
            "p_source": caller.source,
            **key.parameters,
            **wanted,
        },
    )
    if changed["success"]:
        return changed
    if question is not None and changed["error"] == asked_about:
        raise question
    if changed["error"] == Outcome.NOT_FOUND:
        raise RefusedError(Outcome.NOT_FOUND, _no_appointment(caller))
    if changed["error"] == Outcome.NOT_YOURS and caller.clinic.caller_check != "none":
        unlike = say(caller.language, "I'm sorry, that doesn't match what I have here.")
        raise RefusedError(Outcome.NOT_YOURS, unlike)
    raise refused(caller, changed, practitioner.name, name_them=True)


async def _which(database: functions.Database, caller: Caller, arguments: Arguments) -> UUID:
    """The appointment that is meant: the one named, else the caller's only upcoming one."""
    given = read_identifier(arguments, "appointmentId", _no_appointment(caller))
    if given is not None:
        return given
    if caller.phone is None:
        raise RefusedError(
            Outcome.NOT_FOUND,
            say(
                caller.language,
                "I can't see the number you're calling from, so I can't find your appointment. "
                "Shall I take a message for the clinic?",
            ),
        )
    upcoming = _upcoming(await find_people(database, caller, arguments), find_name(arguments))
    if not upcoming:
        raise RefusedError(Outcome.NOT_FOUND, _no_appointment(caller))
    if len(upcoming) > 1:
        spoken = [speak_appointment(caller, one) for one in upcoming[:CANDIDATES_MAX]]
        question = say(
            caller.language,
            "Which one do you mean: {appointments}?",
            appointments=speak_either(caller.language, spoken),
        )
        candidates = [describe_appointment(caller, one) for one in upcoming[:CANDIDATES_MAX]]
        raise RefusedError(Outcome.NEEDS_CONFIRMATION, question, candidates=candidates)
    return UUID(upcoming[0]["appointment_id"])


def _upcoming(people: list[Person], name: str | None) -> list[dict[str, Any]]:
    """What is to come for these people; of several only the named person's, if that is one."""
    said = " ".join((name or "").casefold().split())
    named = [person for person in people if person["name"].casefold() == said]
    return [one for person in named or people for one in person["upcoming"]]


def _no_appointment(caller: Caller) -> str:
    return say(caller.language, "I'm sorry, I can't find an upcoming appointment of yours.")
