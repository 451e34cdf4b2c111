"""`calendar feed`: a practitioner's appointments at an address that a calendar program reads."""

import json
from collections.abc import Mapping
from uuid import UUID

import asyncpg
import click

from voxanne.booking import functions
from voxanne.cli.calendars import calendar
from voxanne.cli.configuring import OwnerSession
from voxanne.cli.root import load_settings, on_organization, say
from voxanne.deployment import base_address
from voxanne.inbound.calendar_feed import feed_address
from voxanne.inbound.tokens import new_token, token_hash
from voxanne.postgres.organizations import OrganizationError


@calendar.command()
@click.argument("organization", metavar="ORG")
@click.argument("practitioner", metavar="PRACTITIONER")
@click.option("--revoke", is_flag=True, help="close the feed: its address can't be read any more")
@click.option("--json", "as_json", is_flag=True, help='print {"practitioner_id", "url"}')
def feed(organization: str, practitioner: str, revoke: bool, as_json: bool) -> None:
    """Give PRACTITIONER of ORG (ids or names) a calendar feed and print its address, once.

    Whoever has the address can read the calendar. An earlier address can't be read any more.

    \b
    Examples:
      voxanne calendar feed "Harbor Dental" "Dr Amara Chen"
      voxanne calendar feed "Harbor Dental" "Dr Amara Chen" --revoke
    """
    settings = load_settings()

    async def work(connection: asyncpg.Connection, found: UUID) -> dict[str, str | None]:
        whose = await named_practitioner(connection, found, practitioner)
        if revoke:
            return await close_feed(connection, found, whose)
        return await open_feed(connection, found, whose, base_address(settings))

    answer = on_organization(organization, work)
    if as_json:
        click.echo(json.dumps(answer))
    elif revoke:
        say("The feed is closed.")
    else:
        click.echo(answer["url"])
        say("The address is shown only now.")


async def named_practitioner(connection: asyncpg.Connection, organization: UUID, said: str) -> UUID:
    """An id as it is, also of one who is gone. Raises OrganizationError for a name that doesn't
    mean exactly one.
    """
    try:
        return UUID(said)
    except ValueError:
        found = await functions.find_practitioner(OwnerSession(connection), organization, said)
    if not found:
        raise OrganizationError(f"There is no practitioner {said!r}.")
    if len(found) > 1:
        names = ", ".join(one["name"] for one in found)
        raise OrganizationError(f"{said!r} could be any of: {names}.")
    return UUID(found[0]["id"])


async def open_feed(
    connection: asyncpg.Connection, organization: UUID, practitioner: UUID, base: str
) -> dict[str, str | None]:
    """Raises OrganizationError where there is no such practitioner."""
    token = new_token()
    given = {"p_practitioner_id": practitioner, "p_token_hash": token_hash(token)}
    await _call(connection, organization, "open_calendar_feed", given)
    return {"practitioner_id": str(practitioner), "url": feed_address(base, token)}


async def close_feed(
    connection: asyncpg.Connection, organization: UUID, practitioner: UUID
) -> dict[str, str | None]:
    """Raises OrganizationError where there is no feed."""
    given = {"p_practitioner_id": practitioner}
    await _call(connection, organization, "close_calendar_feed", given)
    return {"practitioner_id": str(practitioner), "url": None}


async def _call(
    connection: asyncpg.Connection, organization: UUID, function: str, given: Mapping[str, object]
) -> None:
    session = OwnerSession(connection)
    answer = await functions.call(session, function, {"p_org_id": organization, **given})
    if not answer["success"]:
        raise OrganizationError(answer["message"])
