"""`staff`: who may use a clinic's dashboard, and how they get in."""

import json
from typing import Any, Final
from uuid import UUID

import asyncpg
import click

from voxanne.booking import functions
from voxanne.booking.normalize import normalize_email
from voxanne.cli.configuring import OwnerSession
from voxanne.cli.root import (
    ACTOR,
    ORGANIZATION,
    cli,
    deployment,
    load_settings,
    migrate_if_embedded,
    on_organization,
    print_rows,
    run,
    say,
)
from voxanne.deployment import Deployment, base_address
from voxanne.inbound.tokens import new_token, token_hash
from voxanne.postgres.organizations import OrganizationError

Json = dict[str, Any]
ROLES: Final = ("owner", "staff", "read_only")
PATHS: Final = {"sign_in": "/sign-in/", "invitation": "/join/"}
LASTS: Final = "The link is shown only now, works once, and lasts 24 hours."
INVITED: Final = (
    "They have an account already, at another clinic: they sign in as usual, open the link, and "
    "join. It is shown only now."
)

EMAIL = click.argument("email", metavar="EMAIL")
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")


@cli.group()
def staff() -> None:
    """Who may use a clinic's dashboard."""


@staff.command()
@ORGANIZATION
@EMAIL
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="staff",
    show_default=True,
    help="owner: everything, with settings and staff; staff: books and writes; read_only: looks",
)
@click.option("--name", default="", help="what colleagues call them")
@click.option("--json", "as_json", is_flag=True, help='print {"email", "role", "link"}')
def add(organization: str, email: str, role: str, name: str, as_json: bool) -> None:
    """Let EMAIL use the dashboard of ORG (id or name), and print their one-time link.

    Who works at another clinic already keeps their account, and joins with the link.

    \b
    Example:  voxanne staff add "Harbor Dental" ada@harbor.example --role owner --name "Ada"
    """
    address = base_address(load_settings())
    said = _email(email)

    async def work(connection: asyncpg.Connection, found: UUID) -> tuple[str, str]:
        return await add_member(connection, found, said, role, name=name)

    kind, token = on_organization(organization, work)
    _print_link({"email": said, "role": role}, address, kind, token, as_json=as_json)


@staff.command("list")
@ORGANIZATION
@JSON
def list_(organization: str, as_json: bool) -> None:
    """List who may use the dashboard of ORG.

    \b
    Example:  voxanne staff list "Harbor Dental" --json
    """

    async def work(connection: asyncpg.Connection, found: UUID) -> list[Json]:
        return await _members(connection, found)

    rows = on_organization(organization, work)
    print_rows(rows if as_json else [_shown(row) for row in rows], as_json=as_json)


@staff.command()
@ORGANIZATION
@EMAIL
def remove(organization: str, email: str) -> None:
    """Close the dashboard of ORG to EMAIL, from their next click on. The last owner stays.

    \b
    Example:  voxanne staff remove "Harbor Dental" ada@harbor.example
    """
    said = _email(email)

    async def work(connection: asyncpg.Connection, found: UUID) -> None:
        members = await _members(connection, found)
        member = next((one["member_id"] for one in members if one["email"] == said), None)
        if member is None:
            raise OrganizationError(f"{said} doesn't work there; see `voxanne staff list`.")
        parameters: dict[str, object] = {"p_org_id": found, "p_member_id": UUID(member)}
        audit = functions.Audit(found, None, ACTOR, "member_removed", "member", member)
        _accepted(
            await functions.call_audited(
                OwnerSession(connection), "remove_member", parameters, audit
            )
        )

    on_organization(organization, work)
    say(f"{said} is removed.")


@staff.command()
@EMAIL
@click.option("--json", "as_json", is_flag=True, help='print {"email", "link"}')
def link(email: str, as_json: bool) -> None:
    """Print a new one-time sign-in link for EMAIL, at whatever clinics they work.

    \b
    Example:  voxanne staff link ada@harbor.example
    """
    settings = load_settings()
    said = _email(email)

    async def make(opened: Deployment) -> str:
        async with opened.owner() as connection:
            return await make_link(connection, said)

    with deployment(settings) as opened:
        migrate_if_embedded(opened)
        token = run(make(opened))
    _print_link({"email": said}, base_address(settings), "sign_in", token, as_json=as_json)


async def add_member(
    connection: asyncpg.Connection, organization: UUID, email: str, role: str, *, name: str = ""
) -> tuple[str, str]:
    """Of what kind their link is (a key of PATHS), and its token. Raises OrganizationError."""
    token = new_token()
    answer = _accepted(
        await functions.call_audited(
            OwnerSession(connection),
            "add_member",
            {
                "p_org_id": organization,
                "p_email": email,
                "p_name": name,
                "p_role": role,
                "p_token_hash": token_hash(token),
            },
            functions.Audit(organization, None, ACTOR, "member_added", "member"),
        )
    )
    return answer["link"], token


async def make_link(connection: asyncpg.Connection, email: str) -> str:
    """A one-time sign-in link's token. Raises OrganizationError where there is no such account."""
    token = new_token()
    if not await connection.fetchval("SELECT make_sign_in_link($1, $2)", email, token_hash(token)):
        raise OrganizationError(f"{email} has no account; add them with `voxanne staff add`.")
    return token


def link_address(address: str, kind: str, token: str) -> str:
    return f"{address.rstrip('/')}{PATHS[kind]}{token}"


async def _members(connection: asyncpg.Connection, organization: UUID) -> list[Json]:
    answer = _accepted(
        await functions.call(OwnerSession(connection), "list_members", {"p_org_id": organization})
    )
    items: list[Json] = answer["items"]
    return items


def _accepted(answer: Json) -> Json:
    """Raises OrganizationError for a refusal."""
    if answer["success"]:
        return answer
    raise OrganizationError(
        {
            "member": "They work there already; `voxanne staff link` makes them a new link.",
            "last_owner": "The last owner stays: make somebody else an owner first.",
        }.get(answer.get("reason", ""), f"{answer['message']}.")
    )


def _email(said: str) -> str:
    email = normalize_email(said)
    if email is None:
        raise click.UsageError(f"{said!r} is no e-mail address.")
    return email


def _shown(row: Json) -> Json:
    state = "invited" if row["invited"] else "works elsewhere too" if row["shared"] else ""
    return {
        "email": row["email"],
        "name": row["name"],
        "role": row["role"],
        "": state,
        "last seen": row["last_seen_at"],
    }


def _print_link(told: Json, address: str, kind: str, token: str, *, as_json: bool) -> None:
    made = link_address(address, kind, token)
    click.echo(json.dumps({**told, "link": made}) if as_json else made)
    say(LASTS if kind == "sign_in" else INVITED)
