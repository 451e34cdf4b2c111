"""`checkAvailability`: a few free times spread over the days asked about, or why there are none."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.voice.sentences import speak_alternatives, speak_reason
from voxanne.inbound.voice.tools.arguments import (
    Arguments,
    clock_parameters,
    read_coming_day,
    read_duration,
    read_practitioner,
    read_service,
)
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.inbound.voice.tools.results import RefusedError, Result, offers, refused
from voxanne.language.catalogue import say

DAYS_AHEAD: Final = 14
DAYS_MAX: Final = 90
SLOTS_MAX: Final = 6
SPOKEN_MAX: Final = 3


async def check_availability(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """`checkAvailability`: at most SLOTS_MAX free times."""
    begins, ends = _range(caller, arguments)
    practitioner = await read_practitioner(database, caller, arguments)
    found = await functions.call(
        database,
        "check_availability",
        {
            "p_org_id": caller.clinic.id,
            "p_service_type": read_service(arguments),
            "p_from": begins,
            "p_until": ends,
            "p_practitioner_id": practitioner.id,
            "p_duration_minutes": read_duration(arguments),
            "p_call_id": caller.call_id,
            "p_limit": SLOTS_MAX,
            **clock_parameters(caller, arguments),
        },
    )
    if not found["success"]:
        raise refused(caller, found, practitioner.name)
    slots = offers(caller, found["slots"][:SLOTS_MAX], practitioner.name)
    if not slots:
        why = speak_reason(caller.language, found["reason"], practitioner.name)
        message = f"{why} {say(caller.language, 'Which other time would suit you?')}"
        return {"success": True, "message": message, "slots": [], "reason": found["reason"]}
    return {"success": True, "message": _offered(caller, slots), "slots": slots}


def _offered(caller: Caller, slots: list[Result]) -> str:
    """All of a few; of many every other one, so that what is said is spread as well."""
    few = len(slots) <= SPOKEN_MAX
    spoken = [str(slot["spoken"]) for slot in (slots if few else slots[::2])[:SPOKEN_MAX]]
    message = speak_alternatives(caller.language, spoken)
    if few:
        return message
    return f"{message} {say(caller.language, 'There are other times as well.')}"


def _range(caller: Caller, arguments: Arguments) -> tuple[datetime, datetime]:
    """From when to when to look: whole days in the clinic's zone, but never before now."""
    first = read_coming_day(caller, arguments, "date")
    last = read_coming_day(caller, arguments, "dateTo")
    if first is None and last is None:
        return caller.now, caller.now + timedelta(days=DAYS_AHEAD)
    try:
        begins = caller.now if first is None else max(caller.now, _midnight(caller, first))
        ends = _midnight(caller, (last or first or caller.today) + timedelta(days=1))
    except OverflowError:  # the calendar's edge: the year 9999
        raise RefusedError(Outcome.TOO_FAR_AHEAD) from None
    if ends <= begins:
        question = say(caller.language, "From which day to which day shall I look?")
        raise RefusedError(Outcome.INVALID_DATE, question)
    if ends - begins > timedelta(days=DAYS_MAX):
        question = say(
            caller.language, "That's a long time to look through. Which week would suit you?"
        )
        raise RefusedError(Outcome.INVALID_ARGUMENTS, question)
    return begins, ends


def _midnight(caller: Caller, day: date) -> datetime:
    """When a day of the clinic's begins, in UTC."""
    return datetime.combine(day, time(), caller.clinic.zone).astimezone(UTC)
