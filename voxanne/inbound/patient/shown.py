"""The appointment behind a link, as its page needs it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import get_timezone_name

from voxanne.booking.functions import Database, available_zones
from voxanne.language.catalogue import language_or_english, say
from voxanne.language.speech import locale_for, speak_date, speak_moment, speak_time

State = Literal["booked", "offered", "cancelled", "lapsed", "over"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One appointment and its clinic. Times are aware, in the clinic's zone; `now` is the
    database's. `practitioner` is None for a clinic that has none of its own.
    """

    organization: UUID
    clinic: str
    language: str
    locale: str
    zone: ZoneInfo
    address: str | None
    phone: str | None
    email: str | None
    now: datetime
    id: UUID
    version: int
    state: State
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    service_type: str
    service: str
    practitioner_id: UUID
    practitioner: str | None
    patient: str | None
    confirmed: bool
    waitlist_id: UUID | None
    offered_until: datetime | None

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def minutes(self) -> int:
        return round((self.ends_at - self.starts_at).total_seconds() / 60)

    @property
    def zone_name(self) -> str:
        """`Greenwich Mean Time`, of the appointment's own season."""
        return str(get_timezone_name(self.starts_at, locale=self.locale))

    @property
    def written_phone(self) -> str | None:
        """As people write it: `+44 20 7946 0000`."""
        if self.phone is None:
            return None
        try:
            number = phonenumbers.parse(self.phone)
        except phonenumbers.NumberParseException:
            return self.phone
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL))

    def write_moment(self, at: datetime) -> str:
        return speak_moment(at.astimezone(self.zone), today=self.today, locale=self.locale)

    def write_day(self, day: date) -> str:
        return speak_date(day, today=self.today, locale=self.locale)

    def write_time(self, at: datetime, practitioner: str | None = None) -> str:
        """`10 am`, or `10 am with Dr Chen`."""
        clock = speak_time(at.astimezone(self.zone).time(), locale=self.locale)
        if practitioner is None:
            return clock
        return say(
            self.language, "{when} with {practitioner}", when=clock, practitioner=practitioner
        )


async def find_shown(database: Database, token: str) -> Shown | None:
    """None: no such link, or it has ended. Raises what `fetch_value` raises."""
    found = await database.fetch_value("SELECT patient_appointment($1)", token)
    return None if found is None else _shown(json.loads(str(found)))


def _shown(document: Mapping[str, Any]) -> Shown:
    clinic, appointment = document["organization"], document["appointment"]
    # PostgreSQL takes some zones that aren't IANA's: their clinics are shown by UTC, which is said.
    zone = ZoneInfo(clinic["timezone"] if clinic["timezone"] in available_zones() else "UTC")
    language = language_or_english(clinic["language"])

    def local(moment: str) -> datetime:
        return datetime.fromisoformat(moment).astimezone(zone)

    waitlist_id, until = appointment["waitlist_id"], appointment["offered_until"]
    return Shown(
        organization=UUID(document["org_id"]),
        clinic=clinic["name"],
        language=language,
        locale=locale_for(clinic["country"], clinic["timezone"], language)[0],
        zone=zone,
        address=clinic["address"],
        phone=clinic["phone"],
        email=clinic["email"],
        now=local(clinic["now"]),
        id=UUID(appointment["id"]),
        version=appointment["version"],
        state=appointment["state"],
        starts_at=local(appointment["scheduled_at"]),
        ends_at=local(appointment["ends_at"]),
        updated_at=datetime.fromisoformat(appointment["updated_at"]).astimezone(UTC),
        service_type=appointment["service_type"],
        service=appointment["service_name"] or appointment["service_type"].replace("_", " "),
        practitioner_id=UUID(appointment["practitioner_id"]),
        practitioner=appointment["practitioner_name"],
        patient=appointment["patient_name"],
        confirmed=appointment["patient_confirmed_at"] is not None,
        waitlist_id=UUID(waitlist_id) if waitlist_id else None,
        offered_until=local(until) if until else None,
    )
