"""`validate`, `stress`, `bench`: proof on demand."""

import contextlib
import json
import sys
from collections.abc import Coroutine, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from voxanne.cli.judging import judge_database, print_findings
from voxanne.cli.root import (
    cli,
    deployment,
    load_settings,
    migrate_if_embedded,
    print_rows,
    run_to_its_end,
    say,
)
from voxanne.cli.storming import given, plan_of, print_report, workload_options
from voxanne.config import Settings
from voxanne.deployment import Deployment
from voxanne.stress.bench import MEASUREMENTS, Report, run_bench
from voxanne.stress.diary_data import APPOINTMENTS_MIN
from voxanne.stress.evidence import Criterion
from voxanne.stress.figure import Figure
from voxanne.stress.race import (
    CALLERS_MAX,
    CONNECTIONS,
    Race,
    race_in_database,
    race_over_http,
    race_with_key,
)
from voxanne.stress.scratch import ProofError, Target
from voxanne.stress.validate import validate as run_validation
from voxanne.stress.workload.run import run_workload

APPOINTMENTS = 200_000
SCALE_APPOINTMENTS = 10_000_000

Value = TypeVar("Value")


@cli.command()
@click.option("--url", help="also over HTTP: the address of the API on this database")
@click.option("-v", "--verbose", is_flag=True, help="show every check, not only what failed")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def validate(url: str | None, verbose: bool, as_json: bool) -> None:
    """Prove the four criteria: normalisation, date prevention, atomic conflict, tenant isolation.

    Works in two scratch clinics, which are deleted again, so it may run on a database in use.
    Exit code 0 only for 4/4.

    \b
    Example:  voxanne validate --url http://127.0.0.1:3001
    """
    settings = load_settings(quiet=True)

    def report(criterion: Criterion) -> None:
        if not as_json:
            _print_criterion(criterion, verbose=verbose)

    with _proving(settings) as target:
        criteria = _run(
            run_validation(
                target,
                url,
                date_correction_days_max=settings.date_correction_days_max,
                report=report,
            )
        )
    passed = sum(criterion.passed for criterion in criteria)
    if as_json:
        rows = [_criterion_as_json(criterion) for criterion in criteria]
        click.echo(json.dumps({"passed": passed, "total": len(criteria), "criteria": rows}))
    else:
        click.echo(f"{passed}/{len(criteria)}")
    if passed != len(criteria):
        sys.exit(1)


@cli.command()
@click.option(
    "--requests", type=click.IntRange(1, CALLERS_MAX), default=10, show_default=True, help="callers"
)
@click.option("--connections", type=click.IntRange(1, 150), default=CONNECTIONS, show_default=True)
@click.option("--url", help="race over HTTP: the address of the API")
@click.option("--key", help="race in the clinic of this API key, not in a scratch clinic; --url")
@click.option(
    "--oracle", is_flag=True, help="only look at this deployment's database for what can't be"
)
@workload_options
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def stress(
    requests: int,
    connections: int,
    url: str | None,
    key: str | None,
    oracle: bool,
    workload: bool,
    seed: int | None,
    minutes: float,
    rate: float,
    clinics: int,
    chaos: bool,
    journal: Path | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Let callers race for one slot: one may have it, and the table must say the same.

    Exit code 0 only if exactly one booked, all others got SLOT_UNAVAILABLE, and one live
    appointment, one lead and one event are stored. With --key the winner's appointment stays in
    that clinic's diary, and the table is checked only where its database is at hand.

    --workload: many clinics and callers do everything at once, over HTTP, on a PostgreSQL, API
    processes and workers of its own; with --chaos these are killed, restarted and paused meanwhile.
    Afterwards an oracle looks for what can't be (docs/how-to/stress.md). Exit code 0 only if it
    finds nothing, no answer was an internal error, and the rate could be kept up.

    --oracle: that oracle alone, on this deployment's database, which it only reads; with --journal
    it is held against what callers saw as well.

    \b
    Examples:
      voxanne stress --requests 500
      voxanne stress --oracle
      voxanne stress --requests 100 --url http://127.0.0.1:3001
      voxanne stress --workload --chaos
      voxanne stress --workload --chaos --seed 7 --minutes 20 --rate 90 --journal seen.jsonl
    """
    _refuse_mixtures(oracle=oracle, workload=workload)
    if oracle:
        with _database_at_hand(load_settings(quiet=True)) as at_hand:
            findings = _run(judge_database(at_hand, journal))
        print_findings(findings, as_json=as_json)
        sys.exit(1 if any(finding.count for finding in findings) else 0)
    if workload:
        plan = plan_of(seed, minutes, rate, clinics, chaos=chaos)
        report = _run(run_workload(plan, progress=say, journal=journal, keep=keep))
        print_report(report, as_json=as_json)
        sys.exit(0 if report.passed else 1)
    if key is not None and url is None:
        raise click.UsageError("--key needs --url: it is shown to the API.")
    settings = load_settings(quiet=True)
    if url is not None and key is not None:
        with _database_at_hand(settings) as at_hand:
            found = _run(race_with_key(at_hand, url, key, requests, connections))
        if found.outcomes["booked"]:
            say(f"The appointment at {found.slot:%Y-%m-%d %H:%M} UTC stays in the diary.")
    else:
        with _proving(settings) as target:
            if url is None:
                found = _run(race_in_database(target, requests, connections))
            else:
                found = _run(race_over_http(target, url, requests, connections))
    _print_race(found, as_json=as_json)
    if not found.passed:
        sys.exit(1)


@cli.command()
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 300),
    default=10,
    show_default=True,
    help="how long each measurement takes",
)
@click.option(
    "--only",
    type=click.Choice(list(MEASUREMENTS)),
    multiple=True,
    help="only this measurement; may be repeated",
)
@click.option(
    "--memory-bookings",
    type=click.IntRange(1, 900_000),
    default=100_000,
    show_default=True,
    help="bookings over HTTP before the API's memory is read",
)
@click.option(
    "--appointments",
    type=click.IntRange(APPOINTMENTS_MIN, 50_000_000),
    help=f"in the large diary; the small one has {APPOINTMENTS_MIN:,}; of `scale` a thousand "
    f"a clinic, against a hundredth as many clinics  [default: {APPOINTMENTS:,}; "
    f"{SCALE_APPOINTMENTS:,} with --scale]",
)
@click.option("--scale", is_flag=True, help="only `scale`, of ten million appointments")
@click.option("--strict", is_flag=True, help="exit code 1 when a target isn't met")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def bench(
    seconds: float,
    only: tuple[str, ...],
    memory_bookings: int,
    appointments: int | None,
    scale: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Measure this machine: bookings in SQL and over HTTP, latency, a crowd on one slot, memory,
    the start, phone calls a second; and in a small and a large diary availability, refusals with
    alternatives, holds, reschedules, and whether more clinics slow anything down.

    Works in scratch databases on the deployment's server, dropped afterwards; ten million
    appointments take 10 GB of disk, with --scale 17 GB. Slow is no failure (but see --strict); a
    lost, refused or double booking is, with exit code 1.

    \b
    Examples:
      voxanne bench
      voxanne bench --only bookings --seconds 30
      voxanne bench --only availability --appointments 10000000
      voxanne bench --scale
    """
    with deployment(load_settings(quiet=True)) as opened:
        report = _run(
            run_bench(
                opened.owner_url,
                opened.embedded.superuser_url if opened.embedded else None,
                seconds=seconds,
                memory_bookings=memory_bookings,
                appointments=appointments or (SCALE_APPOINTMENTS if scale else APPOINTMENTS),
                only=("scale", *only) if scale else only,
                progress=say,
            )
        )
    _print_report(report, as_json=as_json)
    if report.wrong or (strict and not report.all_met):
        sys.exit(1)


def _refuse_mixtures(*, oracle: bool, workload: bool) -> None:
    """An option that would be ignored was meant."""
    race = given("requests", "connections", "url", "key")
    load = given("seed", "minutes", "rate", "clinics", "chaos", "keep")
    journal = given("journal")
    if oracle and (workload or race or load):
        raise click.UsageError("--oracle looks at what is there: it takes --journal alone.")
    if workload and race:
        raise click.UsageError(f"{race[0]} is for callers who race, not for --workload.")
    if not workload and not oracle and (load or journal):
        raise click.UsageError(f"{(load + journal)[0]} is for --workload.")


def _print_criterion(criterion: Criterion, *, verbose: bool) -> None:
    good = sum(check.passed for check in criterion.checks)
    counted = f"{len(criterion.checks)} checks"
    click.echo(
        f"{_mark(criterion.passed)} {criterion.name:<17} "
        f"{counted if criterion.passed else f'{good} of {counted}'}"
    )
    for check in criterion.checks:
        if not check.passed:
            click.echo(f"    {_mark(False)} {check.name}")
            click.echo(f"        expected  {check.expected}\n        seen      {check.seen}")
        elif verbose:
            click.echo(f"    {_mark(True)} {check.name}: {check.seen}")


def _criterion_as_json(criterion: Criterion) -> dict[str, object]:
    checks = [{**asdict(check), "passed": check.passed} for check in criterion.checks]
    return {"name": criterion.name, "passed": criterion.passed, "checks": checks}


def _print_race(found: Race, *, as_json: bool) -> None:
    if as_json:
        stored = asdict(found.stored) if found.stored else None
        click.echo(
            json.dumps(
                {
                    "passed": found.passed,
                    "outcomes": dict(found.outcomes),
                    "stored": stored,
                    "unchecked": found.unchecked,
                    "slot": found.slot.isoformat(),
                    "seconds": round(found.seconds, 3),
                }
            )
        )
        return
    click.echo(found.summary)
    if found.stored is None:
        click.echo(f"The table was not checked: {found.unchecked}.")
    else:
        click.echo(f"{_mark(found.stored.agrees)} in the table: {found.stored}")
    say(f"{found.outcomes.total()} callers in {found.seconds:.2f} s")


def _print_report(report: Report, *, as_json: bool) -> None:
    if as_json:
        figures = {
            name: [{**asdict(figure), "met": figure.met} for figure in some]
            for name, some in report.figures.items()
        }
        click.echo(
            json.dumps({"machine": report.machine, "figures": figures, "wrong": report.wrong})
        )
        return
    click.echo(", ".join(f"{name} {value}" for name, value in report.machine.items()) + "\n")
    print_rows(
        [_figure_as_row(figure) for some in report.figures.values() for figure in some],
        as_json=False,
    )
    for wrong in report.wrong:
        click.echo(f"{_mark(False)} {wrong}")


def _figure_as_row(figure: Figure) -> dict[str, object]:
    side = "≥" if figure.at_least else "≤"
    shown = [f"{name} {value}" for name, value in figure.detail.items()]
    return {
        "figure": figure.name,
        "value": f"{figure.value:.4g} {figure.unit}".strip(),
        "target": None if figure.target is None else f"{side} {figure.target:g} {figure.unit}",
        "met": {True: "✓", False: "✗", None: None}[figure.met],
        "detail": ", ".join(shown),
    }


def _mark(passed: bool) -> str:
    return click.style("✓", fg="green") if passed else click.style("✗", fg="red", bold=True)


@contextlib.contextmanager
def _proving(settings: Settings) -> Iterator[Target]:
    """The deployment's database, migrated if it is our own."""
    with deployment(settings) as opened:
        migrate_if_embedded(opened)
        yield _target(opened)


@contextlib.contextmanager
def _database_at_hand(settings: Settings) -> Iterator[Target | None]:
    """The deployment's database, unless there is none: a new one would know nothing."""
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        yield None
        return
    with deployment(settings) as opened:
        yield _target(opened)


def _target(opened: Deployment) -> Target:
    own_login = opened.settings.api_database_url
    return Target(opened.owner_url, own_login.get_secret_value() if own_login else None)


def _run(proof: Coroutine[Any, Any, Value]) -> Value:
    try:
        return run_to_its_end(proof)
    except ProofError as error:
        raise click.ClickException(str(error)) from None
