"""`import`: the diary a clinic kept until now, from CSV or iCalendar."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import click
from rich.console import Console
from rich.progress import Progress

from voxanne.cli.configuring import read_file
from voxanne.cli.diary_import import Advance, Import, Imported, Problem, import_diary
from voxanne.cli.root import cli, on_organization, say
from voxanne.clinic_files.diary import BYTES_MAX
from voxanne.clinic_files.errors import ClinicFileError

FORMATS = (".csv", ".ics")


@cli.command("import")
@click.argument("organization", metavar="ORG")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--practitioner", help="whose the rows are that name nobody")
@click.option(
    "--service", default="consultation", show_default=True, help="for rows that name no service"
)
@click.option("--skip-conflicts", is_flag=True, help="leave out what can't be, import the rest")
@click.option("--dry-run", is_flag=True, help="try every row, list what can't be, import nothing")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def import_(
    organization: str,
    file: Path,
    practitioner: str | None,
    service: str,
    skip_conflicts: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take over the diary that ORG (id or name) kept until now: FILE.csv or FILE.ics.

    All rows are imported, or none: when some can't be, each is listed with its row, and nothing is
    done. Importing the file again adds nothing. What is past, cancelled or shown as free is left
    out and counted. A time without a patient makes its practitioner absent. Nobody is sent a
    message. docs/how-to/configure-a-clinic.md describes both kinds of file.

    \b
    Examples:
      voxanne import "Harbor Dental" diary.csv --dry-run
      voxanne import "Harbor Dental" dr-chen.ics --practitioner "Dr Amara Chen"
    """
    if file.suffix.lower() not in FORMATS:
        raise click.UsageError(f"The file's name must end with {' or '.join(FORMATS)}.")
    content = read_file(file, BYTES_MAX)
    if len(content) > BYTES_MAX:
        raise click.ClickException(f"{file} is larger than {BYTES_MAX:,} bytes: split it.")

    async def work(connection: asyncpg.Connection, found: UUID) -> Imported:
        with _progress() as advance:
            wish = Import(
                organization=found,
                content=content,
                format=file.suffix.lower(),
                practitioner=practitioner,
                service=service,
                commit=not dry_run,
                skip_conflicts=skip_conflicts,
                advance=advance,
            )
            return await import_diary(connection, wish)

    try:
        imported = on_organization(organization, work)
    except ClinicFileError as error:
        raise click.ClickException(f"{file}: {error.message}") from None
    if as_json:
        click.echo(json.dumps(asdict(imported), default=datetime.isoformat))
    else:
        _print_imported(imported, dry_run=dry_run)
    if imported.problems and not skip_conflicts:
        sys.exit(1)


@contextmanager
def _progress() -> Iterator[Advance]:
    """A bar on standard error, where somebody watches it."""
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("Importing", total=None)
        yield lambda done, number: bar.update(task, completed=done, total=number)


def _print_imported(imported: Imported, *, dry_run: bool) -> None:
    zone = ZoneInfo(imported.timezone)
    for problem in imported.problems:
        click.echo(_problem(problem, zone))
    if imported.ignored_columns:
        say(f"Columns that mean nothing here: {', '.join(imported.ignored_columns)}.")
    counts = {
        "there already": imported.present,
        "past": imported.past,
        "cancelled": imported.cancelled,
        "shown as free": imported.free,
        "impossible": len(imported.problems),
    }
    left_out = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    done = f"{_number(imported.booked, 'appointment')} and {_number(imported.absent, 'absence')}"
    rest = f" Left out: {left_out}." if left_out else ""
    if imported.stored:
        say(f"Imported {done}.{rest}")
    elif dry_run:
        say(f"Dry run: nothing was imported; it could be {done}.{rest}")
    else:
        say(f"Nothing was imported: some rows can't be. --skip-conflicts imports {done}.{rest}")


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _problem(problem: Problem, zone: ZoneInfo) -> str:
    """The row, the code, and both times in the clinic's zone."""
    parts = [f"row {problem.row}", click.style(problem.error, fg="red")]
    if problem.starts_at is not None:
        parts.append(_span(problem.starts_at, problem.ends_at, zone))
    parts.append(problem.message)
    if problem.taken_from is not None:
        by_row = f" by row {problem.taken_by_row}" if problem.taken_by_row else ""
        parts.append(f"taken {_span(problem.taken_from, problem.taken_until, zone)}{by_row}")
    return "  ".join(parts)


def _span(starts_at: datetime, ends_at: datetime | None, zone: ZoneInfo) -> str:
    starts = starts_at.astimezone(zone)
    until = f"-{ends_at.astimezone(zone):%H:%M}" if ends_at else ""
    return f"{starts:%Y-%m-%d %H:%M}{until}"
