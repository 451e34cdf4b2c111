"""The text message of a delivery: its details (text_details.sql) in the clinic's words."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from voxanne.language.speech import locale_for, speak_date, speak_moment, speak_time
from voxanne.texts.templates import CHARACTERS_MAX, Words

REPLY = "sms_reply"


def write_text(
    kind: str,
    organization: Mapping[str, Any],
    details: Mapping[str, Any],
    page_address: Callable[[str], str | None],
) -> str:
    """`organization` is delivering_organization's; `page_address` makes a link of a page's token,
    or knows none.
    """
    appointment = details.get("appointment")
    values = _values_of_clinic(organization)
    if appointment is not None:
        values |= _values_of_appointment(organization, appointment)
    if details.get("link"):
        values["link"] = page_address(details["link"]) or ""
    language = organization["language"]
    if kind == REPLY:
        text = Words(details["answer"], language).fill(values)
        return "\n".join([text, *_choices(organization, details)])[:CHARACTERS_MAX]
    return Words(_template_of(kind), language, details.get("template")).fill(values)


def _template_of(kind: str) -> str:
    """`sms_reminder_24h` → `sms_reminder`."""
    return "sms_reminder" if kind.startswith("sms_reminder_") else kind


def _choices(organization: Mapping[str, Any], details: Mapping[str, Any]) -> list[str]:
    """`1: Ann Taylor, Thursday 26 November at 10 am`; a household shares a number."""
    lines = []
    for number, appointment in enumerate(details.get("choices") or (), 1):
        values = _values_of_appointment(organization, appointment)
        told = [value for value in (values["patient"], values["when"]) if value]
        lines.append(f"{number}: {', '.join(told)}")
    return lines


def _values_of_clinic(organization: Mapping[str, Any]) -> dict[str, str]:
    return {
        "clinic": organization["name"],
        "phone": organization.get("phone") or "",
        "address": organization.get("address") or "",
    }


def _values_of_appointment(
    organization: Mapping[str, Any], appointment: Mapping[str, Any]
) -> dict[str, str]:
    zone = ZoneInfo(organization["timezone"])
    locale, _ = locale_for(
        organization["country"], organization["timezone"], organization["language"]
    )
    today = _local(organization["now"], zone).date()
    starts = _local(appointment["scheduled_at"], zone)
    patient = appointment.get("patient") or {}
    return {
        "patient": patient.get("name") or "",
        "when": speak_moment(starts, today=today, locale=locale),
        "date": speak_date(starts.date(), today=today, locale=locale),
        "time": speak_time(starts.time(), locale=locale),
        "until": _until(appointment, zone, today, locale),
        "practitioner": appointment.get("practitioner_name") or "",
        "service": appointment.get("service_name") or appointment.get("service_type") or "",
    }


def _until(appointment: Mapping[str, Any], zone: ZoneInfo, today: date, locale: str) -> str:
    """Of an offer: the time, and the day when it isn't today."""
    if not appointment.get("hold_expires_at"):
        return ""
    until = _local(appointment["hold_expires_at"], zone)
    if until.date() == today:
        return speak_time(until.time(), locale=locale)
    return speak_moment(until, today=today, locale=locale)


def _local(moment: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(moment).astimezone(zone)
