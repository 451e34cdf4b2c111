"""`doctor`: is this deployment ready for a clinic, and does it stay so?"""

import contextlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from voxanne.cli.root import EXPECTED_ERRORS, cli, deployment, load_settings, run_to_its_end, say
from voxanne.config import Settings
from voxanne.doctor import CHECKS, Examination, Report, Result, State, examine
from voxanne.doctor.finding import Finding
from voxanne.doctor.watching import watch

MARKS: Final[Mapping[State, tuple[str, str]]] = {
    State.OK: ("✓", "green"),
    State.WARN: ("!", "yellow"),
    State.FAILED: ("✗", "bold red"),
    State.OFF: ("–", "bright_black"),
}
LABELS: Final = {
    "booking": "booking",
    "sms": "SMS",
    "calendar": "calendar",
    "email": "e-mail",
    "dashboard": "dashboard",
}
NAME_WIDTH: Final = max(map(len, CHECKS))
_DURATION: Final = re.compile(r"(\d+)(s|m|h)")
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600}
DURATION_SECONDS_MAX: Final = 24 * 3_600


class Duration(click.ParamType[float]):
    """`90s`, `30m`, `1h`, `1h30m`: as seconds, at least one and at most a day's."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, int | float):
            return float(value)
        parts = _DURATION.findall(value)
        seconds = sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)
        if "".join(number + unit for number, unit in parts) != value or not seconds:
            self.fail(f"{value!r} isn't a time such as 90s, 30m or 1h30m.", param, ctx)
        if seconds > DURATION_SECONDS_MAX:
            self.fail("a day (24h) is the longest.", param, ctx)
        return float(seconds)


@cli.command()
@click.option("--url", help="where the API answers  [default: VOXANNE_PUBLIC_URL, or the own port]")
@click.option(
    "--only",
    type=click.Choice(list(CHECKS)),
    multiple=True,
    metavar="CHECK",
    help="only this check; may be repeated",
)
@click.option("--watch", "seconds", type=Duration(), help="look again and again for so long: 30m")
@click.option("--json", "as_json", is_flag=True, help="print JSON; with --watch a line per round")
def doctor(url: str | None, only: tuple[str, ...], seconds: float | None, *, as_json: bool) -> None:
    """Is this deployment ready for a clinic? One line per check, with what to do beside it.

    Changes nothing, but that it books an appointment in a clinic of its own, which it deletes, and
    renews Google's tokens as the worker does. What no clinic uses is off, not failed. Exit code 1
    when a check failed.

    With --watch, for the time after a deploy: shows what changes, and ends with exit code 1 as soon
    as a check has failed in two looks running.

    \b
    Examples:
      voxanne doctor
      voxanne doctor --only backups --only disk
      voxanne doctor --watch 30m --url https://booking.example.com
    """
    shown = Shown(as_json=as_json, watched=seconds is not None)
    try:
        settings = load_settings(quiet=True)
    except click.UsageError as error:
        report = _unreadable(error.format_message())
        shown.tell(report.results[0])
    else:
        with _scene(settings, url) as scene:
            if seconds is None:
                report = run_to_its_end(examine(scene, only, shown.tell))
            else:
                report = run_to_its_end(watch(scene, only, seconds, shown.tell, shown.told))
    shown.end(report)
    if not report.ready:
        sys.exit(1)


@contextlib.contextmanager
def _scene(settings: Settings, url: str | None) -> Iterator[Examination]:
    """The deployment as it is: a database that isn't there isn't made."""
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        yield Examination(settings, None, url)
        return
    with contextlib.ExitStack() as stack:
        try:
            owner_url = stack.enter_context(deployment(settings)).owner_url
        except EXPECTED_ERRORS as error:
            say(f"The embedded PostgreSQL doesn't start: {error}")
            owner_url = None
        yield Examination(settings, owner_url, url)


def _unreadable(message: str) -> Report:
    """Nothing else can be known."""
    wrong = " ".join(line.strip() for line in message.splitlines()[1:])
    finding = Finding(State.FAILED, wrong, "correct it in the environment or .env")
    return Report([Result("settings", finding)], {})


class Shown:
    """What is printed as it comes. For people: a line per check, in colour where there is a
    terminal, then how each capability stands. For programs: a line of JSON per report.
    """

    def __init__(self, *, as_json: bool, watched: bool) -> None:
        self.as_json = as_json
        self.watched = watched
        self.console = Console(highlight=False)

    def tell(self, result: Result) -> None:
        if self.as_json:
            return
        mark, style = MARKS[result.finding.state]
        mark = f"{self._moment()}{mark}"
        said = Text(result.finding.detail)
        if result.finding.fix:
            said.append(f"  → {result.finding.fix}", "cyan")
        name = Text(result.name, "bright_black" if result.finding.state is State.OFF else "")
        if not self.console.is_terminal:
            line = Text(" ").join([Text(mark), Text(f"{name.plain:<{NAME_WIDTH}}"), said])
            self.console.print(line, soft_wrap=True)  # one line, for grep
            return
        row = Table.grid(padding=(0, 1))
        row.add_column(no_wrap=True)
        row.add_column(width=NAME_WIDTH, no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(Text(mark, style), name, said)
        self.console.print(row)

    def told(self, report: Report) -> None:
        """A round of a watch is over."""
        if self.as_json:
            click.echo(json.dumps({"at": datetime.now(UTC).isoformat(), **report.as_json()}))
        else:
            say(
                f"{self._moment()}looked at {len(report.results)} checks; failed: "
                f"{', '.join(report.failed) or 'none'}"
            )

    def end(self, report: Report) -> None:
        if not self.as_json:
            self.console.print(_summary(report), soft_wrap=True)
        elif not self.watched:
            click.echo(json.dumps(report.as_json()))

    def _moment(self) -> str:
        return f"{datetime.now(UTC):%H:%M:%S} " if self.watched else ""


def _summary(report: Report) -> Text:
    """`booking ready · SMS off · calendar 2 of 3 connected`"""
    parts = [
        f"{LABELS[name]} {report.capabilities[name]}"
        for name in LABELS
        if name in report.capabilities
    ]
    head = Text(
        "ready" if report.ready else f"not ready: {', '.join(report.failed)}",
        "bold green" if report.ready else "bold red",
    )
    return Text("\n") + head + Text("\n" + " · ".join(parts) if parts else "")
