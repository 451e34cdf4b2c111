"""`migrate`, `db`, `psql`, `config`: the database and the settings."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict

import click

from voxanne.cli.root import cli, console, deployment, load_settings, print_rows, run, say
from voxanne.config import Settings, variable_name
from voxanne.deployment import Deployment, prepare_database
from voxanne.postgres.addresses import without_password
from voxanne.postgres.migrate import MigrationState, migrate_down, migration_states


@cli.group()
def migrate() -> None:
    """The schema: bring it up to this release, take it back, or look at it."""


@migrate.command()
def up() -> None:
    """Apply pending migrations and replace changed functions.

    \b
    Example:  DATABASE_URL=postgresql://owner@db/voxanne voxanne migrate up
    """
    with deployment() as opened:
        run(prepare_database(opened, say))
        say("The schema is current.")


@migrate.command()
@click.option("--to", "to_version", type=click.IntRange(min=0), help="last migration to keep")
@click.option("--yes", is_flag=True, help="don't ask; what newer tables hold is lost")
def down(to_version: int | None, yes: bool) -> None:
    """Roll back: undo the newest migration, or all above --to.

    The functions go too: start the previous release with its own `migrate up` afterwards.

    \b
    Example:  voxanne migrate down --to 0 --yes
    """
    with deployment() as opened:
        applied = [state for state in run(_states(opened)) if state.state != "pending"]
        if not applied:
            say("Nothing is applied.")
            return
        target = applied[-1].version - 1 if to_version is None else to_version
        if not yes:
            click.confirm(f"Undo every migration above {target:04}?", abort=True, err=True)
        run(_down(opened, target))


@migrate.command()
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def status(as_json: bool) -> None:
    """List the migrations: applied, pending, modified or unknown. Exit code 1 unless all are
    applied.

    \b
    Example:  voxanne migrate status --json
    """
    with deployment() as opened:
        states = run(_states(opened))
        print_rows([asdict(state) for state in states], as_json=as_json)
    if any(state.state != "applied" for state in states):
        sys.exit(1)


async def _states(opened: Deployment) -> list[MigrationState]:
    async with opened.owner() as connection:
        return await migration_states(connection)


async def _down(opened: Deployment, target: int) -> None:
    async with opened.owner() as connection:
        await migrate_down(connection, target, say)


@cli.group()
def db() -> None:
    """The deployment's database."""


@db.command()
def url() -> None:
    """Print the database's address, as its owner. It may hold a password.

    The embedded server runs only while a process uses it; start `voxanne serve` to keep it up.

    \b
    Example:  voxanne db url

    \b
    As an argument it would show in the list of processes, password and all: `voxanne psql` passes
    it aside. For other programs: PGPASSWORD, or ~/.pgpass.
    """
    with deployment() as opened:
        click.echo(opened.owner_url)


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Run psql on the deployment's database, as its owner.

    \b
    Example:  voxanne psql -c 'SELECT name FROM organizations'
    """
    with deployment() as opened:
        own = opened.embedded.bin_dir / "psql" if opened.embedded else shutil.which("psql")
        if own is None:
            raise click.ClickException("There is no psql here: install PostgreSQL's client.")
        address, password = without_password(opened.owner_url)
        # In the list of processes everybody of this machine reads the arguments.
        environment = os.environ | ({"PGPASSWORD": password} if password else {})
        done = subprocess.run([str(own), address, *arguments], env=environment, check=False)
    sys.exit(done.returncode)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def config(as_json: bool) -> None:
    """List every setting: its variable, value, default and meaning. Secrets are not shown.

    \b
    Example:  VOXANNE_PORT=8080 voxanne config
    """
    settings = load_settings()
    rows = [_setting(settings, field) for field in Settings.model_fields]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        mark = "" if row["value"] == row["default"] else f"  [bold]now {row['value']}[/bold]"
        console().print(
            f"[cyan]{row['variable']}[/cyan] = {row['default'] or '(none)'}{mark}\n"
            f"    {row['meaning']}"
        )


def _setting(settings: Settings, field: str) -> dict[str, str]:
    described = Settings.model_fields[field]
    return {
        "variable": variable_name(field),
        "value": _shown(getattr(settings, field)),
        "default": _shown(described.default),
        "meaning": described.description or "",
    }


def _shown(value: object) -> str:
    """Secrets print as stars by themselves."""
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return "" if value is None else str(value)
