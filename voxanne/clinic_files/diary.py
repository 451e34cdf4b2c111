"""An existing diary as its file tells it: appointments to book, and times nobody can be booked."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn
from zoneinfo import ZoneInfo

from voxanne.booking.normalize import normalize_email, normalize_phone
from voxanne.booking.outcomes import Outcome
from voxanne.booking.types import Phone
from voxanne.clinic_files.errors import ClinicFileError

BYTES_MAX = 10_000_000
ROWS_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What it takes to understand a diary's file. Wall times are in `zone`, numbers are written as
    people in `region` (ISO 3166-1 alpha-2) dial them, and `until` ends what repeats.
    """

    zone: ZoneInfo
    region: str
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class DiaryAppointment:
    """`row` is where it stands in the file, `identity` what it is called in a later file.

    `duration_minutes` None: as long as the service. Whom and what it names is as written.
    """

    row: int
    identity: str
    starts_at: datetime
    duration_minutes: int | None
    name: str
    phone: Phone
    email: str | None = None
    birth_date: date | None = None
    practitioner: str | None = None
    service: str | None = None
    room: str | None = None
    notes: str | None = None

    @property
    def key(self) -> str:
        """The booking's idempotency key: a second import of the row finds the first."""
        return f"import:{digest(self.identity)}"

    @property
    def request_hash(self) -> str:
        """What must be the same for a row to be the same."""
        moment = self.starts_at.astimezone(UTC).isoformat()
        return digest(moment, self.duration_minutes, self.practitioner, self.service)


@dataclass(frozen=True, slots=True)
class DiaryAbsence:
    """A time that is kept by nobody's appointment: the practitioner is away."""

    row: int
    starts_at: datetime
    ends_at: datetime
    practitioner: str | None = None


@dataclass(frozen=True, slots=True)
class DiaryProblem:
    """A row that can't be read. `message` says what would be right, and nothing of the patient."""

    row: int
    outcome: Outcome
    message: str


class RowError(ValueError):
    """One row can't be read; the others may."""

    def __init__(self, row: int, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.problem = DiaryProblem(row, outcome, message)


@dataclass(slots=True)
class Diary:
    """What a file holds. Counted and left out: what is past, cancelled, or doesn't keep time."""

    appointments: list[DiaryAppointment] = field(default_factory=list)
    absences: list[DiaryAbsence] = field(default_factory=list)
    problems: list[DiaryProblem] = field(default_factory=list)
    past: int = 0
    cancelled: int = 0
    free: int = 0
    ignored_columns: Sequence[str] = ()

    def require_moderate(self) -> None:
        if len(self.appointments) + len(self.absences) > ROWS_MAX:
            refuse_file(f"The file has more than {ROWS_MAX:,} appointments.")


def read_phone(said: str, reading: Reading, row: int) -> Phone:
    """Raises RowError."""
    phone = normalize_phone(said, reading.region)
    if phone is None:
        raise RowError(
            row,
            Outcome.INVALID_PHONE,
            "The phone is missing or no full number, such as +442079460123",
        )
    return phone


def read_email(said: str, row: int) -> str | None:
    """Raises RowError."""
    if not said:
        return None
    email = normalize_email(said)
    if email is None:
        raise RowError(row, Outcome.INVALID_EMAIL, "The e-mail address is none")
    return email


def read_minutes(starts_at: datetime, ends_at: datetime, row: int) -> int:
    """From one to the other. Raises RowError unless it is one to 1440 whole minutes."""
    minutes, rest = divmod(ends_at - starts_at, timedelta(minutes=1))
    if rest or not 1 <= minutes <= 1440:
        raise RowError(
            row,
            Outcome.INVALID_DURATION,
            "It must last 1 to 1440 whole minutes, and end after it starts",
        )
    return minutes


def refuse_file(message: str) -> NoReturn:
    """For what is wrong with the file as a whole. Raises ClinicFileError."""
    raise ClinicFileError(Outcome.INVALID_ARGUMENTS, message)


def digest(*parts: object) -> str:
    """A short name for values, which tells nobody what they were."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:40]
