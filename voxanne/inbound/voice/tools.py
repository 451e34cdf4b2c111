"""The voice tools, whatever platform calls them: arguments in, a result the agent can speak out.

Names, arguments and results are fixed by contract. Arguments come from a language model, so any of
them may be missing, of another type, or nonsense; who is calling comes from signalling only.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from voxanne.booking import functions
from voxanne.booking.normalize import (
    NAME_CHARACTERS_MAX,
    is_clean,
    normalize_email,
    normalize_phone,
)
from voxanne.booking.outcomes import Outcome
from voxanne.booking.types import BookingRequest, Clinic, Phone
from voxanne.inbound.voice.dates import ResolvedTime, SaidTime, TimeRefusal, resolve_time
from voxanne.inbound.voice.sentences import refuse
from voxanne.inbound.voice.speech import locale_for, speak_moment

NOTES_CHARACTERS_MAX: Final = 2_000
TEXT_CHARACTERS_MAX: Final = 200
DEFAULT_SERVICE: Final = "consultation"
NO_PREFERENCE: Final = frozenset(
    {"any", "anyone", "anybody", "whoever", "no preference", "first available", "none"}
)

Arguments = Mapping[str, object]


class RefusedError(Exception):
    """An argument that can't be used; carries the outcome and the sentence. Never leaves here."""

    def __init__(self, outcome: Outcome, message: str | None = None) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.message = message or refuse(outcome)


@dataclass(frozen=True, slots=True)
class Caller:
    """One tool call's surroundings: the clinic, who is calling, and what identifies the call.

    `number` is as the platform sent it, None when withheld. `now` is the clinic's clock, in UTC.
    """

    clinic: Clinic
    number: str | None
    call_id: str | None
    tool_call_id: str | None
    now: datetime
    date_correction_days_max: int

    @property
    def locale(self) -> str:
        return locale_for(self.clinic.country, self.clinic.timezone)[0]

    @property
    def region(self) -> str:
        return locale_for(self.clinic.country, self.clinic.timezone)[1]

    def speak(self, moment: datetime) -> str:
        """A moment in the clinic's zone, as it is said."""
        zone = self.clinic.zone
        today = self.now.astimezone(zone).date()
        return speak_moment(moment.astimezone(zone), today=today, locale=self.locale)


Result = dict[str, object]
Tool = Callable[[functions.Database, Caller, Arguments], Awaitable[Result]]


async def run_tool(
    name: str, database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """The result of one call: always `success` and `message`, and `error` when refused.

    Raises KeyError for a tool that doesn't exist, and whatever `database` raises.
    """
    tool = TOOLS[name]
    try:
        return await tool(database, caller, arguments)
    except RefusedError as refused:
        return refusal(refused.outcome, refused.message, alternatives=[])


def refusal(outcome: Outcome, message: str | None = None, **details: object) -> Result:
    return {"success": False, "error": outcome, "message": message or refuse(outcome), **details}


async def book_clinic_appointment(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """`bookClinicAppointment`: books, or gives back the booking this call already made."""
    phone, contact_phone = _phones(caller, arguments)
    key, request_hash = _idempotency(caller, phone, "bookClinicAppointment", arguments)
    when = resolve_time(
        SaidTime(
            arguments.get("scheduledAt"),
            arguments.get("appointmentDate"),
            arguments.get("appointmentTime"),
            arguments.get("weekday"),
        ),
        zone=caller.clinic.zone,
        now=caller.now,
        locale=caller.locale,
        correction_days_max=caller.date_correction_days_max,
    )
    if isinstance(when, TimeRefusal) and key is None:
        return _unclear_time(caller, when)
    booked = await functions.book_appointment(
        database,
        BookingRequest(
            organization=caller.clinic.id,
            name=_name(arguments),
            email=_email(arguments),
            phone=phone,
            service_type=_text(arguments, "serviceType", Outcome.UNKNOWN_SERVICE)
            or DEFAULT_SERVICE,
            # Without a time this asks whether the very same call was answered before.
            scheduled_at=when.instant if isinstance(when, ResolvedTime) else None,
            duration_minutes=_duration(arguments),
            practitioner=await _practitioner(database, caller, arguments),
            contact_phone=contact_phone,
            idempotency_key=key,
            request_hash=request_hash,
            call_id=caller.call_id,
            notes=_notes(arguments),
        ),
    )
    if isinstance(when, TimeRefusal) and booked.get("error") == Outcome.INVALID_DATE:
        return _unclear_time(caller, when)
    return _booking_result(caller, booked)


TOOLS: Final[dict[str, Tool]] = {"bookClinicAppointment": book_clinic_appointment}


def _booking_result(caller: Caller, booked: dict[str, Any]) -> Result:
    if not booked["success"]:
        return refusal(Outcome(booked["error"]), alternatives=[])
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
    when = caller.speak(datetime.fromisoformat(booked["scheduled_at"]))
    service = str(booked["service_type"]).replace("_", " ")
    practitioner = f" with {booked['practitioner_name']}" if booked["practitioner_name"] else ""
    appointment = f"{service} on {when}{practitioner}"
    if booked["status"] != "confirmed":
        return f"Your {appointment} was booked, and is now {booked['status'].replace('_', ' ')}."
    if booked["replayed"]:
        return f"It's already yours: {appointment} is booked."
    return f"You're booked: {appointment}."


def _unclear_time(caller: Caller, unclear: TimeRefusal) -> Result:
    candidates = [candidate.isoformat() for candidate in unclear.candidates]
    return refusal(unclear.outcome, unclear.message, alternatives=[], candidates=candidates)


def _phones(caller: Caller, arguments: Arguments) -> tuple[Phone, str | None]:
    """Whom the booking belongs to, and where else to reach them.

    The caller's own number is the identity; a different one in the arguments is only a contact.
    """
    said = arguments.get("phone")
    if said is not None and not isinstance(said, str):
        raise RefusedError(Outcome.INVALID_PHONE)
    given = normalize_phone(said, caller.region) if said and said.strip() else None
    if given is None and said and said.strip():
        raise RefusedError(Outcome.INVALID_PHONE)
    own = normalize_phone(caller.number, caller.region) if caller.number else None
    if own is not None:
        return own, given.e164 if given is not None and given.e164 != own.e164 else None
    if given is None:
        raise RefusedError(Outcome.INVALID_PHONE)
    return given, None


def _name(arguments: Arguments) -> str:
    name = arguments.get("name")
    if not isinstance(name, str) or not is_clean(name) or len(name) > 4 * NAME_CHARACTERS_MAX:
        raise RefusedError(Outcome.INVALID_NAME)
    return name


def _email(arguments: Arguments) -> str | None:
    email = arguments.get("email")
    if email is None or (isinstance(email, str) and not email.strip()):
        return None
    address = normalize_email(email) if isinstance(email, str) else None
    if address is None:
        raise RefusedError(Outcome.INVALID_EMAIL)
    return address


def _duration(arguments: Arguments) -> int | None:
    """Minutes. A model may write the number as a string; the database knows the bounds."""
    said = arguments.get("durationMinutes")
    if said is None or said == "":
        return None
    if isinstance(said, str) and said.strip().isdecimal() and len(said) < 9:
        said = int(said)
    if isinstance(said, float) and said.is_integer():
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int) or not 1 <= said <= 1440:
        raise RefusedError(Outcome.INVALID_DURATION)
    return said


def _notes(arguments: Arguments) -> str | None:
    notes = arguments.get("notes")
    if notes is None:
        return None
    if not isinstance(notes, str) or not is_clean(notes) or len(notes) > NOTES_CHARACTERS_MAX:
        raise RefusedError(
            Outcome.INVALID_ARGUMENTS, "The notes are too long. Could you make them shorter?"
        )
    return notes.strip() or None


def _text(arguments: Arguments, key: str, outcome: Outcome) -> str | None:
    said = arguments.get(key)
    if said is None:
        return None
    if not isinstance(said, str) or not is_clean(said) or len(said) > TEXT_CHARACTERS_MAX:
        raise RefusedError(outcome)
    return said.strip() or None


async def _practitioner(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> UUID | None:
    """Whom the caller named; asked back when it could be either of several."""
    said = _text(arguments, "practitioner", Outcome.UNKNOWN_PRACTITIONER)
    if said is None or said.lower() in NO_PREFERENCE:
        return None
    found = await functions.find_practitioner(database, caller.clinic.id, said)
    if not found:
        raise RefusedError(Outcome.UNKNOWN_PRACTITIONER)
    if len(found) > 1:
        names = " or ".join(practitioner["name"] for practitioner in found[:4])
        raise RefusedError(Outcome.NEEDS_CONFIRMATION, f"Do you mean {names}?")
    return UUID(found[0]["id"])


def _idempotency(
    caller: Caller, phone: Phone, tool: str, arguments: Arguments
) -> tuple[str | None, str | None]:
    """The key of this very call, and what it stands for: who asked for what.

    A tool-call id alone is no key. Ids are the platform's to choose, so they are hashed apart and
    not joined: ("a:b", "c") must not be ("a", "b:c").
    """
    if not caller.call_id or not caller.tool_call_id:
        return None, None
    return (
        f"voice:{_digest([caller.call_id, caller.tool_call_id])}",
        _digest([tool, phone.e164, dict(arguments)]),
    )


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def clinic_now(clinic: Clinic) -> datetime:
    """The present, in UTC, by the clock the clinic's database keeps."""
    return datetime.now(UTC) + timedelta(seconds=clinic.clock_offset_seconds)
