"""Carries the planned faults out, one after the other, and sees that what was killed runs again."""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from voxanne.stress.workload.plan import KILLS, Fault, FaultKind
from voxanne.stress.workload.processes import Kept
from voxanne.stress.workload.server import Server

WAIT_SECONDS_MAX: Final = 40.0  # for another to be up; then the fault is left out
POLL_SECONDS: Final = 0.05
SESSIONS_ENDED: Final = 4


@dataclass(slots=True)
class Chaos:
    """`done`: faults by kind. `late_seconds`: how far behind the plan the last one was. `stop`:
    what is left of the plan isn't begun.
    """

    server: Server
    apis: Sequence[Kept]
    workers: Sequence[Kept]
    done: Counter[FaultKind] = field(default_factory=Counter)
    late_seconds: float = 0.0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)
    _busy: set[str] = field(default_factory=set)

    @property
    def kills(self) -> int:
        return sum(count for kind, count in self.done.items() if kind in KILLS)

    async def run(self, faults: Iterable[Fault], started: float) -> None:
        """Each at its time, or as soon after it as there is something to do it to. Raises
        ProofError when something doesn't come back.
        """
        for fault in faults:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), started + fault.due - time.monotonic())
            if self.stop.is_set():
                break
            await self._inject(fault)
            self.late_seconds = max(0.0, time.monotonic() - started - fault.due)
            self._reap()

    async def settle(self) -> None:
        """Wait until all that was stopped runs again."""
        while self._under_way:
            await asyncio.wait(self._under_way)
            self._reap()

    def _reap(self) -> None:
        for task in [task for task in self._under_way if task.done()]:
            self._under_way.discard(task)
            task.result()

    async def _inject(self, fault: Fault) -> None:
        kind = fault.kind
        if kind.startswith("api"):
            await self._to_process(fault, self.apis)
        elif kind.startswith("worker"):
            await self._to_process(fault, self.workers)
        elif kind in ("postgres crashed", "postgres restarted"):
            await self.server.restart(
                signal.SIGQUIT if kind == "postgres crashed" else signal.SIGINT
            )
            self.done[kind] += 1
        else:
            await self._to_sessions(fault)

    async def _to_process(self, fault: Fault, kept: Sequence[Kept]) -> None:
        """To one that is up; of the API while another one is, so that somebody serves."""
        needed = 2 if kept is self.apis and len(kept) > 1 else 1
        until = time.monotonic() + WAIT_SECONDS_MAX
        while not self.stop.is_set():
            ready = [one for one in kept if one.is_up and one.name not in self._busy]
            if len(ready) >= needed:
                break
            self._reap()
            if time.monotonic() > until:
                return
            await asyncio.sleep(POLL_SECONDS)
        else:
            return
        victim = ready[fault.target % len(ready)]
        self._busy.add(victim.name)
        self._under_way.add(asyncio.create_task(self._do(fault, victim)))
        self.done[fault.kind] += 1

    async def _do(self, fault: Fault, victim: Kept) -> None:
        try:
            if fault.kind.endswith("paused"):
                victim.signal(signal.SIGSTOP)
                try:
                    await asyncio.sleep(fault.seconds)
                finally:
                    victim.signal(signal.SIGCONT)
                return
            killed = fault.kind.endswith("killed")
            await victim.end(signal.SIGKILL if killed else signal.SIGTERM)
            await victim.start()
        finally:
            self._busy.discard(victim.name)

    async def _to_sessions(self, fault: Fault) -> None:
        pids = await self.server.sessions()
        if not pids:
            return
        pid = pids[fault.target % min(len(pids), SESSIONS_ENDED)]
        match fault.kind:
            case "postgres sessions ended":
                await self.server.end_sessions(pids[:SESSIONS_ENDED])
            case "postgres backend killed":  # the server takes that for a crash of its own
                _send(pid, signal.SIGKILL)
            case "postgres session paused":
                _send(pid, signal.SIGSTOP)
                self._under_way.add(asyncio.create_task(_resume(pid, fault.seconds)))
        self.done[fault.kind] += 1


async def _resume(pid: int, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        _send(pid, signal.SIGCONT)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
