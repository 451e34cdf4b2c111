"""A clinic's configuration as it is shown and sent. The bounds are the SQL functions' to check."""

from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from voxanne.inbound.v1.schemas import ID_EXAMPLE, Shown, examples

_PRACTITIONER: Final[dict[str, Any]] = {
    "id": ID_EXAMPLE,
    "name": "Dr Amara Chen",
    "services": ["consultation"],
    "active": True,
}
_SERVICE: Final[dict[str, Any]] = {
    "key": "consultation",
    "name": "Consultation",
    "duration_minutes": 60,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 10,
    "notice_minutes": None,
    "price_minor_units": 6500,
    "currency": "GBP",
    "active": True,
}
_ROOM: Final[dict[str, Any]] = {**_PRACTITIONER, "name": "Room 1"}
_HOURS: Final[dict[str, Any]] = {
    "hours": [{"practitioner": None, "weekday": 1, "opens": "09:00", "closes": "17:00"}],
    "breaks": [
        {"practitioner": None, "weekday": 1, "starts": "13:00", "ends": "14:00", "label": "lunch"}
    ],
    "exceptions": [
        {
            "practitioner": None,
            "day": "2027-12-24",
            "opens": "09:00",
            "closes": "12:00",
            "reason": "Christmas Eve",
            "source": "clinic",
        }
    ],
}


class Practitioner(Shown):
    model_config = examples(_PRACTITIONER)

    id: UUID | None = Field(None, description="Null: by its name, or new.")
    name: str
    services: list[str] = Field([], description="Keys. A service listed by nobody is given by all.")
    active: bool = True


class Room(Shown):
    model_config = examples(_ROOM)

    id: UUID | None = Field(None, description="Null: by its name, or new.")
    name: str
    services: list[str] = Field(
        [], description="Keys. A service listed by a room needs one of them."
    )
    active: bool = True


class Service(Shown):
    model_config = examples(_SERVICE)

    key: str
    name: str
    duration_minutes: int
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    notice_minutes: int | None = Field(None, description="Null: the clinic's.")
    price_minor_units: int | None = Field(None, description="Pence, cents.")
    currency: str | None = None
    active: bool = True


class OpeningHours(Shown):
    practitioner: str | None = Field(None, description="A name; null: the clinic's.")
    weekday: int = Field(description="1 is Monday, 7 Sunday.")
    opens: str
    closes: str = Field(description="Before `opens`: on the next day.")


class Break(Shown):
    practitioner: str | None = None
    weekday: int
    starts: str
    ends: str
    label: str = "break"


class DayException(Shown):
    practitioner: str | None = None
    day: str
    opens: str | None = Field(None, description="Null: closed that day.")
    closes: str | None = None
    reason: str = ""
    source: Literal["clinic", "holiday"] = "clinic"


class Absence(Shown):
    practitioner: str
    starts_at: str
    ends_at: str
    reason: str = Field("", description="For staff, never spoken.")


class Practitioners(Shown):
    model_config = examples({"version": 3, "items": [_PRACTITIONER]})

    version: int = Field(description="The configuration's.")
    items: list[Practitioner]


class ServicesOffered(Shown):
    model_config = examples({"version": 3, "items": [_SERVICE]})

    version: int
    items: list[Service]


class Rooms(Shown):
    model_config = examples({"version": 3, "items": [_ROOM]})

    version: int
    items: list[Room]


class Hours(Shown):
    """In the clinic's wall time. Without any hours the clinic is open at all times."""

    model_config = examples({"version": 3, "timezone": "Europe/London", **_HOURS})

    version: int
    timezone: str
    hours: list[OpeningHours]
    breaks: list[Break]
    exceptions: list[DayException] = Field(description="From today on.")


class Configuration(Shown):
    """Everything a clinic configures. What GET shows, PUT takes."""

    model_config = examples(
        {
            "version": 3,
            "name": "Harbor Dental",
            "timezone": "Europe/London",
            "country": "GB",
            "language": "en",
            "address": "1 Quay Street",
            "phone": "+442079460000",
            "email": "desk@harbor.example",
            "transfer_number": "+442079460100",
            "reminder_hours": [24, 2],
            "quiet_from": "21:00",
            "quiet_until": "08:00",
            "calendar_title": "neutral",
            "calendar_changes": "follow",
            "calendar_stale": "offer",
            "calendar_stale_minutes": 60,
            "call_retention_days": 365,
            "text_retention_days": 730,
            "person_retention_days": None,
            "notice_minutes": 120,
            "horizon_days": 365,
            "slot_minutes": 15,
            "hold_seconds": 300,
            "offer_minutes": 30,
            "upcoming_per_caller_max": 20,
            "caller_check": "none",
            "red_flags": None,
            "holidays_region": "GB-ENG",
            "practitioners": [_PRACTITIONER],
            "services": [_SERVICE],
            "rooms": [_ROOM],
            **_HOURS,
            "absences": [],
        }
    )

    version: int
    name: str
    timezone: str
    country: str | None
    language: str
    address: str | None
    phone: str | None = Field(description="Told to patients.")
    email: str | None = Field(description="Where answers to e-mail go.")
    transfer_number: str | None
    reminder_hours: list[int] = Field(description="Hours before an appointment.")
    quiet_from: str = Field(description="Nobody is reminded or offered a time from then on …")
    quiet_until: str = Field(description="… until then, where they live. Equal: at any time.")
    calendar_title: Literal["neutral", "name", "name_and_service"]
    calendar_changes: Literal["follow", "restore"]
    calendar_stale: Literal["offer", "refuse", "ask"]
    calendar_stale_minutes: int
    call_retention_days: int = Field(description="Transcripts, summaries, links to recordings.")
    text_retention_days: int
    person_retention_days: int | None = Field(
        description="People of whom nothing was heard for so long are erased. Null: never."
    )
    notice_minutes: int
    horizon_days: int
    slot_minutes: int
    hold_seconds: int
    offer_minutes: int
    upcoming_per_caller_max: int
    caller_check: Literal["none", "name", "name_and_birth_date"]
    red_flags: list[str] | None = Field(description="Null: the default list.")
    holidays_region: str | None
    practitioners: list[Practitioner]
    services: list[Service]
    rooms: list[Room]
    hours: list[OpeningHours]
    breaks: list[Break]
    exceptions: list[DayException]
    absences: list[Absence]


class Change(Shown):
    section: str
    name: str | None
    before: Any = Field(description="Null: it is new.")
    after: Any = Field(description="Null: it is gone.")


class Configured(Shown):
    model_config = examples(
        {
            "version": 4,
            "dry_run": False,
            "changes": [{"section": "clinic", "name": "notice_minutes", "before": 0, "after": 120}],
            "warnings": [],
        }
    )

    version: int
    dry_run: bool
    changes: list[Change]
    warnings: list[str]


class DescribedBy:
    """Shows a JSON object as a model in OpenAPI; SQL checks it, and says where it is wrong.

    `partly`: every field may be left out.
    """

    def __init__(self, model: type[BaseModel], *, partly: bool = False) -> None:
        self.model = model
        self.partly = partly

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(self.model.__pydantic_core_schema__))
        left_out = {"required"} if self.partly else set()
        return {name: value for name, value in schema.items() if name not in left_out}
