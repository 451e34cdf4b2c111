"""`export`, `erase`, `audit`: a person's data out, or gone; and who saw and changed what."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import click

from voxanne.booking import functions
from voxanne.booking.exporting import whole_export
from voxanne.booking.normalize import normalize_phone
from voxanne.cli.configuring import OwnerSession
from voxanne.cli.root import ACTOR, ORGANIZATION, cli, on_organization, print_rows, say
from voxanne.postgres.organizations import OrganizationError
from voxanne.postgres.people import find_person

Json = dict[str, Any]
LEAD = click.argument("lead", metavar="LEAD")
NAME = click.option("--name", help="who of those on the number")


@cli.command()
@ORGANIZATION
@LEAD
@NAME
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="a new file, for you alone"
)
def export(organization: str, lead: str, name: str | None, output: Path | None) -> None:
    """Write all that ORG (id or name) holds about a person, as JSON.

    LEAD is the lead's id, or their number in full. docs/reference/person-export.md describes the
    document. That it was exported is written into the audit log.

    \b
    Examples:
      voxanne export "Harbor Dental" +447700900123 --output maya.json
      voxanne export "Harbor Dental" 0d9c3f1e-4d0f-4c3e-9a57-1f1f5a1b2c3d | jq .appointments
    """
    if output is not None and output.exists():
        raise OrganizationError(f"{output} exists already.")

    async def work(connection: asyncpg.Connection, found: UUID) -> Json:
        person = await _person(connection, found, lead, name)
        given = {"lead_id": person}
        first = await _audited(connection, found, "person_exported", person, "export_person", given)

        async def page_after(call: str) -> Json:
            return await _call(connection, found, "export_person", {**given, "after_call": call})

        return await whole_export(first, page_after)

    document = json.dumps(on_organization(organization, work), ensure_ascii=False, indent=1)
    if output is None:
        click.echo(document)
        return
    output.touch(mode=0o600, exist_ok=False)
    output.write_text(document + "\n", encoding="utf-8")
    say(f"Everything is in {output}.")


@cli.command()
@ORGANIZATION
@LEAD
@NAME
@click.option("--yes", is_flag=True, help="don't ask whether it is meant")
@click.option("--cancel-appointments", is_flag=True, help="cancel what is to come")
@click.option("--json", "as_json", is_flag=True, help="print the receipt as JSON")
def erase(
    organization: str,
    lead: str,
    name: str | None,
    yes: bool,
    cancel_appointments: bool,
    as_json: bool,
) -> None:
    """Erase a person of ORG (id or name) for good, and print the receipt.

    LEAD is the lead's id, or their number in full. docs/how-to/privacy.md says what goes, what
    stays and what is left to do outside. Refused while appointments are to come, unless they are
    cancelled.

    \b
    Example:  voxanne erase "Harbor Dental" +447700900123 --cancel-appointments
    """

    async def look(connection: asyncpg.Connection, found: UUID) -> Json:
        person = await _person(connection, found, lead, name)
        return await _call(connection, found, "erasure_outlook", {"lead_id": person})

    outlook = on_organization(organization, look)
    if not yes:
        click.confirm(_question(outlook), abort=True, err=True)
    person = UUID(outlook["lead"]["id"])
    given = {"lead_id": person, "actor": ACTOR, "cancel_appointments": cancel_appointments}

    async def work(connection: asyncpg.Connection, found: UUID) -> Json:
        return await _audited(connection, found, "person_erased", person, "erase_person", given)

    receipt = on_organization(organization, work)
    if as_json:
        click.echo(json.dumps(receipt))
        return
    click.echo(f"erased   {receipt['lead_id']}\nreceipt  {receipt['erasure_id']}")
    for what, count in receipt["counts"].items():
        click.echo(f"{what:<14} {count}")
    for sentence in _outside(receipt["outside"]):
        say(sentence)


@cli.command()
@ORGANIZATION
@click.option("--actor", help="an e-mail address, 'command line' or 'retention'")
@click.option("--action", help="such as lead_viewed")
@click.option("--subject", help="the id of what it was about")
@click.option("--from", "from_", type=click.DateTime(("%Y-%m-%d",)), help="from this day on, UTC")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def audit(
    organization: str,
    actor: str | None,
    action: str | None,
    subject: str | None,
    from_: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List who saw and changed what at ORG (id or name), newest first.

    \b
    Example:  voxanne audit "Harbor Dental" --actor amy@harbor.example
    """
    asked = {
        "actor": actor,
        "action": action,
        "subject_id": subject,
        "from": from_.replace(tzinfo=UTC) if from_ else None,
        "limit": limit,
    }

    async def work(connection: asyncpg.Connection, found: UUID) -> list[Json]:
        items: list[Json] = (await _call(connection, found, "list_audit", asked))["items"]
        return items

    rows = on_organization(organization, work)
    shown = ("created_at", "actor", "action", "subject_kind", "subject_id")
    print_rows(
        rows if as_json else [{name: row[name] for name in shown} for row in rows], as_json=as_json
    )


def _question(outlook: Json) -> str:
    counts, whose = outlook["counts"], outlook["lead"]
    return (
        f"{whose['name']}, {whose['phone']}: {counts['appointments']} appointments "
        f"({len(outlook['upcoming'])} to come), {counts['calls']} calls, {counts['texts']} texts. "
        "Erase them for good?"
    )


def _outside(outside: Json) -> list[str]:
    """What is left to do, in words."""
    told = ["Left to do outside:"]
    if count := outside["voice_platform"]["count"]:
        told.append(f"  the voice platform has {count} of their calls (--json lists the ids)")
    if count := outside["sms_vendor"]["count"]:
        told.append(f"  the SMS vendor has {count} of their messages (--json lists the ids)")
    if count := outside["emails"]:
        told.append(f"  {count} e-mails were sent")
    if count := outside["calendars"]["unreachable"]:
        told.append(f"  {count} entries may be in a calendar that is connected no longer")
    return [*told, "  backups made before this moment"]


async def _person(
    connection: asyncpg.Connection, organization: UUID, said: str, name: str | None
) -> UUID:
    phone = normalize_phone(said, "ZZ")
    return await find_person(connection, organization, said, phone.e164 if phone else None, name)


async def _call(
    connection: asyncpg.Connection, organization: UUID, function: str, given: Json
) -> Json:
    """Raises OrganizationError with a refusal's sentence."""
    return _accepted(
        await functions.call(OwnerSession(connection), function, _named(organization, given))
    )


async def _audited(
    connection: asyncpg.Connection,
    organization: UUID,
    action: str,
    lead: UUID,
    function: str,
    given: Json,
) -> Json:
    """The same, with its row in the audit log."""
    audit = functions.Audit(organization, None, ACTOR, action, "lead", str(lead))
    session = OwnerSession(connection)
    answer = await functions.call_audited(session, function, _named(organization, given), audit)
    return _accepted(answer)


def _named(organization: UUID, given: Json) -> Json:
    return {"p_org_id": organization, **{f"p_{name}": value for name, value in given.items()}}


def _accepted(answer: Json) -> Json:
    if answer["success"]:
        return answer
    if answer.get("needs") == "cancel_appointments":
        raise OrganizationError(
            f"{answer['upcoming']} of their appointments are to come: --cancel-appointments "
            "cancels them first."
        )
    raise OrganizationError(f"{answer['message']}: {answer['error']}.")
