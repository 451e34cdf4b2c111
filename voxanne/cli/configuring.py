"""`org apply`, `org show`: a clinic's hours, services, people, rooms and rules as a file."""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import click
from rich.text import Text

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.cli.root import console, on_organization, say
from voxanne.cli.tenants import org
from voxanne.clinic_files.changes import in_words
from voxanne.clinic_files.configuration import ClinicFile, read_configuration
from voxanne.clinic_files.errors import ClinicFileError
from voxanne.clinic_files.tree import BYTES_MAX
from voxanne.clinic_files.writing import write_configuration
from voxanne.postgres.organizations import OrganizationError, local_date

Json = dict[str, Any]


class OwnerSession:
    """The operator's connection, as booking's functions are called on it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def fetch_value(self, query: str, *arguments: object) -> object:
        return await self.connection.fetchval(query, *arguments)


@org.command()
@click.argument("organization", metavar="ORG")
@click.option("--yaml", "as_yaml", is_flag=True, help="as a file for `org apply` (the default)")
@click.option("--json", "as_json", is_flag=True, help="as the document that REST takes")
def show(organization: str, as_yaml: bool, as_json: bool) -> None:
    """Print how ORG (id or name) is configured. `org apply` of what is printed changes nothing.

    \b
    Examples:
      voxanne org show "Harbor Dental" > clinic.yaml
      voxanne org show "Harbor Dental" --json
    """
    if as_yaml and as_json:
        raise click.UsageError("Choose one: --yaml or --json.")
    document = on_organization(organization, present_configuration)
    require_zone(document["timezone"])
    click.echo(json.dumps(document) if as_json else write_configuration(document), nl=as_json)


@org.command()
@click.argument("organization", metavar="ORG")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="show what would change, and change nothing")
@click.option("--confirm", is_flag=True, help="another time zone, though appointments are booked")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def apply(organization: str, file: Path, dry_run: bool, confirm: bool, as_json: bool) -> None:
    """Configure ORG (id or name) from FILE (- for standard input), and show what changes.

    What the file doesn't mention stays as it is; a part it mentions is exactly what it says. All of
    it is done, or none. docs/how-to/configure-a-clinic.md describes the file, and
    docs/examples/harbor-dental.yaml is one. Exit code 1 when it is refused, with the line.

    \b
    Examples:
      voxanne org apply "Harbor Dental" clinic.yaml --dry-run
      voxanne org show "Harbor Dental" | voxanne org apply "Harbor Dental" -
    """
    content = read_file(file, BYTES_MAX)

    async def configure(connection: asyncpg.Connection, found: UUID) -> Json:
        return await configure_from_file(
            connection, found, content, dry_run=dry_run, confirmed=confirm
        )

    try:
        result = on_organization(organization, configure)
    except ClinicFileError as error:
        result = {
            "success": False,
            "error": error.outcome,
            "message": error.message,
            "where": error.where,
            "line": error.line,
        }
    if as_json:
        click.echo(json.dumps(result))
        sys.exit(0 if result["success"] else 1)
    if not result["success"]:
        raise click.ClickException(_refused(str(file), result))
    _print_changes(result)


async def configure_from_file(
    connection: asyncpg.Connection,
    found: UUID,
    content: bytes,
    *,
    dry_run: bool = False,
    confirmed: bool = False,
) -> Json:
    """What configure_clinic answers; a refusal says where in the file. Raises ClinicFileError."""
    current = await present_configuration(connection, found)
    today = await local_date(connection, current["timezone"])
    read = read_configuration(content, current, today)
    result = await functions.call(
        OwnerSession(connection),
        "configure_clinic",
        {
            "p_org_id": found,
            "p_document": json.dumps(read.document),
            "p_version": current["version"],
            "p_dry_run": dry_run,
            "p_confirmed": confirmed,
            "p_source": "staff",
        },
    )
    return result if result["success"] else _placed(result, read)


async def present_configuration(connection: asyncpg.Connection, found: UUID) -> Json:
    return await functions.call(
        OwnerSession(connection), "clinic_configuration", {"p_org_id": found}
    )


def require_zone(timezone: str) -> None:
    """Raises OrganizationError for a zone that only PostgreSQL knows ("GMT+1")."""
    if timezone not in functions.available_zones():
        raise OrganizationError(
            f"The clinic's time zone {timezone!r} is none of IANA's: give it another one with "
            "`timezone:` in a file for `org apply`."
        )


def read_file(file: Path, bytes_max: int) -> bytes:
    """The bytes of a file, or of standard input for `-`; one more than allowed at most."""
    if str(file) == "-":
        return sys.stdin.buffer.read(bytes_max + 1)
    with file.open("rb") as opened:
        return opened.read(bytes_max + 1)


def _placed(result: Json, read: ClinicFile) -> Json:
    """A refusal whose path is the file's, with its line."""
    node = read.locate(result.get("where", ""))
    return result if node is None else {**result, "where": node.where, "line": node.line}


def _refused(file: str, result: Json) -> str:
    """One line: file, line, path, sentence, code."""
    line, where = result.get("line"), result.get("where")
    place = f"{file}:{line}: " if line else f"{file}: "
    advice = ""
    if result["error"] == Outcome.NEEDS_CONFIRMATION:
        advice = " (--confirm)"
    elif result["error"] == Outcome.STALE_VERSION:
        advice = ": run the command again"
    message = result["message"].rstrip(".")
    return f"{place}{f'{where}: ' if where else ''}{message}{advice}. [{result['error']}]"


def _print_changes(result: Json) -> None:
    screen = console()
    section = ""
    for change in result["changes"]:
        if change["section"] != section:
            section = change["section"]
            screen.print(Text(section, "bold"))
        screen.print(_change(change), soft_wrap=True)
    for warning in result["warnings"]:
        screen.print(Text(f"! {warning}.", "yellow"), soft_wrap=True)
    number = len(result["changes"])
    changes = f"{number} change{'' if number == 1 else 's'}"
    if not number:
        say("Nothing to change.")
    elif result["dry_run"]:
        say(f"Dry run: {changes} to make, none made.")
    else:
        say(f"Made {changes}; the configuration's version is now {result['version']}.")


def _change(change: Json) -> Text:
    before, after = change["before"], change["after"]
    if before is None and change["section"] != "clinic":
        return Text(f"  + {change['name']}: {in_words(after)}", "green")
    if after is None and change["section"] != "clinic":
        return Text(f"  - {change['name']}: {in_words(before)}", "red")
    if isinstance(before, dict) and isinstance(after, dict):
        fields = [
            f"{name} {in_words(before.get(name))} → {in_words(after[name])}" for name in after
        ]
        return Text(f"  ~ {change['name']}: {', '.join(fields)}", "cyan")
    return Text(f"  ~ {change['name']}: {in_words(before)} → {in_words(after)}", "cyan")
