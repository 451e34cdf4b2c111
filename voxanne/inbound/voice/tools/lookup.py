"""`lookupCaller`: what belongs to the calling number, and never anything by name alone."""

from datetime import datetime
from typing import Any, Final

from voxanne.booking import functions
from voxanne.inbound.voice.tools.arguments import Arguments, find_name, read_birth_date
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.inbound.voice.tools.results import Result, every, refused, speak_appointment
from voxanne.language.catalogue import say

SPOKEN_MAX: Final = 3
_TEXTS_ALLOWED: Final = {"opt_in": True, "opt_out": False}

Person = dict[str, Any]


async def lookup_caller(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Result:
    """`lookupCaller`: who calls from this number, and what they have coming."""
    people = await find_people(database, caller, arguments)
    return {
        "success": True,
        "message": _sentence(caller, people),
        "found": bool(people),
        "people": [_person(caller, person) for person in people],
    }


async def find_people(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> list[Person]:
    """The people of the calling number, as lookup_caller tells of them; nobody without a number.

    Raises RefusedError when the clinic wants to know more of the caller first.
    """
    phone = caller.phone
    if phone is None:
        return []
    found = await functions.call(
        database,
        "lookup_caller",
        {
            "p_org_id": caller.clinic.id,
            "p_phone": phone.e164,
            "p_name": find_name(arguments),
            "p_birth_date": read_birth_date(caller, arguments),
        },
    )
    if not found["success"]:
        raise refused(caller, found)
    people: list[Person] = found["people"]
    return people


def _person(caller: Caller, person: Person) -> Result:
    return {
        "name": person["name"],
        "upcoming": [
            describe_appointment(caller, appointment) for appointment in person["upcoming"]
        ],
        "visits": person["visits"],
        "noShows": person["no_shows"],
        "usualPractitioner": person["usual_practitioner"],
        "lastVisit": _described(caller, person["last_visit"]) if person["last_visit"] else None,
        "language": person["language"],
        "textsAllowed": _TEXTS_ALLOWED.get(person["texts"]),
        "offers": [
            {
                "waitlistId": offer["waitlist_id"],
                "holdId": offer["hold_id"],
                "expiresAt": offer["expires_at"],
                **_described(caller, offer),
            }
            for offer in person["offers"]
        ],
    }


def describe_appointment(caller: Caller, appointment: dict[str, Any]) -> Result:
    return {"appointmentId": appointment["appointment_id"], **_described(caller, appointment)}


def _described(caller: Caller, found: dict[str, Any]) -> Result:
    return {
        "scheduledAt": found["scheduled_at"],
        "spoken": caller.speak(datetime.fromisoformat(found["scheduled_at"])),
        "serviceType": found["service_type"],
        "practitioner": found["practitioner_name"],
    }


def _sentence(caller: Caller, people: list[Person]) -> str:
    language = caller.language
    if caller.phone is None:
        return say(
            language,
            "I can't see the number you're calling from, so I can't look up your appointments.",
        )
    if not people and caller.clinic.caller_check != "none":
        return say(language, "I'm sorry, that doesn't match what I have here.")
    if not people:
        return say(language, "I don't find anybody with the number you're calling from.")
    sentences = [_upcoming(caller, people)]
    for person in people:
        for offer in person["offers"]:
            sentences.append(
                say(
                    language,
                    "A time became free for {name}: {appointment}. Shall I book it?",
                    name=person["name"],
                    appointment=speak_appointment(caller, offer),
                )
            )
    if len(people) == 1 and people[0]["usual_practitioner"]:
        sentences.append(
            say(
                language,
                "{name} usually sees {practitioner}.",
                name=people[0]["name"],
                practitioner=people[0]["usual_practitioner"],
            )
        )
    return " ".join(sentences)


def _upcoming(caller: Caller, people: list[Person]) -> str:
    language = caller.language
    coming = [
        say(
            language,
            "{appointment}, for {name}",
            appointment=speak_appointment(caller, appointment),
            name=person["name"],
        )
        for person in people
        for appointment in person["upcoming"]
    ]
    if not coming:
        names = every(caller, [person["name"] for person in people])
        return say(language, "I have no upcoming appointment for {names}.", names=names)
    appointments = "; ".join(coming[:SPOKEN_MAX])
    if len(coming) > SPOKEN_MAX:
        return say(language, "I have, among others: {appointments}.", appointments=appointments)
    return say(language, "I have: {appointments}.", appointments=appointments)
