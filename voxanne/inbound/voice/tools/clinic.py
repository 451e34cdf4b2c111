"""`getClinicInfo` and `transferCall`: what a clinic tells everyone, and where a person answers."""

import re
from datetime import datetime
from typing import Any, Final

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.voice.tools.arguments import Arguments
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.inbound.voice.tools.clinic_facts import (
    ClinicFacts,
    find_facts,
    speak_address,
    speak_hours,
    speak_now,
    speak_practitioners,
    speak_services,
)
from voxanne.inbound.voice.tools.results import RefusedError, Result
from voxanne.language.catalogue import say

TOPIC_CHARACTERS_MAX: Final = 200
# How words begin that a topic is recognized by; "opening times today" is about hours.
TOPICS: Final = {
    "hours": ("hour", "open", "clos", "holiday", "weekend", "schedule"),
    "services": ("service", "price", "cost", "treatment", "offer", "much", r"fees?\b"),
    "practitioners": ("practitioner", "doctor", "dentist", "staff", "team", r"who\b"),
    "address": ("address", "where", "location", "direction", "parking", "find"),
    "timezone": ("timezone", "time zone"),
    "now": (r"now\b", "time", "date", "day"),
}


async def get_clinic_info(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """`getClinicInfo`: the part that was asked about, or all of it in short."""
    topic = find_topic(arguments.get("topic"))
    facts = await find_facts(database, caller)
    now: Result = {"now": caller.local(caller.now).isoformat(timespec="minutes")}
    zone: Result = {"timezone": caller.clinic.timezone}
    parts: dict[str, Result] = {
        "hours": {"hours": facts.hours, "exceptions": facts.exceptions},
        "services": {"services": facts.services},
        "practitioners": {"practitioners": facts.practitioners},
        "address": {"address": facts.address},
        "timezone": zone | now,
        "now": now | zone,
    }
    told = parts[topic] if topic else {k: v for part in parts.values() for k, v in part.items()}
    return {"success": True, "message": _sentence(topic, facts, caller), **told}


def find_topic(said: object) -> str | None:
    """One of TOPICS; None for anything else, which is to say: all."""
    if not isinstance(said, str):
        return None
    text = said[:TOPIC_CHARACTERS_MAX].lower()
    for topic, words in TOPICS.items():
        if any(re.search(rf"\b{word}", text) for word in words):
            return topic
    return None


def _sentence(topic: str | None, facts: ClinicFacts, caller: Caller) -> str:
    match topic:
        case "hours":
            return speak_hours(facts, caller)
        case "services":
            return speak_services(facts, caller)
        case "practitioners":
            return speak_practitioners(facts, caller)
        case "address":
            return speak_address(facts, caller)
        case "timezone" | "now":
            return speak_now(caller)
        case _:
            address = (speak_address(facts, caller),) if facts.address else ()
            return " ".join((speak_hours(facts, caller), speak_services(facts, caller), *address))


async def transfer_call(
    database: functions.Database, caller: Caller, _arguments: Arguments
) -> Result:
    """`transferCall`: where a person answers, or why nobody does now."""
    answer = await find_transfer(database, caller)
    destination = destination_of(answer, caller)
    if destination is not None:
        return {"success": True, "message": destination["message"], "destination": destination}
    outcome = Outcome.NOT_FOUND if answer["open"] else Outcome.OUTSIDE_HOURS
    raise RefusedError(outcome, no_transfer(answer, caller), destination=None)


async def find_transfer(database: functions.Database, caller: Caller) -> dict[str, Any]:
    answer = await functions.call(database, "transfer_destination", {"p_org_id": caller.clinic.id})
    if not answer["success"]:
        raise RefusedError(Outcome(answer["error"]))
    return answer


def destination_of(answer: dict[str, Any], caller: Caller) -> Result | None:
    """As a voice platform takes it; None when nobody would answer."""
    if not answer["open"] or answer["transfer_number"] is None:
        return None
    return {
        "type": "number",
        "number": answer["transfer_number"],
        "message": say(caller.language, "I'm putting you through now. One moment, please."),
    }


def no_transfer(answer: dict[str, Any], caller: Caller) -> str:
    """Why nobody can be reached, and what can be done instead."""
    language = caller.language
    if answer["open"]:
        return say(language, "I'm sorry, I can't put you through right now. May I take a message?")
    if answer["opens_at"] is None:
        return say(language, "I'm sorry, nobody is here right now. May I take a message?")
    return say(
        language,
        "I'm sorry, nobody is here right now; we open on {moment}. May I take a message?",
        moment=caller.speak(datetime.fromisoformat(answer["opens_at"])),
    )
