"""A whole run: a server and processes of its own, the load, the faults, rest, and the oracle."""

import asyncio
import contextlib
import json
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from voxanne.postgres.migrate import migrate_up
from voxanne.stress.figure import Progress
from voxanne.stress.oracle import Anomaly, Journal, find_anomalies
from voxanne.stress.oracle.journal import JournalFile
from voxanne.stress.scratch import ProofError
from voxanne.stress.workload.chaos import Chaos
from voxanne.stress.workload.clinics import Clinic, configuration, create_clinics, read_members
from voxanne.stress.workload.desk import Desk
from voxanne.stress.workload.load import Load
from voxanne.stress.workload.plan import CLOCK, Fault, Plan, plan_faults, plan_steps
from voxanne.stress.workload.processes import Kept, create_processes
from voxanne.stress.workload.receiver import Receiver, open_receiver
from voxanne.stress.workload.report import Report, by_operation, milliseconds, was_in_time
from voxanne.stress.workload.requests import Request, read_answer, rest
from voxanne.stress.workload.server import Server
from voxanne.stress.workload.settling import count_deliveries, lost_messages, settle
from voxanne.stress.workload.wire import Wire

APIS: Final = 3
WORKERS: Final = 2
WEBHOOK_EVERY: Final = 4  # clinics
WEBHOOK_TYPES: Final = ("appointment.booked", "appointment.moved", "appointment.cancelled")

# Called with the owner's connection before the load begins.
Hook = Callable[[asyncpg.Connection], Awaitable[None]]


@dataclass(slots=True)
class Stage:
    """What a run takes place on."""

    folder: Path
    server: Server
    apis: list[Kept]
    workers: list[Kept]
    receiver: Receiver
    clinics: list[Clinic]
    wire: Wire

    @property
    def kept(self) -> list[Kept]:
        return [*self.apis, *self.workers]


async def run_workload(
    plan: Plan,
    *,
    progress: Progress,
    journal: Path | None = None,
    keep: bool = False,
    before: Hook | None = None,
    faults: Sequence[Fault] | None = None,
) -> Report:
    """Everything happens in a temporary directory, which goes unless `keep` or an anomaly makes it
    stay. `journal`: where it is written; without it, in that directory. `faults`: these in place of
    the plan's. Raises ProofError.
    """
    folder = Path(tempfile.mkdtemp(prefix="voxanne-workload-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user  # noqa: ASYNC240
    kept = True
    try:
        path = journal or folder / "journal.jsonl"
        planned = plan_faults(plan) if faults is None else faults
        report = await _run_in(folder, plan, planned, progress, path, before)
        kept = keep or bool(report.anomalies)
    except asyncio.CancelledError:
        kept = keep
        raise
    finally:
        if kept:
            progress(f"kept: {folder} (logs, journal, database)")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return report


async def _run_in(
    folder: Path,
    plan: Plan,
    faults: Iterable[Fault],
    progress: Progress,
    path: Path,
    before: Hook | None,
) -> Report:
    progress(f"seed {plan.seed}: starting PostgreSQL, {APIS} API processes, {WORKERS} workers")
    async with _open_stage(folder, plan) as stage:
        with JournalFile(path) as journal:
            desk = Desk(stage.clinics, stage.wire, journal)
            owner = await stage.server.connect()
            if before is not None:
                await before(owner)
            await owner.execute(
                "INSERT INTO clock (clock_offset) VALUES ($1::timestamptz - clock_timestamp())",
                CLOCK,
            )
            await owner.close()
            chaos = Chaos(stage.server, stage.apis, stage.workers)
            load = Load(plan, desk, progress, lambda: (chaos.kills, chaos.done.total()))
            await _put(plan, faults, load, chaos)
        progress("the load is over; what is due is delivered")
        settled = await settle(stage.server, progress)
        return await _judge(stage, plan, load, chaos, path, settled, progress)


async def _put(plan: Plan, faults: Iterable[Fault], load: Load, chaos: Chaos) -> None:
    load.begin()
    failing = asyncio.create_task(chaos.run(faults, load.started))
    loading = asyncio.create_task(load.run(plan_steps(plan)))
    try:
        await asyncio.wait({failing, loading}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()
        await loading
        chaos.stop.set()
        await failing
        await chaos.settle()
    finally:
        for task in (failing, loading):
            task.cancel()
        await asyncio.gather(failing, loading, return_exceptions=True)


async def _judge(
    stage: Stage,
    plan: Plan,
    load: Load,
    chaos: Chaos,
    path: Path,
    settled: float | None,
    progress: Progress,
) -> Report:
    tally, notes = load.desk.tally, []
    await asyncio.gather(*(one.end(signal.SIGTERM) for one in stage.kept))
    owner = await stage.server.connect()
    try:
        progress("the oracle looks at the database and the journal")
        began = time.monotonic()
        found = await find_anomalies(owner, await asyncio.to_thread(Journal.from_file, path))
        progress(f"the oracle looked for {time.monotonic() - began:.0f} s")
        lost = await lost_messages(owner, stage.receiver)
        deliveries = await count_deliveries(owner)
    finally:
        await owner.close()
    anomalies = [*load.desk.anomalies, *found, *lost, *_logged(stage)]
    if settled is None:
        anomalies.append(Anomaly("deliveries_do_not_settle", None, "something is due for too long"))
    if not was_in_time(plan, load.seconds):
        had = plan.rate * plan.seconds / load.seconds
        notes.append(f"{plan.rate:g} operations/s were wanted; this machine had {had:.0f} to give.")
    if chaos.late_seconds > 10:
        notes.append(f"the last fault came {chaos.late_seconds:.0f} s later than planned.")
    if unreachable := tally.unreachable:
        notes.append(f"{unreachable} requests found nobody listening for ten seconds.")
    return Report(
        plan=plan,
        seconds=load.seconds,
        operations=tally.operations,
        outcomes=by_operation(tally.outcomes),
        faults=dict[str, int](chaos.done.most_common()),
        cuts=dict(tally.cuts.most_common()),
        starts=sum(one.starts for one in stage.kept),
        unreachable=unreachable,
        answered_ms=milliseconds(tally.seconds),
        settled_seconds=settled or 0.0,
        deliveries=deliveries,
        anomalies=anomalies,
        notes=notes,
    )


def _logged(stage: Stage) -> list[Anomaly]:
    """Whatever a process itself called an error."""
    return [
        Anomaly("error_logged", None, f"{kept.name}: {line[:300]}")
        for kept in stage.kept
        for line in kept.errors()
    ]


@contextlib.asynccontextmanager
async def _open_stage(folder: Path, plan: Plan) -> AsyncIterator[Stage]:
    server = Server(folder)
    await asyncio.to_thread(server.embedded.start)
    try:
        owner = await server.connect()
        await migrate_up(owner)
        clinics = await create_clinics(owner, plan.seed, plan.clinics)
        await owner.close()
        apis, workers = create_processes(folder, server.url, APIS, WORKERS)
        async with open_receiver() as receiver:
            wire = Wire([api.backend for api in apis])
            stage = Stage(folder, server, apis, workers, receiver, clinics, wire)
            try:
                await asyncio.gather(*(kept.start() for kept in stage.kept))
                await _configure(stage)
                yield stage
            finally:
                wire.close()
                for kept in stage.kept:
                    kept.signal(signal.SIGCONT)
                await asyncio.gather(*(kept.end(signal.SIGKILL) for kept in stage.kept))
    finally:
        await asyncio.to_thread(server.embedded.stop)


async def _configure(stage: Stage) -> None:
    """As their administrators would, through the API. Raises ProofError."""
    for clinic in stage.clinics:
        key, wanted = clinic.keys["admin"], configuration(clinic)
        if wanted is not None:
            await _must(stage.wire, rest("PATCH", "/v1/clinic", key, wanted))
        if clinic.number % WEBHOOK_EVERY == 0:
            hook = {"url": stage.receiver.url, "types": list(WEBHOOK_TYPES)}
            await _must(stage.wire, rest("POST", "/v1/webhooks", key, hook))
    owner = await stage.server.connect()
    for clinic in stage.clinics:
        if not clinic.bare:
            await read_members(owner, clinic)
    await owner.close()


async def _must(wire: Wire, request: Request) -> None:
    answer = read_answer(request, await wire.exchange(request.content, 0, None))
    if not answer.ok:
        raise ProofError(
            f"A clinic could not be set up: {json.dumps(dict(answer.told), default=str)}"
        )
