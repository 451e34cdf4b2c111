"""`calendar connect-caldav`: a practitioner's calendar on the clinic's own server."""

import json
import sys
from typing import Any
from uuid import UUID

import asyncpg
import click

from voxanne.booking import functions
from voxanne.cli.calendar_feeds import named_practitioner
from voxanne.cli.calendars import calendar
from voxanne.cli.configuring import OwnerSession
from voxanne.cli.root import load_settings, on_organization, say
from voxanne.config import Environment, Settings
from voxanne.deliveries.caldav_calendar import open_dav
from voxanne.deliveries.caldav_discovery import find_calendar
from voxanne.deliveries.calendar import CalendarError
from voxanne.deployment import load_fernet
from voxanne.postgres.organizations import OrganizationError


@calendar.command("connect-caldav")
@click.argument("organization", metavar="ORG")
@click.option("--address", required=True, help="https, of the server or of the calendar itself")
@click.option("--user", required=True, help="whose account it is on the server")
@click.option("--calendar", "name", help="its name  [default: the account's only one]")
@click.option("--practitioner", help="whose it is: id or name  [default: everybody's]")
@click.option("--json", "as_json", is_flag=True, help='print {"id", "calendar", "replaced"}')
def connect_caldav(
    organization: str,
    address: str,
    user: str,
    name: str | None,
    practitioner: str | None,
    as_json: bool,
) -> None:
    """Connect a calendar of Nextcloud, Fastmail, iCloud or another CalDAV server to ORG.

    The password comes on standard input, best one made for this alone (an app password). The server
    is asked at once, and nothing is stored when it refuses.

    \b
    Example:
      printf %s "$PASSWORD" | voxanne calendar connect-caldav "Harbor Dental" \\
        --address https://cloud.example.com --user amara --practitioner "Dr Amara Chen"
    """
    settings = load_settings()
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise OrganizationError("Give the password on standard input.")
    said = {"user": user, "password": password, "calendar": name}

    async def work(connection: asyncpg.Connection, found: UUID) -> dict[str, Any]:
        whose = None
        if practitioner is not None:
            whose = await named_practitioner(connection, found, practitioner)
        return await connect(settings, OwnerSession(connection), found, whose, address, said)

    answer = on_organization(organization, work)
    if as_json:
        click.echo(json.dumps(answer))
    else:
        say(f"Connected: {answer['calendar']}")


async def connect(
    settings: Settings,
    session: OwnerSession,
    organization: UUID,
    practitioner: UUID | None,
    address: str,
    said: dict[str, str | None],
) -> dict[str, Any]:
    """Find the calendar and store the way to it. Raises OrganizationError."""
    clinic = await functions.find_clinic(session, organization)
    url = await _find(settings, address, said)
    kept = {**said, "timezone": clinic.timezone if clinic else "UTC"}
    answer = await functions.call(
        session,
        "connect_calendar",
        {
            "p_org_id": organization,
            "p_practitioner_id": practitioner,
            "p_vendor": "caldav",
            "p_calendar": url,
            "p_account": said["user"],
            "p_credentials": load_fernet(settings).encrypt(json.dumps(kept).encode()),
        },
    )
    if not answer["success"]:
        raise OrganizationError(answer["message"])
    return {"id": answer["id"], "calendar": url, "replaced": answer["replaced"]}


async def _find(settings: Settings, address: str, said: dict[str, str | None]) -> str:
    loopback = settings.env is not Environment.PRODUCTION
    try:
        user, password = str(said["user"]), str(said["password"])
        async with open_dav(address, user, password, loopback=loopback) as dav:
            return (await find_calendar(dav, address, said["calendar"])).url
    except CalendarError as error:
        raise OrganizationError(error.error) from None
