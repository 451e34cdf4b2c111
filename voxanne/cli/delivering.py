"""`delivery`: what became of what goes out, and another try."""

from typing import Any
from uuid import UUID

import asyncpg
import click

from voxanne.booking import functions
from voxanne.cli.configuring import OwnerSession
from voxanne.cli.root import cli, on_organization, print_rows
from voxanne.outbox.types import CHANNELS, STATUSES

Json = dict[str, Any]


@cli.group()
def delivery() -> None:
    """What goes out after a booking: to calendars, patients, the clinic's systems and staff."""


@delivery.command("list")
@click.argument("organization", metavar="ORG")
@click.option("--status", type=click.Choice(STATUSES), help="only these")
@click.option("--channel", type=click.Choice(CHANNELS), help="only these")
@click.option("--appointment", type=click.UUID, help="only this appointment's")
@click.option(
    "--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="the newest"
)
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def list_(
    organization: str,
    status: str | None,
    channel: str | None,
    appointment: UUID | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the deliveries of ORG (id or name), newest first: how each stands, and why.

    \b
    Example:  voxanne delivery list "Harbor Dental" --status failed
    """
    asked = {"status": status, "channel": channel, "appointment_id": appointment, "limit": limit}
    found = _call(organization, "list_deliveries", asked)["items"]
    print_rows(found if as_json else [_shown(row) for row in found], as_json=as_json)


@delivery.command()
@click.argument("organization", metavar="ORG")
@click.argument("subject", type=click.UUID)
@click.argument("kind")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def retry(organization: str, subject: UUID, kind: str, as_json: bool) -> None:
    """Try a failed or waiting delivery of ORG again now; a worker does it.

    SUBJECT and KIND are as `delivery list` shows them.

    \b
    Example:  voxanne delivery retry "Harbor Dental" 7c0b7a52-4d0f-4c3e-9a57-1f1f5a1b2c3d calendar
    """
    asked = {"subject_id": subject, "kind": kind}
    standing = _call(organization, "retry_delivery", asked)["delivery"]
    print_rows([standing if as_json else _shown(standing)], as_json=as_json)


def _call(organization: str, function: str, parameters: Json) -> Json:
    async def ask(connection: asyncpg.Connection, org_id: UUID) -> Json:
        named = {f"p_{name}": value for name, value in parameters.items()}
        return await functions.call(
            OwnerSession(connection), function, {"p_org_id": org_id, **named}
        )

    answer = on_organization(organization, ask)
    if not answer["success"]:
        raise click.ClickException(f"{answer['message']} ({answer['error']})")
    return answer


def _shown(row: Json) -> Json:
    """One delivery as a row of the table."""
    return {
        "subject": row["subject_id"],
        "kind": row["kind"],
        "state": _state(row),
        "attempts": row["attempts"],
        "last error": row["error"],
    }


def _state(row: Json) -> str:
    if row["parked"]:
        return "waits until it is put right"
    if row["next_try_at"] and row["attempts"]:
        return f"next try {row['next_try_at'][:19]} UTC"
    return str(row["status"])
