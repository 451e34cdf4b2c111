"""The fields that requests and answers are made of."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from voxanne.booking.normalize import (
    EMAIL_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    PHONE_CHARACTERS_MAX,
    is_clean,
)

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WALL: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
_WALL_TIME: Final = re.compile(_WALL)
ID_EXAMPLE: Final = "7c0b7a52-4d0f-4c3e-9a57-1f1f5a1b2c3d"


def _moment(said: object) -> object:
    if not isinstance(said, str) or not _RFC3339.fullmatch(said):
        raise ValueError("A moment is RFC 3339 with its offset, as in 2027-06-01T11:00:00Z.")
    return said


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("The moment is beyond all calendars.") from None


def _day(said: object) -> object:
    if not isinstance(said, str) or not _DAY.fullmatch(said):
        raise ValueError("A day is written 2027-06-01.")
    return said


def _clean(text: str) -> str:
    if not is_clean(text):
        raise ValueError("It holds characters that can't be stored.")
    return text


def _wall_time(said: object) -> object:
    if not isinstance(said, str) or not _WALL_TIME.fullmatch(said):
        raise ValueError("A time of day is written 09:00.")
    return time.fromisoformat(said)


def _wall_time_until(said: object) -> object:
    """None for the end of the day, which Python has no value for and the functions begin with."""
    return None if said == "24:00" else _wall_time(said)


Moment = Annotated[
    AwareDatetime,
    BeforeValidator(_moment, json_schema_input_type=str),
    AfterValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2027-06-01T11:00:00Z"]}),
]
Day = Annotated[
    date,
    BeforeValidator(_day, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2027-06-01"]}),
]
Text = Annotated[str, AfterValidator(_clean)]
Name = Annotated[Text, Field(max_length=NAME_CHARACTERS_MAX, examples=["Maya Okafor"])]
PhoneSaid = Annotated[
    Text,
    Field(
        max_length=PHONE_CHARACTERS_MAX,
        description="E.164, or as it is dialled where the clinic is.",
        examples=["+447700900123"],
    ),
]
Email = Annotated[Text, Field(max_length=EMAIL_CHARACTERS_MAX, examples=["maya@example.com"])]
ServiceType = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=100,
        description="A service's key or name.",
        examples=["consultation"],
    ),
]
CallId = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=200,
        description="The call this belongs to; a hold is its call's.",
        examples=["call-7731"],
    ),
]
Minutes = Annotated[int, Field(strict=True, ge=1, le=1440, examples=[60])]
Version = Annotated[int, Field(strict=True, ge=1, le=999_999_999, examples=[3])]
Switch = Annotated[bool, Field(strict=True)]
Id = Annotated[UUID, Field(examples=[ID_EXAMPLE])]
WallTime = Annotated[
    time,
    BeforeValidator(_wall_time, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_WALL}$", "examples": ["09:00"]}),
    Field(description="The clinic's wall time."),
]
WallTimeUntil = Annotated[
    time | None,
    BeforeValidator(_wall_time_until, json_schema_input_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^({_WALL}|24:00)$", "examples": ["12:00"]}),
    Field(description="The clinic's wall time; 24:00 is the end of the day."),
]


class Sent(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """Part of an answer: only what is described here is shown."""

    model_config = ConfigDict(extra="ignore", json_schema_serialization_defaults_required=True)


class Versioned(Sent):
    """A change that may name the version it is meant for; If-Match does the same."""

    version: Version | None = None


class FromCaller(Versioned):
    """What a caller says of themselves, where the clinic wants to know (`caller_check`).

    Without it whoever knows the id may. Staff's keys aren't asked.
    """

    caller_phone: PhoneSaid | None = None
    caller_name: Name | None = None
    caller_birth_date: Day | None = None


def examples(*bodies: dict[str, Any]) -> ConfigDict:
    """A model's configuration with its examples, for OpenAPI."""
    return ConfigDict(json_schema_extra={"examples": list(bodies)})
