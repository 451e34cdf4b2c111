"""`webhook`: the clinic's own systems, what they are told of, and whether it got there."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import click

from voxanne.booking import functions
from voxanne.cli.configuring import OwnerSession
from voxanne.cli.root import cli, load_settings, on_organization, print_rows, say
from voxanne.deployment import load_fernet
from voxanne.outbox.destinations import wrong_with_url
from voxanne.outbox.webhooks import SUBSCRIBABLE, event_type, message_id, new_secret
from voxanne.postgres.organizations import OrganizationError

Json = dict[str, Any]
ORGANIZATION = click.argument("organization", metavar="ORG")
WEBHOOK = click.argument("webhook", metavar="WEBHOOK")
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")


@cli.group()
def webhook() -> None:
    """Webhooks: tell a clinic's own systems what happens. WEBHOOK is an id, or a URL."""


@webhook.command()
@ORGANIZATION
@click.argument("url", metavar="URL")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(sorted(SUBSCRIBABLE)),
    metavar="TYPE",
    help="of events to be told of, such as appointment.booked; repeat it  [default: all]",
)
@JSON
def add(organization: str, url: str, types: tuple[str, ...], as_json: bool) -> None:
    """Tell URL what happens in ORG (id or name), and print the secret it verifies with, once.

    \b
    Example:
      voxanne webhook add "Harbor Dental" https://clinic.example/hook --type appointment.booked
    """
    settings = load_settings()
    wrong = wrong_with_url(url, private_addresses=settings.webhook_private_addresses)
    if wrong is not None:
        raise click.UsageError(wrong)
    secret = new_secret()
    sealed = load_fernet(settings).encrypt(secret.encode()).decode()
    kinds = sorted({SUBSCRIBABLE[type_] for type_ in types})

    async def work(connection: asyncpg.Connection, found: UUID) -> Json:
        given = {"p_url": url, "p_kinds": kinds, "p_encrypted_secret": sealed}
        return await _call(connection, found, "create_webhook", given)

    made = on_organization(organization, work)["webhook"]
    print_rows([{"id": made["id"], "secret": secret}], as_json=as_json)
    say("The secret is shown only now.")


@webhook.command("list")
@ORGANIZATION
@JSON
def list_(organization: str, as_json: bool) -> None:
    """List the webhooks of ORG.

    \b
    Example:  voxanne webhook list "Harbor Dental"
    """

    async def work(connection: asyncpg.Connection, found: UUID) -> list[Json]:
        items: list[Json] = (await _call(connection, found, "list_webhooks"))["items"]
        return items

    rows = on_organization(organization, work)
    print_rows(rows if as_json else [_shown(row) for row in rows], as_json=as_json)


@webhook.command()
@ORGANIZATION
@WEBHOOK
@click.option("--failed", is_flag=True, help="only those that were given up")
@JSON
def messages(organization: str, webhook: str, failed: bool, as_json: bool) -> None:
    """List the latest messages to WEBHOOK and what became of them.

    \b
    Example:  voxanne webhook messages "Harbor Dental" https://clinic.example/hook --failed
    """
    given = {"p_status": "failed"} if failed else {}
    rows = _on_webhook(organization, webhook, "list_webhook_messages", given)["items"]
    print_rows([_message(row) for row in rows], as_json=as_json)


@webhook.command()
@ORGANIZATION
@WEBHOOK
@JSON
def rotate(organization: str, webhook: str, as_json: bool) -> None:
    """Give WEBHOOK a new secret, shown once. The old one signs beside it for 24 hours.

    \b
    Example:  voxanne webhook rotate "Harbor Dental" https://clinic.example/hook
    """
    secret = new_secret()
    sealed = load_fernet(load_settings()).encrypt(secret.encode()).decode()
    given = {"p_encrypted_secret": sealed}
    made = _on_webhook(organization, webhook, "rotate_webhook_secret", given)["webhook"]
    print_rows([{"id": made["id"], "secret": secret}], as_json=as_json)
    say("The secret is shown only now.")


@webhook.command()
@ORGANIZATION
@WEBHOOK
def test(organization: str, webhook: str) -> None:
    """Send WEBHOOK a ping, once. The worker does; `webhook messages` tells what came of it.

    \b
    Example:  voxanne webhook test "Harbor Dental" https://clinic.example/hook
    """
    made = _on_webhook(organization, webhook, "ping_webhook", {})
    click.echo(message_id(UUID(made["message_id"])))


@webhook.command()
@ORGANIZATION
@WEBHOOK
@click.option(
    "--from",
    "since",
    required=True,
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]),
    help="2027-05-20, or with a time; this machine's zone unless it has an offset",
)
def replay(organization: str, webhook: str, since: datetime) -> None:
    """Tell WEBHOOK everything since then once more, under the same ids; 30 days back at most.

    \b
    Example:  voxanne webhook replay "Harbor Dental" https://clinic.example/hook --from 2027-05-20
    """
    given = {"p_from": since.astimezone()}
    begins = _on_webhook(organization, webhook, "replay_webhook", given)["from_event"]
    say(f"It begins with event {begins}." if begins else "Nothing happened since.")


@webhook.command()
@ORGANIZATION
@WEBHOOK
def enable(organization: str, webhook: str) -> None:
    """Turn WEBHOOK on again. It gets what it missed.

    \b
    Example:  voxanne webhook enable "Harbor Dental" https://clinic.example/hook
    """
    _on_webhook(organization, webhook, "change_webhook", {"p_status": "active"})
    say("The webhook is on.")


@webhook.command()
@ORGANIZATION
@WEBHOOK
def remove(organization: str, webhook: str) -> None:
    """Remove WEBHOOK. What waits for it isn't sent.

    \b
    Example:  voxanne webhook remove "Harbor Dental" https://clinic.example/hook
    """
    _on_webhook(organization, webhook, "remove_webhook", {})
    say("The webhook is removed.")


def _on_webhook(organization: str, said: str, function: str, given: Json) -> Json:
    async def work(connection: asyncpg.Connection, found: UUID) -> Json:
        which = await _find(connection, found, said)
        return await _call(connection, found, function, {"p_webhook_id": which, **given})

    return on_organization(organization, work)


async def _find(connection: asyncpg.Connection, organization: UUID, said: str) -> UUID:
    """Raises OrganizationError for what doesn't mean exactly one."""
    items = (await _call(connection, organization, "list_webhooks"))["items"]
    found = [item for item in items if said in (item["id"], item["url"])]
    if not found:
        raise OrganizationError(f"There is no webhook {said!r}; see `voxanne webhook list`.")
    if len(found) > 1:
        raise OrganizationError(f"{len(found)} webhooks have that URL: use the id.")
    return UUID(found[0]["id"])


async def _call(
    connection: asyncpg.Connection, organization: UUID, function: str, given: Json | None = None
) -> Json:
    """Raises OrganizationError for a refusal."""
    parameters = {"p_org_id": organization, **(given or {})}
    answer = await functions.call(OwnerSession(connection), function, parameters)
    if not answer["success"]:
        raise OrganizationError(answer["message"])
    return answer


def _shown(row: Json) -> Json:
    return {
        "id": row["id"],
        "url": row["url"],
        "types": ", ".join(event_type(kind) for kind in row["kinds"]) or "all",
        "status": row["status"],
        "failing since": row["failing_since"],
    }


def _message(row: Json) -> Json:
    return {
        "id": message_id(UUID(row["subject_id"])),
        "type": event_type(row["event_kind"]),
        "status": row["status"],
        "attempts": row["attempts"],
        "error": row["error"],
        "next_try_at": row["next_try_at"],
    }
