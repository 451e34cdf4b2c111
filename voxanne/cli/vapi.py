"""`vapi push`: a clinic's tools and assistant at Vapi, from the one template."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import UUID

import click

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.cli.root import cli, deployment, load_settings, migrate_if_embedded, run
from voxanne.cli.root import say as tell
from voxanne.cli.vapi_push import Account, Change, Push, plan, with_credential
from voxanne.cli.vapi_rest import Json, VapiRest, connect
from voxanne.cli.vapi_template import Persona, Target
from voxanne.deployment import Deployment, open_api_pool
from voxanne.inbound.voice.assistant import assistant_for_call
from voxanne.inbound.voice.prompt import fill_prompt
from voxanne.inbound.voice.redact import redact_secrets
from voxanne.inbound.voice.sentences import refuse
from voxanne.inbound.voice.tools import Caller, clinic_now
from voxanne.inbound.voice.tools.clinic_facts import ClinicFacts, find_facts
from voxanne.language.catalogue import say
from voxanne.postgres.organizations import OrganizationError, find_organization

UNAUTHENTICATED = (
    "Vapi will call without a credential and be refused. Store the clinic's key (voxanne org key) "
    "at Vapi as a custom credential of type Bearer Token, and give its id with --credential-id."
)


@cli.group()
def vapi() -> None:
    """A clinic's tools and assistant at Vapi."""


@vapi.command()
@click.argument("organization", metavar="ORG")
@click.option("--assistant-id", help="work on this assistant  [default: the one made before]")
@click.option("--url", help="the API's public https address  [default: VOXANNE_PUBLIC_URL]")
@click.option("--credential-id", help="id of the credential that Vapi shall send, stored there")
@click.option("--apply", "is_applied", is_flag=True, help="do it; otherwise it is only shown")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def push(
    organization: str,
    assistant_id: str | None,
    url: str | None,
    credential_id: str | None,
    is_applied: bool,
    as_json: bool,
) -> None:
    """Bring ORG's tools and assistant at Vapi up to date, and show what changes.

    Nothing is changed without --apply, and a second push changes nothing. What you set at Vapi
    yourself stays: voice, model, other tools, the prompt outside <voxanne>…</voxanne>. Without
    VOXANNE_VAPI_API_KEY it prints what it would make.

    \b
    Examples:
      voxanne vapi push "Harbor Dental" --url https://voice.example.com
      voxanne vapi push "Harbor Dental" --credential-id 5f0c1d2e --apply
    """
    settings = load_settings(quiet=True)
    address = _public_address(url or settings.public_url)
    key = settings.vapi_api_key
    if key is None and is_applied:
        raise click.UsageError("--apply needs VOXANNE_VAPI_API_KEY, a private key of the account.")
    with deployment(settings) as opened:
        migrate_if_embedded(opened)
        found, persona = run(_read_clinic(opened, organization))
    target = Target(found, address, credential_id)
    if key is None:
        tell("Without VOXANNE_VAPI_API_KEY nothing is read from Vapi. This is what would be made:")
        _report(Account({}, None), target, persona, None, as_json=True)
        return
    with connect(settings.vapi_api_url, key.get_secret_value()) as http:
        work = Push(VapiRest(http), target, persona, assistant_id)
        account = work.read()
        done = work.carry_out(account, tell) if is_applied else None
    _report(account, target, persona, done, as_json=as_json)


def _report(
    account: Account, target: Target, persona: Persona, done: Json | None, *, as_json: bool
) -> None:
    """Print the changes to `account`; `done` is the assistant after they were made."""
    changes = plan(account, target, persona)
    assistant = done or account.assistant or {}
    if as_json:
        shown = {
            "applied": done is not None,
            "assistant_id": assistant.get("id"),
            "changes": [_as_json(change) for change in changes],
        }
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    elif done is None:
        for line in (line for change in changes for line in _difference(change)):
            click.echo(line)
    if with_credential(account, target).credential_id is None:
        tell(UNAUTHENTICATED)
    if not changes:
        tell(f"Nothing to change. The assistant is {assistant['id']}.")
    elif done is not None:
        tell(f"Done. The assistant is {assistant['id']}: give it a number at Vapi.")
    else:
        tell(f"{len(changes)} changes. With --apply they are made.")


def _as_json(change: Change) -> Json:
    return {
        "kind": change.kind,
        "name": change.name,
        "action": change.action,
        "id": change.id,
        "fields": redact_secrets(change.fields),
    }


def _difference(change: Change) -> Iterator[str]:
    """A unified diff of the fields that are sent, secrets hidden."""
    before = {name: change.before[name] for name in change.fields if name in change.before}
    title = f"{change.kind} {change.name}"
    lines = list(
        difflib.unified_diff(
            _lines(before),
            _lines(change.fields),
            f"{title} at Vapi" if change.id else "nothing",
            f"{title} from here",
            lineterm="",
        )
    )
    yield from lines or [f"{title}: only values that are not shown"]


def _lines(value: Json) -> list[str]:
    """Indented JSON, a text of several lines as a list of them."""
    shown = json.dumps(_broken(redact_secrets(value)), indent=2, sort_keys=True, ensure_ascii=False)
    return shown.split("\n") if value else []


def _broken(value: object) -> object:
    if isinstance(value, dict):
        return {name: _broken(element) for name, element in value.items()}
    if isinstance(value, list):
        return [_broken(element) for element in value]
    return value.split("\n") if isinstance(value, str) and "\n" in value else value


def _public_address(said: str | None) -> str:
    address = (said or "").rstrip("/")
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise click.UsageError(
            "Vapi reaches the API at a public https address: give it with --url or in "
            "VOXANNE_PUBLIC_URL."
        )
    return address


async def _read_clinic(opened: Deployment, said: str) -> tuple[UUID, Persona]:
    """The organization an operator named, and its assistant's persona."""
    async with opened.owner() as connection:
        found = await find_organization(connection, said)
    pool = await open_api_pool(opened)
    try:
        clinic = await functions.find_clinic(pool, found)
        if clinic is None:
            raise OrganizationError("The clinic's time zone is none that IANA knows.")
        nobody = Caller(replace(clinic, assistant_id=None), None, None, None, clinic_now(clinic), 0)
        return found, _persona(nobody, await find_facts(pool, nobody))
    finally:
        await pool.close()


def _persona(caller: Caller, facts: ClinicFacts) -> Persona:
    """Vapi works out the day and time of each call."""
    reply: Json = assistant_for_call(caller, facts)
    zone = caller.clinic.timezone
    live = {
        name: f'{{{{"now" | date: "{form}", "{zone}"}}}}'
        for name, form in {"weekday": "%A", "today": "%d %B %Y", "localTime": "%H:%M"}.items()
    }
    return Persona(
        assistant=reply["assistant"],
        prompt=fill_prompt(reply["assistantOverrides"]["variableValues"], live),
        waiting=say(caller.language, "One moment, please."),
        failed=refuse(Outcome.BUSY, caller.language),
    )
