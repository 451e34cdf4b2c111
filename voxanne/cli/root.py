"""`voxanne`: the group, and what every command needs: settings, output, a deployment."""

import asyncio
import contextlib
import importlib
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import asyncpg
import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from voxanne import __version__
from voxanne.config import Settings, variable_name
from voxanne.deployment import ClockError, Deployment, open_deployment, prepare_database
from voxanne.log import configure_logging
from voxanne.postgres.embedded import EmbeddedPostgresError
from voxanne.postgres.migrate import MigrationError
from voxanne.postgres.organizations import OrganizationError, find_organization

Value = TypeVar("Value")

# What went wrong in words an operator can act on; anything else is a bug and shows its trace.
EXPECTED_ERRORS = (
    EmbeddedPostgresError,
    MigrationError,
    ClockError,
    OrganizationError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
)


ACTOR: Final = "command line"  # as the audit log has it
ORGANIZATION = click.argument("organization", metavar="ORG")

# Command → the modules that register it and what is in its group. Only those of the command that is
# called are loaded: nobody who lists clinics waits for a web framework.
COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "alert": ("alerts",),
    "audit": ("privacy",),
    "bench": ("proof",),
    "calendar": ("calendars", "calendar_feeds", "caldav"),
    "call": ("calling",),
    "config": ("database",),
    "db": ("database",),
    "delivery": ("delivering",),
    "demo": ("serving",),
    "doctor": ("doctoring",),
    "erase": ("privacy",),
    "export": ("privacy",),
    "import": ("importing",),
    "line": ("tenants",),
    "migrate": ("database",),
    "org": ("tenants", "configuring"),
    "psql": ("database",),
    "secret": ("tenants",),
    "serve": ("serving",),
    "sms": ("texting",),
    "staff": ("staff",),
    "stress": ("proof",),
    "validate": ("proof",),
    "vapi": ("vapi",),
    "webhook": ("webhooks",),
    "worker": ("working",),
}


def load_commands(*names: str) -> None:
    """Register these commands, or all of them."""
    for name in names or COMMANDS:
        for module in COMMANDS.get(name, ()):
            importlib.import_module(f"voxanne.cli.{module}")


class Group(click.Group):
    """Loads a command when it is wanted. Turns expected errors into one line on standard error and
    exit code 1."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        load_commands(cmd_name)
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError) as error:
            raise click.ClickException(
                f"The database's schema isn't this release's ({error}): run `voxanne migrate up`."
            ) from error
        except EXPECTED_ERRORS as error:
            raise click.ClickException(f"{error}" or type(error).__name__) from error


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings come from VOXANNE_* and .env; `voxanne config` lists them.",
)
@click.version_option(__version__, prog_name="voxanne")
def cli() -> None:
    """The system of record behind a clinic's telephone: books each appointment exactly once.

    \b
    Try it:      voxanne demo
    Run it:      voxanne migrate up && voxanne serve
    """


def load_settings(*, quiet: bool = False) -> Settings:
    """The settings, or a message that names each wrong variable and exit code 2.

    `quiet`: log only what is wrong, unless the operator chose a level.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            field = str(problem["loc"][0]) if problem["loc"] else ""
            variable = variable_name(field) if field in Settings.model_fields else field
            lines.append(f"{variable}: {problem['msg']}".lstrip(": "))
        raise click.UsageError("Wrong settings:\n  " + "\n  ".join(lines)) from None
    chosen = "log_level" in settings.model_fields_set
    configure_logging("warning" if quiet and not chosen else settings.log_level)
    return settings


def run(coroutine: Coroutine[Any, Any, Value]) -> Value:
    return asyncio.run(coroutine)


def run_to_its_end(work: Coroutine[Any, Any, Value]) -> Value:
    """Ctrl-C and SIGTERM stop it, and it still cleans up."""

    async def stoppable() -> Value:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return run(stoppable())
    except asyncio.CancelledError:
        raise click.Abort from None


def say(message: str) -> None:
    """A progress line for people, kept apart from what a program reads on standard output."""
    click.echo(message, err=True)


@contextlib.contextmanager
def deployment(settings: Settings | None = None) -> Iterator[Deployment]:
    """The deployment an operator's command works on. Progress goes to standard error."""
    with open_deployment(settings or load_settings(), progress=say) as opened:
        yield opened


def on_organization(
    said: str, work: Callable[[asyncpg.Connection, Any], Coroutine[Any, Any, Value]]
) -> Value:
    """Run `work` with the owner's connection and the organization an operator named."""

    async def find_and_work(opened: Deployment) -> Value:
        async with opened.owner() as connection:
            return await work(connection, await find_organization(connection, said))

    with deployment() as opened:
        migrate_if_embedded(opened)
        return run(find_and_work(opened))


def migrate_if_embedded(opened: Deployment) -> None:
    """Nobody has to migrate a database that we run ourselves."""
    if opened.embedded is not None:
        run(prepare_database(opened))


def print_rows(rows: list[dict[str, object]], *, as_json: bool) -> None:
    """Records, as a table or as JSON."""
    if as_json:
        click.echo(json.dumps(rows, default=_plain))
        return
    if not rows:
        click.echo("none")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in rows[0]:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_plain(value) for value in row.values()))
    console().print(table)


def console() -> Console:
    width = None if sys.stdout.isatty() else 140
    return Console(width=width, highlight=False)


def _plain(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
