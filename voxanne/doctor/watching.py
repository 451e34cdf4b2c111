"""Round after round for a while, as after a deploy: what changes is told, a failure that stays ends
it.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Report, Result
from voxanne.doctor.rounds import CHECKS, capabilities, examine


@dataclass(frozen=True, slots=True)
class Pace:
    """`pause_seconds`: between rounds, or four times as long as one takes. `again_seconds`: before
    a failed check is looked at again: a process that was just being replaced is back by then.
    """

    pause_seconds: float = 60.0
    again_seconds: float = 10.0


PACE: Final = Pace()


async def watch(
    scene: Examination,
    only: Collection[str],
    seconds: float,
    tell: Callable[[Result], None],
    told: Callable[[Report], None],
    pace: Pace = PACE,
) -> Report:
    """Until `seconds` are over, or a check failed twice running: the last round's report.

    `tell` is told of every check at first, then of those whose state changed; `told` of each round.
    """
    ends = time.monotonic() + seconds
    names = [name for name in CHECKS if not only or name in only]
    known: dict[str, Result] = {}

    async def look(some: Collection[str]) -> Report:
        report = await examine(scene, some)
        for result in report.results:
            before = known.get(result.name)
            known[result.name] = result
            if before is None or before.finding.state is not result.finding.state:
                tell(result)
        ordered = [known[name] for name in names]
        whole = Report(ordered, capabilities(ordered))
        told(whole)
        return whole

    last = False
    wanted = names
    while True:
        began = time.monotonic()
        report = await look(wanted)
        if report.failed:
            await asyncio.sleep(pace.again_seconds)
            report = await look(report.failed)
        if report.failed or last:
            return report
        took = time.monotonic() - began
        left = ends - time.monotonic()
        await asyncio.sleep(max(0.0, min(max(pace.pause_seconds, 4 * took), left)))
        last = time.monotonic() >= ends
        # Vendors count how often they are asked.
        wanted = [name for name in names if last or not CHECKS[name].asks_vendors] or names
