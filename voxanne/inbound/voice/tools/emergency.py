"""Emergencies: what is said comes before what was asked for.

The words a caller left in any argument are looked through before the tool runs. In an emergency
nothing is booked; the number to call is said, the staff are alerted, and a message is kept.
"""

import asyncio
from typing import Final

import structlog

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.http import describe
from voxanne.inbound.voice.emergencies import emergency_number, find_red_flag, speak_emergency
from voxanne.inbound.voice.tools.arguments import LONG_TEXT_CHARACTERS_MAX, Arguments
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.inbound.voice.tools.clinic import destination_of, find_transfer
from voxanne.inbound.voice.tools.notes import EMERGENCY, keep_message, urgency_of
from voxanne.inbound.voice.tools.results import RefusedError, Result, refusal

# Shorter than the longest wait for the database: the number is said whether or not it answers.
WAIT_SECONDS: Final = 1.0
CHARACTERS_MAX: Final = 10_000
VALUES_MAX: Final = 1_000
# Who, when, what for and which: a service may well be called after what it treats.
NOT_FREE_TEXT: Final = frozenset(
    {
        "name",
        "phone",
        "callbackNumber",
        "email",
        "birthDate",
        "serviceType",
        "practitioner",
        "scheduledAt",
        "appointmentDate",
        "appointmentTime",
        "weekday",
        "date",
        "dateTo",
        "dateFrom",
        "timeOfDay",
        "durationMinutes",
        "holdId",
        "appointmentId",
        "urgency",
    }
)

log = structlog.get_logger("voxanne.voice")


def is_emergency(tool: str, caller: Caller, arguments: Arguments) -> bool:
    """Whether what was said holds one of the clinic's red flags, or the model itself says so."""
    if tool == "takeMessage" and urgency_of(arguments) == EMERGENCY:
        return True
    words = free_text(arguments)
    return find_red_flag(words, caller.clinic.red_flags, caller.language) is not None


def free_text(arguments: Arguments) -> list[str]:
    """Whatever could hold a caller's own words, however deep; arguments we don't know included."""
    texts: list[str] = []
    left = CHARACTERS_MAX
    waiting: list[object] = [arguments[key] for key in arguments if key not in NOT_FREE_TEXT]
    for _ in range(VALUES_MAX):
        if not waiting or left <= 0:
            break
        value = waiting.pop(0)
        if isinstance(value, str):
            texts.append(value[:left])
            left -= len(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return texts


async def answer_emergency(
    tool: str, database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """What to say, and the destination where a person answers now. The staff are alerted."""
    kept: Result = {}
    destination = None
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            if tool == "takeMessage":
                kept = await _keep(database, caller, arguments)
            else:
                await _alert(database, caller)
            destination = destination_of(await find_transfer(database, caller), caller)
    except Exception as error:
        # The caller must hear the number all the same.
        log.error("emergency not recorded", call_id=caller.call_id, bug=describe(error))
    number = emergency_number(caller.clinic.country, caller.clinic.timezone)
    return refusal(
        Outcome.EMERGENCY,
        caller.language,
        speak_emergency(caller.language, number, destination is not None),
        emergency=True,
        emergencyNumber=number,
        destination=destination,
        **kept,
    )


async def _keep(database: functions.Database, caller: Caller, arguments: Arguments) -> Result:
    """The message. Whatever else is wrong with it, the staff get it, and are alerted."""
    try:
        kept = await keep_message(database, caller, arguments, EMERGENCY)
    except RefusedError:
        text = " ".join(free_text(arguments)).replace("\x00", "")
        text = text.encode("utf-8", "replace").decode()[:LONG_TEXT_CHARACTERS_MAX]
        try:
            kept = await keep_message(database, caller, {"message": text}, EMERGENCY)
        except RefusedError:
            await _alert(database, caller)
            return {}
    return {"messageId": kept["message_id"]}


async def _alert(database: functions.Database, caller: Caller) -> None:
    parameters = {"p_org_id": caller.clinic.id, "p_kind": EMERGENCY, "p_call_id": caller.call_id}
    await functions.call(database, "raise_alert", parameters)
