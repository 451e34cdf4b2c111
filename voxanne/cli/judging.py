"""`voxanne stress --oracle`: what the oracle says of the deployment's own database."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from voxanne.stress.oracle import Finding, Journal, judge
from voxanne.stress.scratch import ProofError, Target


async def judge_database(target: Target | None, journal: Path | None) -> list[Finding]:
    """`journal`: a workload's, of this very database. Raises ProofError."""
    if target is None:
        raise ProofError("There is no database here yet.")
    seen = _read(journal) if journal is not None else None
    async with target.owner() as owner:
        return await judge(owner, seen)


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """A line for each rule, what it looked at, and what it found."""
    wrong = sum(finding.count for finding in findings)
    if as_json:
        click.echo(json.dumps({"anomalies": wrong, "rules": [_as_json(one) for one in findings]}))
        return
    width = max(len(finding.rule) for finding in findings)
    for finding in findings:
        mark = click.style("✗", fg="red", bold=True) if finding.count else _TICK
        counted = f"{finding.looked:>9,} looked at"
        said = f"{counted}, {finding.count:,} wrong" if finding.count else counted
        click.echo(f"{mark} {finding.rule:<{width}} {said}")
        for anomaly in finding.anomalies:
            click.echo(f"    {anomaly.org_id or 'no one clinic'}: {anomaly.what}")
        if finding.count > len(finding.anomalies):
            click.echo(f"    and {finding.count - len(finding.anomalies):,} more")
    click.echo(f"{wrong:,} anomalies by {len(findings)} rules")


_TICK = click.style("✓", fg="green")


def _read(journal: Path) -> Journal:
    try:
        return Journal.from_file(journal)
    except (OSError, ValueError) as error:
        raise ProofError(str(error)) from None


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "looked_at": finding.looked,
        "anomalies": finding.count,
        "first": [
            {"org_id": str(one.org_id) if one.org_id else None, "what": one.what}
            for one in finding.anomalies
        ],
    }
