"""`calendar`: practitioners' calendars."""

import json
from uuid import UUID

import asyncpg
import click

from voxanne.app import google_consent
from voxanne.booking import functions
from voxanne.cli.configuring import OwnerSession
from voxanne.cli.root import cli, load_settings, on_organization, print_rows, say
from voxanne.deployment import load_fernet
from voxanne.postgres.organizations import OrganizationError

NOT_SET_UP = (
    "Google isn't set up: VOXANNE_GOOGLE_CLIENT_ID and VOXANNE_GOOGLE_CLIENT_SECRET, see "
    "docs/how-to/google-calendar.md."
)


@cli.group()
def calendar() -> None:
    """Practitioners' calendars: connect them, and feeds to read them by."""


@calendar.command()
@click.argument("organization", metavar="ORG")
@click.option("--practitioner", help="whose it is, by name or id  [default: everybody's]")
@click.option(
    "--calendar",
    "calendar_id",
    default="primary",
    show_default=True,
    help="its id, from Google's calendar settings",
)
@click.option("--json", "as_json", is_flag=True, help='print {"url", "expires_at"}')
def connect(
    organization: str, practitioner: str | None, calendar_id: str, *, as_json: bool
) -> None:
    """Print the address at which ORG (id or name) connects a Google Calendar.

    Whoever owns the calendar opens it in a browser, within a quarter of an hour.

    \b
    Example:  voxanne calendar connect "Harbor Dental" --practitioner "Dr Amara Chen"
    """
    settings = load_settings()
    consent = google_consent(settings)
    if consent is None:
        raise click.UsageError(NOT_SET_UP)
    fernet = load_fernet(settings)

    async def begin(connection: asyncpg.Connection, found: UUID) -> dict[str, object]:
        session = OwnerSession(connection)
        whose = await _practitioner(session, found, practitioner) if practitioner else None
        answer = await consent.begin(session, fernet, found, whose, calendar_id)
        if not answer["success"]:
            raise OrganizationError(answer["message"])
        return {"url": answer["url"], "expires_at": answer["expires_at"]}

    answer = on_organization(organization, begin)
    click.echo(json.dumps(answer) if as_json else answer["url"])


@calendar.command("list")
@click.argument("organization", metavar="ORG")
@click.option("--json", "as_json", is_flag=True, help="print a list of objects")
def list_calendars(organization: str, *, as_json: bool) -> None:
    """List ORG's calendars: whether they are connected, what is wrong, when they were last read.

    \b
    Example:  voxanne calendar list "Harbor Dental"
    """

    async def read(connection: asyncpg.Connection, found: UUID) -> list[dict[str, object]]:
        session = OwnerSession(connection)
        answer = await functions.call(session, "list_calendars", {"p_org_id": found})
        calendars: list[dict[str, object]] = answer["calendars"]
        return calendars

    rows = on_organization(organization, read)
    shown = ("id", "practitioner_name", "vendor", "calendar", "status", "error", "age_seconds")
    print_rows(
        rows if as_json else [{name: row[name] for name in shown} for row in rows], as_json=as_json
    )


@calendar.command()
@click.argument("organization", metavar="ORG")
@click.argument("calendar_id", metavar="ID", type=click.UUID)
def disconnect(organization: str, calendar_id: UUID) -> None:
    """Forget a calendar's credentials. The events that are in it stay there.

    \b
    Example:  voxanne calendar disconnect "Harbor Dental" 7c0b7a52-4d0f-4c3e-9a57-1f1f5a1b2c3d
    """

    async def work(connection: asyncpg.Connection, found: UUID) -> None:
        named: dict[str, object] = {"p_org_id": found, "p_connection_id": calendar_id}
        answer = await functions.call(OwnerSession(connection), "disconnect_calendar", named)
        if not answer["success"]:
            raise OrganizationError(f"There is no calendar {calendar_id}.")

    on_organization(organization, work)
    say("The calendar is disconnected.")


async def _practitioner(session: OwnerSession, organization: UUID, said: str) -> UUID:
    """Raises OrganizationError unless exactly one is meant."""
    try:
        return UUID(said)
    except ValueError:
        found = await functions.find_practitioner(session, organization, said)
    if len(found) != 1:
        raise OrganizationError(f"{said!r} means {len(found)} practitioners, not one.")
    return UUID(found[0]["id"])
