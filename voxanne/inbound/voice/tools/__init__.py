"""The voice tools, whatever platform calls them: arguments in, a result the agent can speak out.

Names, arguments and results are fixed by contract. Arguments come from a language model, so any of
them may be missing, of another type, or nonsense; who is calling comes from signalling only. A file
per subject; `arguments` reads, `results` renders, and `run_tool` is the one way in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from voxanne.booking import functions
from voxanne.inbound.http import describe
from voxanne.inbound.voice.tools.appointments import book_clinic_appointment, hold_slot
from voxanne.inbound.voice.tools.arguments import Arguments
from voxanne.inbound.voice.tools.availability import check_availability
from voxanne.inbound.voice.tools.caller import Caller, clinic_now
from voxanne.inbound.voice.tools.changes import cancel_appointment, reschedule_appointment
from voxanne.inbound.voice.tools.clinic import get_clinic_info, transfer_call
from voxanne.inbound.voice.tools.emergency import answer_emergency, is_emergency
from voxanne.inbound.voice.tools.lookup import lookup_caller
from voxanne.inbound.voice.tools.notes import join_waitlist, take_message
from voxanne.inbound.voice.tools.results import RefusedError, Result, refusal

__all__ = ["TOOLS", "Caller", "Result", "clinic_now", "is_emergency", "refusal", "run_tool"]

Tool = Callable[[functions.Database, Caller, Arguments], Awaitable[Result]]

TOOLS: Final[dict[str, Tool]] = {
    "bookClinicAppointment": book_clinic_appointment,
    "checkAvailability": check_availability,
    "holdSlot": hold_slot,
    "rescheduleAppointment": reschedule_appointment,
    "cancelAppointment": cancel_appointment,
    "lookupCaller": lookup_caller,
    "getClinicInfo": get_clinic_info,
    "takeMessage": take_message,
    "joinWaitlist": join_waitlist,
    "transferCall": transfer_call,
}
# A refusal of theirs always lists what could be had instead, if only nothing.
TAKES_A_TIME: Final = frozenset({"bookClinicAppointment", "holdSlot", "rescheduleAppointment"})
HOLDS_WAIT_SECONDS: Final = 0.25

log = structlog.get_logger("voxanne.voice")


async def run_tool(
    name: str, database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """The result of one call: always `success` and `message`, and `error` when refused.

    Raises KeyError for a tool that doesn't exist, and whatever `database` raises.
    """
    tool = TOOLS[name]
    if is_emergency(name, caller, arguments):
        result = await answer_emergency(name, database, caller, arguments)
    else:
        try:
            result = await tool(database, caller, arguments)
        except RefusedError as refused:
            result = refusal(refused.outcome, caller.language, refused.message, **refused.details)
    if not result["success"] and name in TAKES_A_TIME:
        result.setdefault("alternatives", [])
    if caller.call_id and name != "bookClinicAppointment":
        await _keep_holds(database, caller, caller.call_id)
    return result


async def _keep_holds(database: functions.Database, caller: Caller, call_id: str) -> None:
    """The call is alive, and so are its holds. What was decided stands even if this fails."""
    try:
        async with asyncio.timeout(HOLDS_WAIT_SECONDS):
            await functions.extend_holds(database, caller.clinic.id, call_id)
    except Exception as error:
        log.warning("holds not extended", call_id=call_id, bug=describe(error))
