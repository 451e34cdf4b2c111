"""`sms`: the account that sends a clinic's text messages, and what they say."""

import json
import sys
from typing import Any
from uuid import UUID

import asyncpg
import click

from voxanne.booking import functions
from voxanne.booking.normalize import normalize_phone
from voxanne.cli.configuring import OwnerSession
from voxanne.cli.root import cli, load_settings, on_organization, print_rows, say
from voxanne.deployment import load_fernet
from voxanne.inbound.callbacks.twilio import MESSAGE_PATH
from voxanne.postgres.organizations import OrganizationError
from voxanne.texts.previews import preview as write_preview
from voxanne.texts.templates import KINDS

Json = dict[str, Any]
ORGANIZATION = click.argument("organization", metavar="ORG")
JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
UNKNOWN_ADDRESS = "https://YOUR-ADDRESS"


@cli.group()
def sms() -> None:
    """Text messages: the clinic's account at Twilio, and what its patients are told."""


@sms.command("set")
@ORGANIZATION
@click.option("--account-sid", required=True, help="the account's SID: AC…")
@click.option("--number", required=True, help="the number that texts, E.164: +442071234567")
def set_(organization: str, account_sid: str, number: str) -> None:
    """Send ORG's text messages by this account. Its auth token is read from standard input, so that
    it never stands in the process list. What waited for a working account goes out.

    \b
    Example:
      printf %s "$TOKEN" | voxanne sms set "Harbor Dental" --account-sid AC… --number +442071234567
    """
    settings = load_settings()
    token = sys.stdin.readline().strip()
    if not token:
        raise OrganizationError("Give the account's auth token on standard input.")
    phone = normalize_phone(number, "ZZ")
    if phone is None:
        raise OrganizationError("The number is written in full: +442071234567.")
    given = {
        "p_account_sid": account_sid,
        "p_encrypted_token": load_fernet(settings).encrypt(token.encode()),
        "p_number": phone.e164,
    }

    async def work(connection: asyncpg.Connection, found: UUID) -> UUID:
        await _call(connection, found, "set_sms_account", given)
        return found

    found = on_organization(organization, work)
    say("The account is set. Have the number call this when a message comes in:")
    base_url = (settings.public_url or UNKNOWN_ADDRESS).rstrip("/")
    click.echo(base_url + MESSAGE_PATH.format(org_id=found))
    if settings.public_url is None:
        say("Set VOXANNE_PUBLIC_URL, or Twilio can't tell what becomes of a message.")


@sms.command()
@ORGANIZATION
@JSON
def show(organization: str, as_json: bool) -> None:
    """Show whose account sends ORG's text messages, without its token.

    \b
    Example:  voxanne sms show "Harbor Dental"
    """
    account = on_organization(organization, lambda c, found: _call(c, found, "sms_account", {}))
    print_rows([account["account"]] if account["account"] else [], as_json=as_json)


@sms.command()
@ORGANIZATION
def off(organization: str) -> None:
    """Send no text messages for ORG any more. What was said, and who wants none, is kept.

    \b
    Example:  voxanne sms off "Harbor Dental"
    """
    answer = on_organization(
        organization, lambda c, found: _call(c, found, "remove_sms_account", {})
    )
    say("The account is removed." if answer["removed"] else "There was no account.")


@sms.command()
@ORGANIZATION
@click.option("--kind", type=click.Choice(KINDS), help="only this one  [default: all]")
@JSON
def preview(organization: str, kind: str | None, as_json: bool) -> None:
    """Show what ORG's patients are texted, with example values, and how many segments it takes.

    \b
    Example:  voxanne sms preview "Harbor Dental" --kind sms_reminder
    """

    async def work(connection: asyncpg.Connection, found: UUID) -> list[Json]:
        session = OwnerSession(connection)
        profile = await connection.fetchrow(
            "SELECT name, language, phone FROM organizations WHERE id = $1", found
        )
        assert profile is not None
        rows = []
        for each in (kind,) if kind else KINDS:
            about = {"p_org_id": found, "p_kind": each, "p_language": profile["language"]}
            template = await functions.call(session, "message_template", about)
            rows.append(_preview(each, profile, template["body"]))
        return rows

    rows = on_organization(organization, work)
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        said = f"{row['segments']} segment{'s' * (row['segments'] != 1)}, {row['encoding']}"
        forced = f", because of {' '.join(row['forced_by'])}" if row["forced_by"] else ""
        click.echo(f"{row['kind']} ({said}{forced})\n{row['text']}\n")


def _preview(kind: str, profile: asyncpg.Record, own: str | None) -> Json:
    shown = write_preview(kind, profile["language"], own, profile["name"], profile["phone"])
    return {
        "kind": kind,
        "text": shown.text,
        "encoding": shown.length.encoding,
        "segments": shown.length.segments,
        "forced_by": list(shown.length.forced_by),
        "own": own is not None,
    }


async def _call(
    connection: asyncpg.Connection, organization: UUID, function: str, given: Json
) -> Json:
    """Raises OrganizationError with a refusal's sentence."""
    parameters = {"p_org_id": organization, **given}
    answer = await functions.call(OwnerSession(connection), function, parameters)
    if not answer["success"]:
        raise OrganizationError(f"{answer['message']}: {answer.get('where', answer['error'])}.")
    return answer
