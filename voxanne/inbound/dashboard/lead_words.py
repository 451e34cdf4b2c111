"""A lead's score, timeline and history, in words for the front desk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from voxanne.inbound.dashboard.appointment_words import SOURCES, STATES, delivery_label
from voxanne.inbound.dashboard.moments import Moments, call_path, duration_text, phone_text

Json = Mapping[str, Any]
Badge = tuple[str, str]

TIERS: Final[Mapping[str, str]] = {"hot": "bad", "warm": "warn", "cold": "neutral"}
# How a caller's word on text messages came.
_SAID: Final[Mapping[str, str]] = {
    "text": "by text message",
    "carrier": "by the carrier",
    "staff": "told the front desk",
}
_CALLS: Final[Mapping[str, str]] = {
    "inbound": "Phone agent answered a call",
    "outbound": "Phone agent called",
    "web": "Phone agent talked on the website",
    "chat": "Phone agent chatted",
}
_PROMISES: Final[Mapping[str, Badge]] = {
    "mismatch": ("promise not kept", "bad"),
    "unclear": ("promise unclear", "warn"),
}
_MESSAGES: Final[Mapping[str, str]] = {
    "sms_confirmation": "Confirmation text",
    "sms_change": "Text about the move",
    "sms_cancellation": "Text about the cancellation",
    "sms_offer": "Text with an offer",
    "email_confirmation": "Confirmation e-mail",
    "email_change": "E-mail about the move",
    "email_cancellation": "E-mail about the cancellation",
}
_SENT: Final[Mapping[str, Badge]] = {
    "delivered": ("delivered", "ok"),
    "sent": ("sent", "ok"),
    "failed": ("failed", "bad"),
    "voided": ("not sent", "neutral"),
}
_ON_ITS_WAY: Final[Badge] = ("on its way", "neutral")
_WAITING: Final[Badge] = ("waiting", "warn")
_AGAIN: Final[Badge] = ("tried again soon", "warn")
_URGENCIES: Final[Mapping[str, Badge]] = {
    "high": ("urgent", "warn"),
    "emergency": ("emergency", "bad"),
}
_WISHES: Final[Mapping[str, Badge]] = {
    "waiting": ("waiting", "neutral"),
    "offered": ("offered a time", "warn"),
    "booked": ("booked", "ok"),
    "left": ("left", "neutral"),
}
_FIELDS: Final[Mapping[str, str]] = {
    "name": "name",
    "email": "e-mail address",
    "birth_date": "birth date",
}
_HAPPENED: Final[Mapping[str, str]] = {
    "cancelled": "Cancelled",
    "confirmed": "Put back to booked",
    "completed": "Came",
    "no_show": "Didn't come",
    "patient_confirmed": "Said that they will come",
}
_PICTURES: Final[Mapping[str, str]] = {
    "cancelled": "close",
    "completed": "check",
    "no_show": "warning",
    "patient_confirmed": "check",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `href`: where it leads, below the clinic's pages; `said`: words of
    the patient's or ours, as they were; `retry`, `delete`, `undo`: what can be posted about it.
    """

    picture: str
    title: str
    badge: Badge | None = None
    details: Sequence[str] = ()
    said: str | None = None
    href: str | None = None
    retry: str | None = None
    delete: str | None = None
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A line, when it happened, and what tells it from others on the page."""

    line: Line
    at: str
    time: str


@dataclass(frozen=True, slots=True)
class Day:
    """The clinic's local day."""

    name: str
    told: list[Told] = field(default_factory=list)


def timeline_days(items: Sequence[Json], when: Moments, reader: "Reader") -> list[Day]:
    """In the order they are given in."""
    days: list[Day] = []
    for item in items:
        name = day_name(when.local(item["at"]).date(), when)
        if not days or days[-1].name != name:
            days.append(Day(name))
        days[-1].told.append(Told(reader.line(item, when), item["at"], when.time(item["at"])))
    return days


def day_name(day: date, when: Moments) -> str:
    if day == when.today:
        return "Today"
    return when.day(day)


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose page it is and who reads it: which names need no saying, and what may be done."""

    name: str
    staff_id: str
    is_owner: bool
    may_write: bool

    def line(self, item: Json, when: Moments) -> Line:
        tell = _TOLD.get(item["kind"])
        if tell is not None:
            return tell(item, when, self)
        if item["kind"] in _HAPPENED:
            return _happened(item, when, self)
        said = str(item["kind"]).replace("_", " ")
        return Line("calendar", said[:1].upper() + said[1:])


def consent_text(consent: Json | None, when: Moments) -> str:
    """`Yes, by text message, Tue 24 Nov, 10:31`."""
    if consent is None:
        return "Nothing said"
    wanted = "Yes" if consent["kind"] == "opt_in" else "No"
    return (
        f"{wanted}, {_SAID.get(consent['source'], consent['source'])}, {when.moment(consent['at'])}"
    )


def visit_text(booked: Json, when: Moments) -> str:
    """`Cleaning, Tue 24 Nov, 09:30 with Priya Nair`."""
    text = f"{service_name(booked)}, {when.moment(booked['scheduled_at'])}"
    return f"{text} with {booked['practitioner']}" if booked.get("practitioner") else text


def service_name(booked: Json) -> str:
    name = str(booked["service"])
    return name[:1].upper() + name[1:]


def _call(item: Json, _when: Moments, _reader: Reader) -> Line:
    running = item["state"] != "ended" and item["seconds"] is None
    detail = [
        duration_text(item["seconds"]) if item["seconds"] is not None else "",
        item["summary"],
    ]
    return Line(
        "phone",
        _CALLS.get(item["source"], _CALLS["inbound"]),
        _PROMISES.get(item["promise"]) or (("in progress", "neutral") if running else None),
        [" · ".join(filter(None, detail))] if any(detail) else [],
        href=call_path(item["call_id"]),
    )


def _booked(item: Json, when: Moments, reader: Reader) -> Line:
    by = SOURCES.get(item["source"], item["source"])
    return Line(
        "calendar",
        f"Booked: {visit_text(item, when)}",
        STATES.get(item["state"]),
        [f"{by}{_for(item, reader)}"],
        href=f"/appointments/{item['appointment_id']}",
    )


def _moved(item: Json, when: Moments, reader: Reader) -> Line:
    to = when.moment(item["to"])
    if item["from_practitioner"] and item["to_practitioner"]:
        to += f", from {item['from_practitioner']} to {item['to_practitioner']}"
    return Line(
        "calendar",
        f"Moved: {service_name(item)} from {when.moment(item['from'])} to {to}",
        details=_details(f"{_by(item)}{_for(item, reader)}"),
        href=f"/appointments/{item['appointment_id']}",
    )


def _happened(item: Json, when: Moments, reader: Reader) -> Line:
    return Line(
        _PICTURES.get(item["kind"], "undo"),
        f"{_HAPPENED[item['kind']]}: {visit_text(item, when)}",
        details=_details(f"{_by(item)}{_for(item, reader)}"),
        href=f"/appointments/{item['appointment_id']}",
    )


def _delivery(item: Json, when: Moments, reader: Reader) -> Line:
    if item["channel"] == "calendar":
        whose = f"{item['practitioner']}'s calendar" if item["practitioner"] else "the calendar"
        done = item["state"] == "delivered"
        title = f"Added to {whose}" if done and item["version"] == 1 else f"Entry in {whose}"
        badge = ("synced", "ok") if done else _sent(item)
    else:
        title = _MESSAGES.get(item["message"]) or delivery_label(item["message"], None)
        badge = _sent(item)
    stuck = item["state"] == "failed" or item["parked"]
    return Line(
        "sync" if item["channel"] == "calendar" else "message",
        title,
        badge,
        _details(_fate(item, when)),
        _quoted(item["body"]),
        f"/appointments/{item['appointment_id']}",
        f"/deliveries/{item['delivery_id']}/retry" if stuck and reader.may_write else None,
    )


def _text_in(item: Json, _when: Moments, _reader: Reader) -> Line:
    return Line("message", "Text from the patient", said=_quoted(item["body"]))


def _text_out(item: Json, when: Moments, reader: Reader) -> Line:
    stuck = item["state"] == "failed" or item["parked"]
    return Line(
        "message",
        "Answer by text",
        _sent(item),
        _details(_fate(item, when)),
        _quoted(item["body"]),
        retry=f"/deliveries/{item['delivery_id']}/retry" if stuck and reader.may_write else None,
    )


def _message(item: Json, _when: Moments, _reader: Reader) -> Line:
    back = f"Call back on {phone_text(item['callback_phone'])}" if item["callback_phone"] else ""
    done = "Done" if item["state"] == "done" else ""
    return Line(
        "note",
        f"Message left{' by ' + item['name'] if item['name'] else ''}",
        _URGENCIES.get(item["urgency"]),
        _details(" · ".join(filter(None, [back, done]))),
        _quoted(item["body"]),
        "/delivery",
    )


def _consent(item: Json, _when: Moments, _reader: Reader) -> Line:
    wants = item["kind"] == "opt_in"
    return Line(
        "check" if wants else "close",
        "Wants text messages" if wants else "Wants no text messages",
        details=[f"{_SAID.get(item['source'], item['source'])} · {phone_text(item['phone'])}"],
    )


def _wish(item: Json, when: Moments, _reader: Reader) -> Line:
    days = [when.short_day(date.fromisoformat(item[name])) for name in ("date_from", "date_to")]
    return Line(
        "calendar",
        f"Joined the waitlist: {service_name(item)}",
        _WISHES.get(item["state"]),
        [days[0] if days[0] == days[1] else f"{days[0]} to {days[1]}"],
    )


def _offer(item: Json, when: Moments, _reader: Reader) -> Line:
    who = f" with {item['practitioner']}" if item["practitioner"] else ""
    return Line("calendar", f"Offered from the waitlist: {when.moment(item['scheduled_at'])}{who}")


def _note(item: Json, _when: Moments, reader: Reader) -> Line:
    mine = reader.may_write and (item["staff_id"] == reader.staff_id or reader.is_owner)
    return Line(
        "note",
        f"Note by {item['author']}",
        said=item["body"],
        delete=f"/leads/{item['lead_id']}/notes/{item['note_id']}/delete" if mine else None,
    )


def _corrected(item: Json, _when: Moments, _reader: Reader) -> Line:
    named = [_FIELDS.get(name, name) for name in item["fields"] or []]
    return Line("person", f"Details corrected: {', '.join(sorted(named))}")


def _changed(item: Json, _when: Moments, reader: Reader) -> Line:
    one, other = item["name"] or "somebody", item["other_name"] or "somebody else"
    undone = item["state"] == "undone"
    if item["kind"] == "lead_merged":
        title = f"{other} was merged into {one}"
    else:
        number = item["appointments"]
        title = f"{number} appointment{'' if number == 1 else 's'} of {one} became {other}'s"
    return Line(
        "leads",
        title,
        ("undone", "neutral") if undone else None,
        _details(f"by {item['staff']}" if item["staff"] else ""),
        undo=None if undone or not reader.may_write else f"/lead-changes/{item['change_id']}/undo",
    )


def _undone(item: Json, _when: Moments, _reader: Reader) -> Line:
    one, other = item["name"] or "somebody", item["other_name"] or "somebody else"
    what = "merging of" if item["change"] == "merge" else "splitting of"
    return Line("undo", f"The {what} {one} and {other} was undone")


def _sent(item: Json) -> Badge:
    if item["parked"]:
        return _WAITING
    under_way = _AGAIN if item["error"] else _ON_ITS_WAY
    return _SENT.get(item["state"] or "", under_way)


def _fate(item: Json, when: Moments) -> str:
    """Why it failed or waits, and when it is tried next."""
    parts = []
    if item["error"] and item["state"] in ("failed", "queued"):
        parts.append(str(item["error"]).rstrip(".") + ".")
    if item["next_try_at"] and item["attempts"]:
        parts.append(f"Next try on {when.moment(item['next_try_at'])}.")
    return " ".join(parts)


def _by(item: Json) -> str:
    return SOURCES.get(item["source"], item["source"]) if item["source"] else ""


def _for(item: Json, reader: Reader) -> str:
    """Whom it was booked for, where that isn't the name above the page."""
    patient = item["patient"]
    return f" · for {patient}" if patient and patient != reader.name else ""


def _quoted(body: str | None) -> str | None:
    return f"“{body}”" if body else None


def _details(text: str) -> list[str]:
    text = text.removeprefix(" · ")
    return [text] if text else []


_Tell = Callable[[Json, Moments, Reader], Line]
_TOLD: Final[Mapping[str, _Tell]] = {
    "call": _call,
    "booked": _booked,
    "moved": _moved,
    "delivery": _delivery,
    "text_in": _text_in,
    "text_out": _text_out,
    "message": _message,
    "opt_in": _consent,
    "opt_out": _consent,
    "waitlist_joined": _wish,
    "waitlist_offered": _offer,
    "note": _note,
    "lead_changed": _corrected,
    "lead_merged": _changed,
    "lead_split": _changed,
    "lead_change_undone": _undone,
}
