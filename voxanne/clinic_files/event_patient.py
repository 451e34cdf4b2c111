"""Whose appointment a calendar's event is, as far as its texts tell."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import icalendar
from phonenumbers import PhoneNumberFormat, PhoneNumberMatcher, format_number

from voxanne.booking.normalize import normalize_email, normalize_phone
from voxanne.booking.types import Phone

TEXT_CHARACTERS_MAX = 5000

_LABELLED = re.compile(
    r"(?:tel|phone|mobile|cell)[a-z ]*[.:=]?\s*(\+?\(?\d[\d ().\-/]{5,30})", re.I
)
_FULL = re.compile(r"\+\d[\d ().\-]{6,30}")
_DIGITS = re.compile(r"\+?\(?\d[\d ().\-/]{5,}")
_PARTS = re.compile(r"\s+[-–—|/]\s+|[:;()\[\]]")


@dataclass(frozen=True, slots=True)
class Patient:
    """`service` is a key, or None."""

    name: str
    phone: Phone
    email: str | None
    service: str | None


def find_patient(
    event: icalendar.Event, region: str, services: Mapping[str, str]
) -> Patient | None:
    """The patient, when a phone number is told in the title, the description or by a guest.

    The name is a guest's, else the part of the title that is no number and no service.
    """
    title = str(event.get("SUMMARY", ""))[:TEXT_CHARACTERS_MAX]
    guests = list(_guests(event))
    texts = [title, str(event.get("DESCRIPTION", ""))[:TEXT_CHARACTERS_MAX]]
    texts += [f"tel: {address[4:]}" for address, _ in guests if address.lower().startswith("tel:")]
    phone = next((found for text in texts for found in _phones(text, region)), None)
    if phone is None:
        return None
    parts = [_DIGITS.sub("", part).strip(" ,") for part in _PARTS.split(title)]
    named = [part for part in parts if any(map(str.isalpha, part)) and part.lower() not in services]
    names = [name for _, name in guests if name and "@" not in name] + named
    emails = (normalize_email(address[7:]) for address, _ in guests if "@" in address)
    known = (services.get(word.strip().lower()) for word in (*_categories(event), *parts))
    return Patient(
        names[0] if names else "",
        phone,
        next(filter(None, emails), None),
        next(filter(None, known), None),
    )


def _guests(event: icalendar.Event) -> Iterator[tuple[str, str]]:
    """Address and name of those invited, but for the organizer."""
    said: Any = event.get("ATTENDEE", [])
    organizer = str(event.get("ORGANIZER", "")).lower()
    for guest in said if isinstance(said, list) else [said]:
        if str(guest).lower() != organizer:
            yield str(guest), str(guest.params.get("CN", ""))


def _categories(event: icalendar.Event) -> Iterator[str]:
    said: Any = event.get("CATEGORIES", [])
    for some in said if isinstance(said, list) else [said]:
        yield from map(str, some.cats)


def _phones(text: str, region: str) -> Iterator[Phone]:
    """Numbers said to be one, numbers in full, and what can be nothing else in the region."""
    for said in (*_LABELLED.findall(text), *_FULL.findall(text)):
        phone = normalize_phone(said.strip(" -./("), region)
        if phone is not None:
            yield phone
    for match in PhoneNumberMatcher(text, region):
        yield Phone(format_number(match.number, PhoneNumberFormat.E164), verified=True)
