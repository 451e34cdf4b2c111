"""Appointments as they are sent and shown."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field, model_validator

from voxanne.inbound.v1.schemas import (
    ID_EXAMPLE,
    CallId,
    Day,
    Email,
    FromCaller,
    Id,
    Minutes,
    Moment,
    Name,
    PhoneSaid,
    Sent,
    ServiceType,
    Shown,
    Switch,
    Text,
    Versioned,
    examples,
)

Status = Literal["held", "confirmed", "cancelled", "expired", "completed", "no_show"]
Reason = Annotated[Text, Field(max_length=500)]

_BOOKED: Final[dict[str, Any]] = {
    "id": ID_EXAMPLE,
    "lead_id": "0d9c3f1e-2b7a-4f55-8f0e-6a2d1c0b9e8f",
    "service_type": "consultation",
    "scheduled_at": "2027-06-01T11:00:00Z",
    "ends_at": "2027-06-01T12:00:00Z",
    "status": "confirmed",
    "version": 1,
    "practitioner_id": "5f2b9f0a-8f61-4c0c-9a43-2f0c1d7e6b5a",
    "practitioner_name": "Dr Amara Chen",
    "room_id": None,
    "deliveries": {"calendar": "queued", "sms_confirmation": "queued"},
    "created_at": "2027-05-20T09:30:00Z",
}
_APPOINTMENT: Final[dict[str, Any]] = {
    **_BOOKED,
    "hold_expires_at": None,
    "patient": {
        "name": "Maya Okafor",
        "phone": "+447700900123",
        "email": None,
        "contact_phone": None,
    },
    "notes": "first visit",
    "overlap_allowed": False,
    "overlap_reason": None,
    "source": "voice",
    "call_id": "call-7731",
    "patient_confirmed_at": None,
    "updated_at": "2027-05-20T09:30:00Z",
}


class Overbooking(Sent):
    """Staff may book on top of another appointment on purpose, and must say why."""

    allow_overlap: Switch = False
    overlap_reason: Reason | None = None

    @model_validator(mode="after")
    def _says_why(self) -> "Overbooking":
        if self.allow_overlap and not (self.overlap_reason or "").strip():
            raise ValueError("allow_overlap needs an overlap_reason.")
        return self


class NewAppointment(Overbooking):
    model_config = examples(
        {
            "name": "Maya Okafor",
            "phone": "+447700900123",
            "service_type": "consultation",
            "scheduled_at": "2027-06-01T11:00:00Z",
        }
    )

    name: Name
    phone: PhoneSaid
    email: Email | None = None
    contact_phone: PhoneSaid | None = Field(
        None, description="Where to reach them, if not at `phone`."
    )
    birth_date: Day | None = None
    service_type: ServiceType
    scheduled_at: Moment
    duration_minutes: Minutes | None = Field(
        None, description="Of a service the clinic hasn't configured; else the service's own wins."
    )
    practitioner_id: Id | None = Field(None, description="Without it, whoever is free.")
    room_id: Id | None = None
    hold_id: Id | None = Field(None, description="The hold this time was kept with.")
    call_id: CallId | None = None
    notes: Annotated[Text, Field(max_length=2_000)] | None = None


class Move(FromCaller, Overbooking):
    """What changes. What is left out stays."""

    model_config = examples({"scheduled_at": "2027-06-02T09:30:00Z", "version": 1})

    scheduled_at: Moment | None = None
    practitioner_id: Id | None = None
    room_id: Id | None = None
    duration_minutes: Minutes | None = Field(None, description="Staff only.")
    call_id: CallId | None = None

    @model_validator(mode="after")
    def _moves_something(self) -> "Move":
        moved = (self.scheduled_at, self.practitioner_id, self.room_id, self.duration_minutes)
        if moved == (None, None, None, None):
            raise ValueError("Nothing in it changes the appointment.")
        return self


class Cancellation(FromCaller):
    model_config = examples({"reason": "feels better"})

    reason: Reason | None = None
    call_id: CallId | None = None


class Mark(Versioned):
    model_config = examples({"version": 1})


class Booked(Shown):
    """An appointment as it stands."""

    model_config = examples({**_BOOKED, "replayed": False})

    id: UUID = Field(validation_alias="appointment_id")
    lead_id: UUID | None = Field(validation_alias="contact_id")
    service_type: str
    scheduled_at: datetime
    ends_at: datetime
    status: Status
    version: int
    practitioner_id: UUID
    practitioner_name: str | None = Field(
        description="Null where the clinic has no practitioner of its own."
    )
    room_id: UUID | None
    deliveries: dict[str, str] | None = Field(description="What goes out, and how far it is.")
    created_at: datetime
    replayed: bool = Field(description="It was so already: this request changed nothing.")


class Earlier(Shown):
    scheduled_at: datetime
    practitioner_id: UUID
    practitioner_name: str | None


class Moved(Booked):
    model_config = examples(
        {
            **_BOOKED,
            "version": 2,
            "replayed": False,
            "previous": {
                "scheduled_at": "2027-06-01T09:00:00Z",
                "practitioner_id": _BOOKED["practitioner_id"],
                "practitioner_name": _BOOKED["practitioner_name"],
            },
        }
    )

    previous: Earlier


class Cancelled(Shown):
    model_config = examples(
        {
            **{name: _BOOKED[name] for name in ("id", "scheduled_at", "service_type")},
            "practitioner_id": _BOOKED["practitioner_id"],
            "practitioner_name": _BOOKED["practitioner_name"],
            "status": "cancelled",
            "version": 2,
            "replayed": False,
        }
    )

    id: UUID = Field(validation_alias="appointment_id")
    status: Literal["cancelled"]
    version: int
    scheduled_at: datetime
    service_type: str
    practitioner_id: UUID
    practitioner_name: str | None
    replayed: bool = Field(description="It was cancelled already.")


class Patient(Shown):
    """As given with the booking."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    contact_phone: str | None = None


class Appointment(Shown):
    """An appointment with its patient."""

    model_config = examples(_APPOINTMENT)

    id: UUID = Field(validation_alias="appointment_id")
    lead_id: UUID | None = Field(validation_alias="contact_id")
    service_type: str
    scheduled_at: datetime
    ends_at: datetime
    status: Status
    hold_expires_at: datetime | None
    version: int
    practitioner_id: UUID
    practitioner_name: str | None
    room_id: UUID | None
    patient: Patient | None
    notes: str | None
    overlap_allowed: bool = Field(description="Staff booked it on top of another.")
    overlap_reason: str | None
    source: str = Field(
        description="voice, mcp, rest, rpc, staff, import, sql; of a taken offer link or sms."
    )
    call_id: str | None
    patient_confirmed_at: datetime | None = Field(
        description="When the patient said that they come: by reply, or on their page."
    )
    deliveries: dict[str, str] | None
    created_at: datetime
    updated_at: datetime


class Happened(Shown):
    """One event of an appointment: ids and times, never a patient's details."""

    kind: str
    data: dict[str, Any]
    call_id: str | None
    created_at: datetime


class AppointmentWithHistory(Appointment):
    model_config = examples(
        {
            **_APPOINTMENT,
            "history": [
                {
                    "kind": "booked",
                    "data": {},
                    "call_id": "call-7731",
                    "created_at": "2027-05-20T09:30:00Z",
                }
            ],
        }
    )

    history: list[Happened] = Field(description="Oldest first.")
