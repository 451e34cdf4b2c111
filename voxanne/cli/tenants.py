"""`org`, `line`, `secret`: clinics and what speaks for them."""

import json
import sys
from typing import Any
from uuid import UUID

import asyncpg
import click

from voxanne.booking.types import SCOPES
from voxanne.cli.root import (
    cli,
    deployment,
    load_settings,
    migrate_if_embedded,
    on_organization,
    print_rows,
    run,
    say,
)
from voxanne.clinic_files.errors import ClinicFileError
from voxanne.clinic_files.public_holidays import public_holidays
from voxanne.deployment import Deployment, load_fernet
from voxanne.inbound.signatures import HmacScheme
from voxanne.postgres import organizations
from voxanne.postgres.organizations import OrganizationError


@cli.group()
def org() -> None:
    """Clinics: create, list, give keys."""


@org.command()
@click.argument("name")
@click.option("--timezone", default="Europe/London", show_default=True, help="IANA name")
@click.option(
    "--country",
    help="two letters (GB, US, DE): how phone numbers and dates are read; its public holidays are "
    "closed",
)
@click.option("--id", "organization", type=click.UUID, help="use this id")
@click.option("--json", "as_json", is_flag=True, help='print {"org_id", "api_key"}')
def create(
    name: str, timezone: str, country: str | None, organization: UUID | None, as_json: bool
) -> None:
    """Create a clinic that can be booked at once, and print its API key, once.

    It has one practitioner, the service `consultation` (60 minutes), and is open Monday to Friday
    from 9 to 17. `org apply` configures it further.

    \b
    Example:  voxanne org create "Harbor Dental" --timezone America/New_York --country US
    """

    async def make(opened: Deployment) -> tuple[UUID, str]:
        async with opened.owner() as connection, connection.transaction():
            created = await organizations.create_organization(
                connection,
                name,
                timezone=timezone,
                country=country.upper() if country else None,
                organization=organization,
            )
            if country:
                await _close_public_holidays(connection, created, country.upper(), timezone)
            return created, await organizations.create_key(connection, created, "admin")

    with deployment() as opened:
        migrate_if_embedded(opened)
        created, key = run(make(opened))
    if as_json:
        click.echo(json.dumps({"org_id": str(created), "api_key": key}))
    else:
        click.echo(f"org_id   {created}\napi_key  {key}")
        say("The key is shown only now.")


async def _close_public_holidays(
    connection: asyncpg.Connection, organization: UUID, country: str, timezone: str
) -> None:
    try:
        found = public_holidays(country, await organizations.local_date(connection, timezone))
    except ClinicFileError:
        say(f"No public holidays are known for {country}, and none is closed.")
        return
    await organizations.close_public_holidays(connection, organization, country, found)


@org.command("list")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def list_(as_json: bool) -> None:
    """List the clinics.

    \b
    Example:  voxanne org list --json
    """

    async def read(opened: Deployment) -> list[dict[str, object]]:
        async with opened.owner() as connection:
            return await organizations.list_organizations(connection)

    with deployment() as opened:
        migrate_if_embedded(opened)
        print_rows(run(read(opened)), as_json=as_json)


@org.command()
@click.argument("organization", metavar="ORG")
@click.option("--scope", type=click.Choice(SCOPES), default="agent", show_default=True)
@click.option("--name", help="what it is for, to tell it from others; shown by `org keys`")
@click.option("--json", "as_json", is_flag=True, help='print {"org_id", "api_key"}')
def key(organization: str, scope: str, name: str | None, as_json: bool) -> None:
    """Make a new API key for ORG (id or name), shown once. Older keys stay valid.

    \b
    Example:  voxanne org key "Harbor Dental" --scope staff --name "reception's PC"
    """

    async def make(connection: asyncpg.Connection, found: UUID) -> tuple[UUID, str]:
        return found, await organizations.create_key(connection, found, scope, name)

    found, made = on_organization(organization, make)
    click.echo(json.dumps({"org_id": str(found), "api_key": made}) if as_json else made)


@org.command()
@click.argument("organization", metavar="ORG")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def keys(organization: str, as_json: bool) -> None:
    """List the API keys of ORG (id or name), newest first. Keys themselves aren't kept.

    \b
    Example:  voxanne org keys "Harbor Dental"
    """
    print_rows(on_organization(organization, organizations.list_keys), as_json=as_json)


@org.command()
@click.argument("organization", metavar="ORG")
@click.argument("key_id", metavar="KEY_ID", type=click.UUID)
def revoke(organization: str, key_id: UUID) -> None:
    """Revoke an API key of ORG, by its id in `org keys`. Whatever uses it is refused in seconds.

    \b
    Example:  voxanne org revoke "Harbor Dental" 5f0c7a52-0c4e-5d1c-9a53-1f2e3d4c5b6a
    """

    async def end(connection: asyncpg.Connection, found: UUID) -> None:
        await organizations.revoke_key(connection, found, key_id)

    on_organization(organization, end)
    say("The key is revoked.")


@cli.group()
def line() -> None:
    """Voice lines: which number or assistant belongs to which clinic."""


@line.command("add")
@click.argument("organization", metavar="ORG")
@click.option("--phone-number-id", help="the platform's id of the number")
@click.option("--number", help="the dialled number, E.164: +442071234567")
@click.option("--assistant-id", help="the platform's id of the assistant")
def add_line(
    organization: str, phone_number_id: str | None, number: str | None, assistant_id: str | None
) -> None:
    """Map a voice line to ORG (id or name). Needed with a deployment-wide credential.

    \b
    Example:  voxanne line add "Harbor Dental" --number +12125550100
    """
    said = {"phone_number_id": phone_number_id, "number": number, "assistant_id": assistant_id}
    names = {kind: value.strip() for kind, value in said.items() if value and value.strip()}
    if not names:
        raise click.UsageError("Name the line: --phone-number-id, --number or --assistant-id.")
    on_organization(organization, lambda c, found: organizations.add_line(c, found, names))
    say("The line is mapped.")


@cli.group()
def secret() -> None:
    """A clinic's own X-Vapi-Secret or HMAC key."""


@secret.command("set")
@click.argument("organization", metavar="ORG")
@click.option("--hmac", "is_hmac", is_flag=True, help="an HMAC key instead of an X-Vapi-Secret")
@click.option("--algorithm", default="sha256", show_default=True, help="sha256, sha512 or sha1")
@click.option("--signature-header", default="x-signature", show_default=True)
@click.option("--timestamp-header", default="x-timestamp", show_default=True)
@click.option("--no-timestamp", is_flag=True, help="the signature covers the body alone")
@click.option("--payload-format", help="what is signed  [default: {timestamp}.{body}]")
@click.option("--encoding", default="hex", show_default=True, help="hex or base64")
@click.option("--prefix", default="", help="before the signature, such as sha256=")
@click.option("--message-id-header", default="", help="fills {svix-id} in the payload format")
@click.option("--base64-key", is_flag=True, help="the key is given in base64")
def set_secret(
    organization: str, is_hmac: bool, base64_key: bool, no_timestamp: bool, **scheme: Any
) -> None:
    """Set ORG's secret, read from standard input so that it never stands in the process list.

    \b
    Examples:
      printf %s "$SECRET" | voxanne secret set "Harbor Dental"
      printf %s "$KEY" | voxanne secret set "Harbor Dental" --hmac --prefix sha256=
    """
    settings = load_settings()
    value = sys.stdin.readline().strip()
    if len(value) < organizations.SECRET_CHARACTERS_MIN:
        least = organizations.SECRET_CHARACTERS_MIN
        raise OrganizationError(f"Give the secret on standard input, at least {least} characters.")
    if not is_hmac:
        on_organization(organization, lambda c, o: organizations.set_vapi_secret(c, o, value))
        say("The secret is set.")
        return
    scheme |= {"secret_is_base64": base64_key, "include_timestamp": not no_timestamp}
    scheme = {name: chosen for name, chosen in scheme.items() if chosen is not None}
    try:
        HmacScheme.from_mapping(scheme)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    encrypted = load_fernet(settings).encrypt(value.encode())
    on_organization(
        organization,
        lambda c, o: organizations.set_hmac_key(c, o, encrypted_key=encrypted, scheme=scheme),
    )
    say("The HMAC key is set.")
