"""The e-mail of a delivery: its words in the clinic's language, and its calendar file.

Nothing of what an appointment is for: an e-mail is read on locked phones and over shoulders.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from voxanne.booking.functions import available_zones
from voxanne.calendar_files.events import Party, appointment_event, appointment_uid, calendar
from voxanne.language.catalogue import language_or_english, say
from voxanne.language.speech import locale_for, speak_moment
from voxanne.outbox.types import Delivery, Failed, Voided

What = Literal["confirmation", "change", "cancellation"]

OVERTAKEN: Final = Voided("overtaken", "The appointment has changed since.")
NO_ADDRESS: Final = Voided("no_address", "There is no e-mail address with the appointment.")
BAD_ADDRESS: Final = Failed("bad_address", "The patient's e-mail address can't be written to.")
FILE_NAME: Final = "appointment.ics"


@dataclass(frozen=True, slots=True)
class Letter:
    """What one e-mail says, and to whom. `calendar_file` is iCalendar; `method` its (RFC 5546)."""

    to: Party
    subject: str
    body: str
    calendar_file: bytes
    method: Literal["REQUEST", "CANCEL"]


def write_letter(
    delivery: Delivery, page_address: Callable[[str], str | None], sender: str
) -> Letter | Voided:
    """The letter, or why there is none. `sender` is the organizer where the clinic has no address
    of its own.
    """
    clinic, appointment = delivery.organization, delivery.details["appointment"]
    what: What = delivery.kind.removeprefix("email_")  # type: ignore[assignment]
    cancelled = what == "cancellation"
    if appointment is None or appointment["status"] != ("cancelled" if cancelled else "confirmed"):
        return OVERTAKEN
    patient = appointment["patient"] or {}
    if not patient.get("email"):
        return NO_ADDRESS
    to = Party(patient["email"], _one_line(patient.get("name") or ""))
    organizer = Party(clinic["email"] or sender, _one_line(clinic["name"]))
    page = page_address(delivery.details["link"])
    method: Literal["REQUEST", "CANCEL"] = "CANCEL" if cancelled else "REQUEST"
    return Letter(
        to=to,
        subject=_subject(clinic["language"], what, organizer.name),
        body=_body(clinic, appointment, what, to.name, page),
        calendar_file=_calendar_file(clinic, appointment, organizer, to, method),
        method=method,
    )


def address_letter(letter: Letter, delivery: Delivery, sender: str) -> EmailMessage | Failed:
    """The letter as a message. Its Message-ID is the delivery's: sent twice it is the same one."""
    clinic = delivery.organization
    message = EmailMessage(policy=SMTP)
    try:
        to = Address(letter.to.name, addr_spec=_ascii_domain(letter.to.email))
        message["From"] = Address(_one_line(clinic["name"]), addr_spec=sender)
        message["To"] = to
        if clinic["email"]:
            message["Reply-To"] = Address(addr_spec=_ascii_domain(clinic["email"]))
    except (ValueError, IndexError, MessageError):  # the parser of addresses raises them all
        return BAD_ADDRESS
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(datetime.fromisoformat(clinic["now"]))
    message["Message-ID"] = message_id(delivery, sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that nothing answers by itself
    message.set_content(letter.body, cte="quoted-printable")
    message.add_attachment(
        letter.calendar_file,
        maintype="text",
        subtype="calendar",
        filename=FILE_NAME,
        cte="base64",
        params={"method": letter.method, "charset": "utf-8"},
    )
    message["Content-Language"] = language_or_english(clinic["language"])
    return message


def message_id(delivery: Delivery, sender: str) -> str:
    domain = sender.rpartition("@")[2]
    return f"<{delivery.kind}.{delivery.version}.{delivery.subject_id}@{domain}>"


def _subject(language: str, what: What, clinic: str) -> str:
    match what:
        case "confirmation":
            return say(language, "Your appointment at {clinic}", clinic=clinic)
        case "change":
            return say(language, "Your appointment at {clinic} has changed", clinic=clinic)
        case "cancellation":
            return say(language, "Your appointment at {clinic} is cancelled", clinic=clinic)


def _body(
    clinic: Mapping[str, Any],
    appointment: Mapping[str, Any],
    what: What,
    name: str,
    page: str | None,
) -> str:
    language = clinic["language"]
    locale, _ = locale_for(clinic["country"], clinic["timezone"], language)
    zone = zone_of(clinic)
    starts_at, now = (
        datetime.fromisoformat(moment).astimezone(zone)
        for moment in (appointment["scheduled_at"], clinic["now"])
    )
    facts = {
        say(language, "When"): speak_moment(starts_at, today=now.date(), locale=locale),
        say(language, "With"): appointment["practitioner_name"],
        say(language, "Where"): clinic["address"],
        say(language, "Phone"): clinic["phone"],
    }
    lines = [f"{label}: {_one_line(value)}" for label, value in facts.items() if value]
    greeting = say(language, "Hello {name},", name=name) if name else say(language, "Hello,")
    paragraphs = [greeting, _news(language, what), "\n".join(lines)]
    if page is not None and what != "cancellation":
        paragraphs.append(f"{say(language, 'See it, move it or cancel it here:')}\n{page}")
    paragraphs.append(_one_line(clinic["name"]))
    return "\n\n".join(paragraphs) + "\n"


def _news(language: str, what: What) -> str:
    match what:
        case "confirmation":
            return say(language, "Your appointment is booked. For your calendar, it is attached.")
        case "change":
            return say(
                language,
                "Your appointment has changed. This is how it stands now; the attached file brings "
                "your calendar up to date.",
            )
        case "cancellation":
            return say(
                language,
                "Your appointment is cancelled. The attached file takes it out of your calendar.",
            )


def _calendar_file(
    clinic: Mapping[str, Any],
    appointment: Mapping[str, Any],
    organizer: Party,
    patient: Party,
    method: str,
) -> bytes:
    event = appointment_event(
        uid=appointment_uid(appointment["appointment_id"]),
        starts_at=datetime.fromisoformat(appointment["scheduled_at"]),
        ends_at=datetime.fromisoformat(appointment["ends_at"]),
        zone=zone_of(clinic),
        title=say(clinic["language"], "Appointment at {clinic}", clinic=organizer.name),
        stamped_at=datetime.fromisoformat(appointment["updated_at"]),
        version=appointment["version"],
        cancelled=method == "CANCEL",
        location=clinic["address"],
        organizer=organizer,
        attendee=patient,
    )
    written: bytes = calendar([event], zone_of(clinic), method).to_ical()
    return written


def zone_of(clinic: Mapping[str, Any]) -> ZoneInfo:
    """The clinic's zone. PostgreSQL takes some that aren't IANA's: UTC stands for them."""
    return ZoneInfo(clinic["timezone"] if clinic["timezone"] in available_zones() else "UTC")


def _one_line(text: str) -> str:
    """No line breaks and no control characters: the value of a header can't begin another."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _ascii_domain(address: str) -> str:
    """With its domain as the mail system knows it (IDNA). Raises ValueError for a wrong one."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('ascii')}"
