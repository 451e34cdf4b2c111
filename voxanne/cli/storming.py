"""`stress --workload`: its options, and what it prints."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from voxanne.stress.workload.plan import Plan
from voxanne.stress.workload.report import Report

CLINICS_MAX: Final = 200
RATE_MAX: Final = 2_000.0
MINUTES_MAX: Final = 24 * 60.0
SEED_BELOW: Final = 1_000_000
_OPTIONS: Final = (
    click.option(
        "--workload", is_flag=True, help="many clinics and callers, on a server of its own"
    ),
    click.option(
        "--seed", type=click.IntRange(0), help="what the workload does  [default: by chance]"
    ),
    click.option(
        "--minutes",
        type=click.FloatRange(0.05, MINUTES_MAX),
        default=2.0,
        show_default=True,
        help="how long the load lasts",
    ),
    click.option(
        "--rate",
        type=click.FloatRange(0.5, RATE_MAX),
        default=60.0,
        show_default=True,
        help="operations a second, begun by the clock",
    ),
    click.option(
        "--clinics",
        type=click.IntRange(1, CLINICS_MAX),
        default=20,
        show_default=True,
        help="how many; fewer get in each other's way more",
    ),
    click.option(
        "--chaos",
        is_flag=True,
        help="meanwhile kill, stop and pause API processes, workers and PostgreSQL",
    ),
    click.option(
        "--journal",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        help="write what callers saw here, a line of JSON per operation",
    ),
    click.option("--keep", is_flag=True, help="keep the workload's logs, journal and database"),
)


def workload_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given(*names: str) -> list[str]:
    """Those of these options that were typed."""
    context = click.get_current_context()
    typed = click.core.ParameterSource.COMMANDLINE
    return [f"--{name}" for name in names if context.get_parameter_source(name) is typed]


def plan_of(seed: int | None, minutes: float, rate: float, clinics: int, *, chaos: bool) -> Plan:
    chosen = secrets.randbelow(SEED_BELOW) if seed is None else seed
    return Plan(chosen, 60 * minutes, rate, clinics, chaos)


def print_report(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.as_json()))
        return
    for line in report.lines():
        click.echo(line)
