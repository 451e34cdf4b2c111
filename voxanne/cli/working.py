"""`worker`: what carries the deliveries out, as a process; `serve` and `demo` run it too."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import click
import uvloop
from prometheus_client import start_http_server

from voxanne.cli.root import cli, deployment, load_settings, say
from voxanne.deployment import (
    Deployment,
    check_database,
    load_fernet,
    open_api_pool,
    prepare_database,
)
from voxanne.outbox.chores import Chore, run_chores
from voxanne.outbox.metrics import WorkerMetrics
from voxanne.outbox.worker import Worker
from voxanne.work import create_chores, create_worker


@cli.command()
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65_535),
    help="serve Prometheus metrics at this port  [default: nowhere]",
)
@click.option("--metrics-host", default="127.0.0.1", help="address for them  [default: 127.0.0.1]")
def worker(metrics_port: int | None, metrics_host: str) -> None:
    """Carry out what is due until Ctrl-C or SIGTERM: calendars, messages, reminders, webhooks.

    Any number of workers may run beside `serve`. What is under way is finished first; a second
    Ctrl-C doesn't wait for it, and another worker finds out what became of it.

    \b
    Example:  voxanne worker --metrics-port 9101
    """
    with deployment(load_settings()) as opened:
        uvloop.run(_work(opened, metrics_port, metrics_host))


@dataclass(frozen=True, slots=True)
class Work:
    """A worker and its chores."""

    worker: Worker
    chores: list[Chore]

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and what is under way is done; says how that went."""
        async with asyncio.TaskGroup() as group:
            working = group.create_task(self.worker.run(stop))
            group.create_task(run_chores(self.chores, stop))
        if left := working.result():
            say(f"The worker stopped; {left} deliveries come back when their leases end.")
        else:
            say("The worker stopped; all that was under way is done.")


@contextlib.asynccontextmanager
async def open_work(opened: Deployment, metrics: WorkerMetrics) -> AsyncIterator[Work]:
    """On database connections of its own, so that it takes none from the API's."""
    settings, fernet = opened.settings, load_fernet(opened.settings)
    pool = await open_api_pool(opened)
    try:
        yield Work(
            create_worker(settings, pool, fernet, metrics),
            [*create_chores(settings, pool, fernet, metrics), *metrics.chores(pool)],
        )
    finally:
        await pool.close()


async def ready_database(opened: Deployment) -> None:
    """Migrate what we run ourselves; say so where somebody else has to."""
    if opened.embedded is not None:
        await prepare_database(opened, say)
    elif not await check_database(opened, say):
        say("The database's schema isn't this release's: run `voxanne migrate up`.")


async def _work(opened: Deployment, metrics_port: int | None, metrics_host: str) -> None:
    await ready_database(opened)
    stop, metrics = asyncio.Event(), WorkerMetrics()
    async with open_work(opened, metrics) as work:
        with metrics_at(metrics_host, metrics_port, metrics), _stopping(stop):
            say("Working …  (Ctrl-C stops)")
            with contextlib.suppress(asyncio.CancelledError):
                await work.run(stop)


@contextlib.contextmanager
def _stopping(stop: asyncio.Event) -> Iterator[None]:
    """The first SIGINT or SIGTERM sets `stop`, the next one cancels the task that is in here."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def hear() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hear)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def metrics_at(host: str, port: int | None, metrics: WorkerMetrics) -> Iterator[int | None]:
    """While it lasts, the figures are served there. `port`: 0 is any, None nowhere; it yields which
    was taken. Raises ClickException.
    """
    if port is None:
        yield None
        return
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise click.ClickException(
            f"Can't serve metrics on {host}:{port} ({error.strerror})."
        ) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
