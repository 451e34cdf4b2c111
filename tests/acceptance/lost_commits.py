"""By hand, as crashes take their time: that the workload would see an acknowledged booking
get lost. With `synchronous_commit` off a crash loses the newest; with it on, as shipped, none.

    .venv/bin/pytest tests/acceptance/lost_commits.py
"""

from pathlib import Path

import asyncpg
import pytest

from voxanne.stress.workload.plan import Fault, Plan
from voxanne.stress.workload.run import run_workload

CRASHES = [Fault(5.0 + 7.0 * number, "postgres crashed", 0, 0.0) for number in range(8)]


@pytest.mark.parametrize("durable", [True, False], ids=["on", "off"])
async def test_a_lost_booking_is_found(durable: bool, tmp_path: Path) -> None:
    async def before(owner: asyncpg.Connection) -> None:
        if not durable:  # for new sessions: those after the first crash
            await owner.execute("ALTER DATABASE voxanne SET synchronous_commit = off")

    said: list[str] = []
    report = await run_workload(
        Plan(seed=11, seconds=65.0, rate=60.0, clinics=20, chaos=False),
        progress=said.append,
        journal=tmp_path / "journal.jsonl",
        before=before,
        faults=CRASHES,
    )
    rules = {anomaly.rule for anomaly in report.anomalies}
    assert ("acknowledged_and_lost" in rules) is not durable, list(report.lines())
    assert durable is (rules == set())
    assert report.faults["postgres crashed"] >= 5
