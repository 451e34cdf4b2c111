"""The values that go into a booking and come out of it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

Scope = Literal["agent", "staff", "admin", "read_only"]
CallerCheck = Literal["none", "name", "name_and_birth_date"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a key, secret or token proves: an organization, and what its bearer may do."""

    organization: UUID
    scope: Scope


@dataclass(frozen=True, slots=True)
class Clinic:
    """What it takes to understand a clinic's callers. `country` is ISO 3166-1 alpha-2.

    `caller_check`: what a caller must know besides calling from the right number. `red_flags` are
    the clinic's own words for an emergency; None: the default list. `assistant_id` is the voice
    platform's, where a registered line names one.
    """

    id: UUID
    name: str
    timezone: str
    country: str | None
    clock_offset_seconds: float
    language: str = "en"
    caller_check: CallerCheck = "none"
    red_flags: tuple[str, ...] | None = None
    assistant_id: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Phone:
    """A number in E.164. `verified`: it lies in a range that is assigned to subscribers."""

    e164: str
    verified: bool


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """The arguments of book_appointment_atomic.

    `scheduled_at` is an aware instant; None asks only whether `idempotency_key` was used.
    """

    organization: UUID
    name: str
    email: str | None
    phone: Phone
    service_type: str
    scheduled_at: datetime | None
    duration_minutes: int | None = None
    practitioner: UUID | None = None
    contact_phone: str | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None
    call_id: str | None = None
    source: str = "voice"
    notes: str | None = None
    hold: UUID | None = None
    birth_date: date | None = None
