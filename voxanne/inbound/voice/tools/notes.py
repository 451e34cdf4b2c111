"""`takeMessage` and `joinWaitlist`: what a caller leaves with the clinic for later."""

from datetime import date
from typing import Any, Final

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.voice.tools.arguments import (
    Arguments,
    clock_parameters,
    find_name,
    idempotency,
    read_coming_day,
    read_long_text,
    read_phone,
    read_phones,
    read_practitioner,
    read_service,
)
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.inbound.voice.tools.lookup import find_people
from voxanne.inbound.voice.tools.results import RefusedError, Result, refused, speak_service
from voxanne.language.catalogue import say
from voxanne.language.speech import speak_date

EMERGENCY: Final = "emergency"
URGENCIES: Final = {
    "low": "low",
    "normal": "normal",
    "high": "high",
    "urgent": "high",
    EMERGENCY: EMERGENCY,
}


async def take_message(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """`takeMessage`: kept for the front desk; an urgent one alerts it."""
    language = caller.language
    kept = await keep_message(database, caller, arguments, urgency_of(arguments))
    if caller.phone is None and read_phone(caller, arguments, "callbackNumber") is None:
        message = say(
            language,
            "I've noted your message. I have no number to call you back on: may I have one?",
        )
    else:
        message = say(language, "I've noted your message, and the clinic will see it.")
    return {"success": True, "message": message, "messageId": kept["message_id"]}


async def keep_message(
    database: functions.Database, caller: Caller, arguments: Arguments, urgency: str
) -> dict[str, Any]:
    """What take_message answers. Raises RefusedError."""
    question = say(
        caller.language, "What would you like me to tell the clinic, in a few sentences?"
    )
    body = read_long_text(arguments, "message", question)
    if body is None:
        raise RefusedError(Outcome.INVALID_ARGUMENTS, question)
    phone = caller.phone
    callback = read_phone(caller, arguments, "callbackNumber")
    kept = await functions.call(
        database,
        "take_message",
        {
            "p_org_id": caller.clinic.id,
            "p_body": body,
            "p_name": find_name(arguments),
            "p_caller_phone": phone.e164 if phone else None,
            "p_callback_phone": callback.e164 if callback else None,
            "p_urgency": urgency,
            "p_call_id": caller.call_id,
            "p_source": caller.source,
            **idempotency(caller, phone, "takeMessage", arguments).parameters,
        },
    )
    if not kept["success"]:
        raise refused(caller, kept)
    return kept


def urgency_of(arguments: Arguments) -> str:
    """As the model judged it; what it can't be is `normal`."""
    said = arguments.get("urgency")
    return URGENCIES.get(said.strip().lower(), "normal") if isinstance(said, str) else "normal"


async def join_waitlist(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """`joinWaitlist`: told when something becomes free."""
    phone, _ = read_phones(caller, arguments)
    practitioner = await read_practitioner(database, caller, arguments)
    days = {
        "p_date_from": read_coming_day(caller, arguments, "dateFrom"),
        "p_date_to": read_coming_day(caller, arguments, "dateTo"),
    }
    joined = await functions.call(
        database,
        "join_waitlist",
        {
            "p_org_id": caller.clinic.id,
            "p_name": await _name(database, caller, arguments),
            "p_phone": phone.e164,
            "p_phone_verified": phone.verified,
            "p_service_type": read_service(arguments),
            "p_practitioner_id": practitioner.id,
            "p_call_id": caller.call_id,
            "p_source": caller.source,
            **{name: day for name, day in days.items() if day is not None},
            **clock_parameters(caller, arguments),
            **idempotency(caller, phone, "joinWaitlist", arguments).parameters,
        },
    )
    if not joined["success"]:
        raise refused(caller, joined, practitioner.name)
    return {
        "success": True,
        "message": _joined_sentence(caller, joined),
        "waitlistId": joined["waitlist_id"],
        "position": joined["position"],
    }


async def _name(database: functions.Database, caller: Caller, arguments: Arguments) -> str:
    """Who is waiting: as said, else the only person known by the calling number."""
    name = find_name(arguments)
    if name is not None:
        return name
    people = await find_people(database, caller, arguments) if "name" not in arguments else []
    if len(people) != 1:
        raise RefusedError(Outcome.INVALID_NAME)
    return str(people[0]["name"])


def _joined_sentence(caller: Caller, joined: dict[str, Any]) -> str:
    service = speak_service(joined["service_type"])
    first, last = (
        speak_date(date.fromisoformat(joined[key]), today=caller.today, locale=caller.locale)
        for key in ("date_from", "date_to")
    )
    if first == last:
        return say(
            caller.language,
            "You're on the waiting list for {service} on {day}. The clinic will offer you the "
            "first time that becomes free.",
            service=service,
            day=first,
        )
    return say(
        caller.language,
        "You're on the waiting list for {service}, from {first} to {last}. The clinic will offer "
        "you the first time that becomes free.",
        service=service,
        first=first,
        last=last,
    )
