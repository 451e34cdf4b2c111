"""Begins the steps by the clock, whoever is still waiting, and tells how it goes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from voxanne.stress.figure import Progress
from voxanne.stress.workload import bookings, changes, misuse, waiting
from voxanne.stress.workload.desk import Desk
from voxanne.stress.workload.plan import Plan, Step
from voxanne.stress.workload.requests import BUSY, INTERNAL

IN_FLIGHT_MAX: Final = 96  # requests; more would only queue
STEPS_MAX: Final = 400  # callers at once, those included who only think
LATE_SHARE_MAX: Final = 1.25  # of the planned time; then the rest of the plan is left
POLL_SECONDS: Final = 0.01
REPORT_SECONDS: Final = 5.0
FINISH_SECONDS_MAX: Final = 90.0

Play = Callable[[Desk, Step], Awaitable[None]]
PLAYS: Final[Mapping[str, Play]] = {
    "check": bookings.check,
    "book": bookings.plain_book,
    "hold_book": bookings.hold_book,
    "hold_leave": bookings.hold_leave,
    "retry": bookings.retry,
    "duplicate": bookings.duplicate,
    "twins": bookings.twins,
    "race": bookings.race,
    "idempotency": bookings.idempotency,
    "cancel_race": changes.cancel_race,
    "move_race": changes.move_race,
    "move": changes.move,
    "cancel": changes.cancel,
    "staff_move": changes.staff_move,
    "staff_cancel": changes.staff_cancel,
    "staff_overbook": changes.staff_overbook,
    "staff_soon": changes.staff_soon,
    "staff_mark": changes.staff_mark,
    "waitlist": waiting.waitlist,
    "foreign": misuse.foreign,
    "nonsense": misuse.nonsense,
    "read": misuse.read,
    "lookup": misuse.lookup,
}


class Load:
    """Runs a plan's steps. `started` is a moment of time.monotonic, `seconds` how long it took."""

    def __init__(
        self, plan: Plan, desk: Desk, progress: Progress, faults: Callable[[], tuple[int, int]]
    ) -> None:
        self.desk = desk
        self.started = 0.0
        self.seconds = 0.0
        self._plan = plan
        self._progress = progress
        self._faults = faults
        self._running: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        self.started = self.desk.started = time.monotonic()

    async def run(self, steps: Iterable[Step]) -> None:
        """Until the last caller has hung up. Raises what a step raises, which is a bug of ours."""
        reporting = asyncio.create_task(self._report())
        try:
            for step in steps:
                await self._until(self.started + step.due)
                if time.monotonic() - self.started > LATE_SHARE_MAX * self._plan.seconds:
                    break
                self._begin(step)
            self.seconds = time.monotonic() - self.started
            await self._finish()
        finally:
            reporting.cancel()
            for task in self._running:
                task.cancel()
            await asyncio.gather(reporting, *self._running, return_exceptions=True)

    async def _until(self, due: float) -> None:
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        while self._is_full():  # noqa: ASYNC110 (two limits)
            await asyncio.sleep(POLL_SECONDS)

    def _is_full(self) -> bool:
        return len(self._running) >= STEPS_MAX or self.desk.tally.in_flight >= IN_FLIGHT_MAX

    def _begin(self, step: Step) -> None:
        task = asyncio.create_task(self._play(step))
        self._running.add(task)
        task.add_done_callback(self._ended)

    async def _play(self, step: Step) -> None:
        await PLAYS[step.kind](self.desk, step)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.desk.wrong("harness_failed", None, f"{type(error).__name__}: {error}")

    async def _finish(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=FINISH_SECONDS_MAX)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self._progress(self._line())

    def _line(self) -> str:
        tally, elapsed = self.desk.tally, time.monotonic() - self.started
        kills, faults = self._faults()
        return (
            f"[{elapsed:4.0f} s] {tally.operations:,} operations, "
            f"{tally.operations / elapsed:.0f}/s, {tally.in_flight} in flight, "
            f"{faults} faults ({kills} kills), {tally.of_outcome(None)} without answer, "
            f"{tally.of_outcome(BUSY)} BUSY, {tally.of_outcome(INTERNAL)} INTERNAL_ERROR, "
            f"{len(self.desk.anomalies)} anomalies so far"
        )
