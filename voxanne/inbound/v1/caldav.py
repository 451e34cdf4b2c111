"""Calendars on a clinic's own CalDAV server: Nextcloud, Fastmail, iCloud, Radicale."""

import json
from typing import Annotated
from uuid import UUID

from cryptography.fernet import MultiFernet
from pydantic import AfterValidator, Field, SecretStr

from voxanne.booking.normalize import is_clean
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.problems import RefusedError, problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import ID_EXAMPLE, Id, Sent, Shown, examples
from voxanne.outbox.calendar_addresses import wrong_with_calendar_address

routes = router("calendars")


def _clean(said: str) -> str:
    if not is_clean(said) or "\n" in said:
        raise ValueError("It holds characters that can't be used.")
    return said


def _clean_secret(said: SecretStr) -> SecretStr:
    _clean(said.get_secret_value())
    return said


def _address(said: str) -> str:
    if wrong := wrong_with_calendar_address(said):
        raise ValueError(wrong)
    return said


Words = Annotated[str, Field(min_length=1, max_length=320), AfterValidator(_clean)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=500), AfterValidator(_clean_secret)]
Address = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_address)]


class NewCalDav(Sent):
    model_config = examples(
        {
            "address": "https://cloud.example.com",
            "user": "amara",
            "password": "an app password",
            "calendar": "Practice",
            "practitioner_id": ID_EXAMPLE,
        }
    )

    address: Address = Field(description="Of the server, or of the calendar itself; https.")
    user: Words
    password: Password = Field(description="Best one made for this alone (an app password).")
    calendar: Words | None = Field(
        None, description="Its name. Without it, the account's only one that takes appointments."
    )
    practitioner_id: Id | None = Field(
        None, description="Whose it is; without it, everybody's who has none of their own."
    )


class ConnectedCalDav(Shown):
    model_config = examples({"id": ID_EXAMPLE, "replaced": False})

    id: UUID
    replaced: bool = Field(description="Another calendar was connected here before.")


@routes.post(
    "/v1/calendars/caldav/connect",
    status_code=201,
    summary="Connect a calendar on a CalDAV server",
    responses=problems(Outcome.UNKNOWN_PRACTITIONER, Outcome.INVALID_ORGANIZATION, body=True),
)
async def connect(body: NewCalDav, caller: CallerHere) -> ConnectedCalDav:
    """The server is asked a moment later: when it refuses, the calendar is shown as broken with the
    reason, and staff are alerted. Connecting again mends it.
    """
    clinic = await caller.services.authenticator.clinic(caller.credential.organization)
    if clinic is None:
        raise RefusedError(Outcome.INVALID_ORGANIZATION, "The organization does not exist")
    connection = connection_of(body, caller.services.fernet, clinic.timezone)
    return ConnectedCalDav.model_validate(await caller.call("connect_calendar", **connection))


def connection_of(body: NewCalDav, fernet: MultiFernet, timezone: str) -> dict[str, object]:
    """The parameters of connect_calendar.sql, without their `p_`."""
    credentials = {
        "user": body.user,
        "password": body.password.get_secret_value(),
        "calendar": body.calendar,
        "timezone": timezone,
    }
    return {
        "practitioner_id": body.practitioner_id,
        "vendor": "caldav",
        "calendar": body.address,
        "account": body.user,
        "credentials": fernet.encrypt(json.dumps(credentials).encode()),
    }
