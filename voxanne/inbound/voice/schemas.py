"""The voice tools as a model is told of them: the one place for Vapi and MCP alike.

Flat and short, since every description is read again at each turn of a call. A time is
`scheduledAt`, or `appointmentDate` with `appointmentTime`, so none of them is required. What a
model sends beyond these arguments is ignored.
"""

from dataclasses import dataclass
from typing import Final

Property = dict[str, object]


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """One tool. `parameters` is a JSON Schema; `reads_only`: it changes nothing."""

    name: str
    description: str
    parameters: dict[str, object]
    reads_only: bool = False


def _text(description: str, *choices: str) -> Property:
    words: Property = {"type": "string", "description": description}
    return words | {"enum": list(choices)} if choices else words


def _takes(*required: str, **properties: Property) -> dict[str, object]:
    schema: dict[str, object] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return schema | {"required": list(required)} if required else schema


_TIME: Final = {
    "scheduledAt": _text(
        "Day and time, clinic's local: 2026-11-26T10:00, or as said: 'tomorrow at 3 pm'."
    ),
    "appointmentDate": _text(
        "Instead of scheduledAt, the day: 2026-11-26, 'tomorrow', 'Thursday'."
    ),
    "appointmentTime": _text("With appointmentDate, the time: 15:00, '3 pm', 'half past ten'."),
}
_WEEKDAY: Final = _text("The weekday, if the caller named one. A mismatch is asked about.")
_SERVICE: Final = _text("What it is for, as the clinic lists it, for example consultation.")
_PRACTITIONER: Final = _text(
    "Whom they asked for, or part of the name. Leave out if anyone will do."
)
_TIME_OF_DAY: Final = _text("Part of the day they prefer.", "morning", "afternoon", "evening")
_MINUTES: Final = {
    "type": "integer",
    "minimum": 1,
    "maximum": 1440,
    "description": "Length in minutes, only if the caller asks for one.",
}
_APPOINTMENT: Final = _text("From lookupCaller. Leave out for the caller's only upcoming one.")
_PROOF: Final = {
    "name": _text("The patient's full name, when the clinic checks it."),
    "birthDate": _text("Date of birth, when the clinic checks it: 1984-02-29."),
}

TOOL_SCHEMAS: Final = (
    ToolSchema(
        "bookClinicAppointment",
        "Books an appointment. Call it only after saying service, weekday, date and time back and "
        "hearing yes. Pass holdId if a slot was held. If refused, offer the alternatives.",
        _takes(
            "name",
            name=_text("The patient's full name."),
            **_TIME,
            weekday=_WEEKDAY,
            serviceType=_SERVICE,
            practitioner=_PRACTITIONER,
            phone=_text("A number to reach the patient, only if not the one they call from."),
            email=_text("The patient's e-mail address, if they give one."),
            durationMinutes=_MINUTES,
            holdId=_text("From holdSlot."),
            notes=_text("What the clinic should know, in the caller's words."),
        ),
    ),
    ToolSchema(
        "checkAvailability",
        "Lists up to six free times. Call it before offering any time. Without slots, its reason "
        "says why.",
        _takes(
            serviceType=_SERVICE,
            date=_text("First day to look at: 2026-11-26, 'tomorrow', 'Thursday'. Default today."),
            dateTo=_text("Last day to look at."),
            timeOfDay=_TIME_OF_DAY,
            practitioner=_PRACTITIONER,
            durationMinutes=_MINUTES,
        ),
        reads_only=True,
    ),
    ToolSchema(
        "holdSlot",
        "Keeps a free time for this caller for a few minutes. Call it as soon as they choose one, "
        "before asking for details. It is not a booking yet.",
        _takes(**_TIME, serviceType=_SERVICE, practitioner=_PRACTITIONER),
    ),
    ToolSchema(
        "rescheduleAppointment",
        "Moves the caller's appointment to another time. Say the new weekday, date and time back "
        "first and hear yes.",
        _takes(
            **_TIME,
            weekday=_WEEKDAY,
            appointmentId=_APPOINTMENT,
            practitioner=_PRACTITIONER,
            **_PROOF,
        ),
    ),
    ToolSchema(
        "cancelAppointment",
        "Cancels the caller's appointment. Say which one it is first and hear yes.",
        _takes(appointmentId=_APPOINTMENT, reason=_text("Why, if they say."), **_PROOF),
    ),
    ToolSchema(
        "lookupCaller",
        "The calling number's own upcoming appointments and past visits. It can't search for "
        "anyone else.",
        _takes(**_PROOF),
        reads_only=True,
    ),
    ToolSchema(
        "getClinicInfo",
        "What the clinic tells everyone: hours, services, practitioners, address, time zone, and "
        "the date and time now.",
        _takes(
            topic=_text(
                "What they ask about. Leave out for everything.",
                "hours",
                "services",
                "practitioners",
                "address",
                "timezone",
                "now",
            )
        ),
        reads_only=True,
    ),
    ToolSchema(
        "takeMessage",
        "Leaves the staff a message from the caller, when no other tool does what they want or "
        "nobody can take the call.",
        _takes(
            "message",
            message=_text("The message, in the caller's words."),
            name=_text("Who it is from."),
            callbackNumber=_text("The number to call back, if not the one they call from."),
            urgency=_text("How soon somebody must read it.", "low", "normal", "high", "emergency"),
        ),
    ),
    ToolSchema(
        "joinWaitlist",
        "Puts the caller on the list for a time that becomes free. It books nothing.",
        _takes(
            name=_text("The patient's full name."),
            serviceType=_SERVICE,
            practitioner=_PRACTITIONER,
            dateFrom=_text("First day that suits. Default today."),
            dateTo=_text("Last day that suits. Default four weeks on."),
            timeOfDay=_TIME_OF_DAY,
        ),
    ),
    ToolSchema(
        "transferCall",
        "Asks where to put the caller through to a person. Out of hours there is nobody: offer to "
        "take a message.",
        _takes(reason=_text("Why they want a person, in a few words.")),
    ),
)
TOOL_NAMES: Final = frozenset(schema.name for schema in TOOL_SCHEMAS)
