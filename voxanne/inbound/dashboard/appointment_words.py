"""An appointment's state, source, history and messages, in words for the front desk."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.moments import Moments
from voxanne.inbound.v1.problems import RefusedError

Json = Mapping[str, Any]
Names = Mapping[str, str]

SOURCES: Final[Mapping[str, str]] = {
    "voice": "Phone agent",
    "mcp": "Phone agent (MCP)",
    "staff": "Front desk",
    "rest": "Another program",
    "rpc": "Another program",
    "sql": "The database",
    "import": "Taken over from the former diary",
    "link": "The patient, on their page",
    "sms": "The patient, by text message",
    "calendar": "The practitioner's calendar",
    "waitlist": "Waitlist",
}
# Text, and the badge's tone.
STATES: Final[Mapping[str, tuple[str, str]]] = {
    "held": ("held", "warn"),
    "confirmed": ("booked", "ok"),
    "cancelled": ("cancelled", "bad"),
    "expired": ("hold lapsed", "neutral"),
    "completed": ("took place", "neutral"),
    "no_show": ("didn't come", "bad"),
}
_BY: Final[Mapping[str, str]] = {
    "voice": "by phone",
    "mcp": "by phone",
    "staff": "by the front desk",
    "link": "on the patient's page",
    "sms": "by text message",
    "calendar": "in the practitioner's calendar",
}
_PARTS: Final[Mapping[str, str]] = {
    "confirmation": "of the booking",
    "change": "of the move",
    "cancellation": "of the cancellation",
    "offer": "with the offer",
    "reply": "in reply",
}
_CHANNELS: Final[Mapping[str, str]] = {
    "sms": "Text message",
    "email": "E-mail",
    "alert": "Staff alert",
}
_CALENDARS: Final[Mapping[str | None, str]] = {
    "google": "Google Calendar",
    "caldav": "CalDAV calendar",
}
_REASONS: Final[Mapping[str, str]] = {
    "closed": "closed",
    "holiday": "a public holiday",
    "break": "their break",
    "away": "away",
    "too_long": "too near to closing time",
}
_REFUSED: Final[Mapping[Outcome, str]] = {
    Outcome.SLOT_UNAVAILABLE: "That time is taken.",
    Outcome.CALENDAR_STALE: "Their own calendar can't be read at the moment: they may be busy.",
    Outcome.DATE_IN_PAST: "That time has passed.",
    Outcome.TOO_SOON: "That is sooner than the notice the clinic asks for in its settings.",
    Outcome.TOO_FAR_AHEAD: "That is further ahead than the clinic books by its settings.",
    Outcome.UNKNOWN_SERVICE: "Choose a service the clinic gives.",
    Outcome.UNKNOWN_PRACTITIONER: "They don't give this service, or don't work here any more.",
    Outcome.INVALID_NAME: "Give the patient's name.",
    Outcome.INVALID_PHONE: "Give a phone number that can be called, with its area code.",
    Outcome.INVALID_EMAIL: "That is no e-mail address.",
    Outcome.HOLD_EXPIRED: "The hold has lapsed: book the time anew.",
    Outcome.IDEMPOTENCY_MISMATCH: "This form has booked already: open a new one.",
}
# Where overbooking would help: the time is kept by something, and somebody is there.
OVERBOOKABLE: Final = frozenset({Outcome.SLOT_UNAVAILABLE, Outcome.CALENDAR_STALE})


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of the history. `picture`: an icon's name."""

    title: str
    detail: str
    at: str
    picture: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery as the panel shows it. `retry`: where to try again, below the clinic's pages."""

    label: str
    kind: str
    status: str
    parked: bool
    error: str
    retry: str | None


def refusal_text(refused: RefusedError) -> str:
    """Why a time, a booking or a move was refused, and what to do."""
    if refused.outcome is Outcome.OUTSIDE_HOURS:
        reason = _REASONS.get(str(refused.details.get("reason")), "closed")
        return (
            f"Nobody is there at that time: {reason}. An appointment can be put over another one, "
            "but not outside the hours: change the hours of that day first, in the settings."
        )
    return _REFUSED.get(refused.outcome, refused.detail)


def history(found: Sequence[Json], names: Names, when: Moments) -> list[Happened]:
    """Newest first."""
    return [_happened(each, names, when) for each in reversed(found)]


def _happened(each: Json, names: Names, when: Moments) -> Happened:
    kind, data = str(each["kind"]), each["data"]
    tell = _TOLD.get(kind)
    if tell is not None:
        title, detail, picture = tell(data, names, when)
    else:
        title, detail, picture = _sentence(kind), "", "calendar"
    return Happened(title, detail, when.moment(each["created_at"]), picture)


def _moved(data: Json, names: Names, when: Moments) -> tuple[str, str, str]:
    detail = f"from {when.moment(data['from'])} to {when.moment(data['to'])}"
    before, after = data.get("from_practitioner_id"), data.get("to_practitioner_id")
    if before != after and after in names:
        detail += f", from {names.get(str(before), 'somebody else')} to {names[str(after)]}"
    return "Moved", detail, "calendar"


def _sent(verb: str, picture: str) -> "_Tell":
    def tell(data: Json, _names: Names, _when: Moments) -> tuple[str, str, str]:
        label = delivery_label(str(data.get("kind") or "message"), None)
        return f"{label} {verb}", "", picture

    return tell


def _plain(title: str, picture: str) -> "_Tell":
    def tell(data: Json, _names: Names, _when: Moments) -> tuple[str, str, str]:
        return title, _BY.get(str(data.get("source")), ""), picture

    return tell


_Tell = Callable[[Json, Names, Moments], tuple[str, str, str]]
_TOLD: Final[Mapping[str, _Tell]] = {
    "booked": _plain("Booked", "calendar"),
    "moved": _moved,
    "cancelled": _plain("Cancelled", "close"),
    "confirmed": _plain("Put back to booked", "undo"),
    "completed": _plain("Took place", "check"),
    "no_show": _plain("Didn't come", "warning"),
    "patient_confirmed": _plain("The patient confirmed", "check"),
    "held": _plain("Held for a caller", "calendar"),
    "released": _plain("Hold released", "close"),
    "waitlist_offered": _plain("Offered to somebody on the waitlist", "message"),
    "text_received": _plain("The patient sent a text message", "message"),
    "alert_raised": _plain("Staff were alerted", "warning"),
    "delivery_sent": _sent("sent", "delivery"),
    "delivery_delivered": _sent("delivered", "delivery"),
    "delivery_failed": _sent("failed", "warning"),
}


def deliveries(found: Sequence[Json], calendar: str | None) -> list[Delivered]:
    """How each stands: of each kind the newest."""
    return [
        Delivered(
            delivery_label(each["kind"], calendar),
            each["channel"],
            each["status"],
            each["parked"],
            each["error"] or "" if each["status"] in ("failed", "queued") else "",
            f"/deliveries/{each['subject_id']}/{each['kind']}/retry"
            if each["status"] == "failed" or each["parked"]
            else None,
        )
        for each in found
    ]


def delivery_label(kind: str, calendar: str | None) -> str:
    """`Text message of the booking`, `Reminder 2 hours before (text message)`, `Calendar`."""
    channel, _, part = kind.partition("_")
    if channel == "calendar":
        return _CALENDARS.get(calendar, "Calendar")
    named = _CHANNELS.get(channel, _sentence(channel))
    reminder = re.fullmatch(r"reminder_(\d+)h", part)
    if reminder:
        hours = int(reminder[1])
        return f"Reminder {hours} hour{'' if hours == 1 else 's'} before ({named.lower()})"
    return f"{named} {_PARTS.get(part, part.replace('_', ' '))}".strip()


def _sentence(kind: str) -> str:
    said = kind.replace("_", " ")
    return said[:1].upper() + said[1:]
