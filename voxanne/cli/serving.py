"""`serve` and `demo`: the API as a process."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from types import FrameType

import click
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from voxanne.app import create_app
from voxanne.cli.demo import play_scene
from voxanne.cli.root import cli, deployment, load_settings, say
from voxanne.cli.working import open_work, ready_database
from voxanne.config import Settings
from voxanne.deployment import Deployment, load_fernet, open_api_pool, prepare_database
from voxanne.outbox.metrics import WorkerMetrics

STOP_SECONDS_MAX = 10
# Longer than the proxies in front of it keep theirs, so that none sends into a closing connection.
KEEP_ALIVE_SECONDS = 75
# A request's line and headers, or what a client sends between pieces of its body.
HEAD_BYTES_MAX = 64 * 1024


class BoundedHead(HttpToolsProtocol):
    """uvicorn's HTTP, with an end to what comes before a body or behind it: on its own it keeps
    headers without end. Read in pieces, so somewhat more may pass.
    """

    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES_MAX:
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        super().on_message_complete()


class Server(uvicorn.Server):
    """Stops on SIGINT and SIGTERM and comes back, so that what it ran on can be stopped after it.

    uvicorn's own would raise the signal once more and end the process there and then. `stopping`
    is set as soon as it begins to.
    """

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self.stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.stopping.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


@cli.command()
@click.option("--host", help="address to listen on  [default: VOXANNE_HOST, 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="[default: VOXANNE_PORT, 3001]")
@click.option("--with-worker", is_flag=True, help="carry out the deliveries here as well")
def serve(host: str | None, port: int | None, with_worker: bool) -> None:
    """Serve the API until Ctrl-C or SIGTERM; running requests are finished first.

    With DATABASE_URL, run `voxanne migrate up` before. The embedded database migrates itself.
    Calendars, messages and webhooks are a worker's: --with-worker, or `voxanne worker` beside it.

    \b
    Example:  voxanne serve --host 0.0.0.0 --port 8080
    """
    settings = _listening_at(load_settings(), host, port)
    with _listen(settings) as listener, deployment(_bound(settings, listener)) as opened:
        uvloop.run(_serve(opened, listener, with_worker=with_worker))


@cli.command()
@click.option("--host", help="address to listen on  [default: VOXANNE_HOST, 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="[default: VOXANNE_PORT, 3001]")
@click.option("--once", is_flag=True, help="stop after the calls")
def demo(host: str | None, port: int | None, once: bool) -> None:
    """Show phone calls that check, hold, book, wait, move and cancel; then serve: try it yourself.

    Starts a real PostgreSQL and a clinic in it (docs/examples/harbor-dental.yaml), plays the calls
    through the public endpoint, prints the stored rows and a ready `curl`. Every answer is checked:
    exit code 1 if one isn't what it should be.

    \b
    Example:  voxanne demo --once
    """
    settings = _listening_at(load_settings(quiet=True), host, port)
    with (
        _listen(settings, elsewhere=port is None) as listener,
        deployment(_bound(settings, listener)) as opened,
    ):
        uvloop.run(_demo(opened, listener, once=once))


async def _serve(opened: Deployment, listener: socket.socket, *, with_worker: bool) -> None:
    await ready_database(opened)
    metrics = WorkerMetrics() if with_worker else None
    async with _running(opened, metrics) as server:
        say(f"Serving on {_address(listener)}  (Ctrl-C stops)")
        if metrics is None:
            say("Nothing is delivered from here: that takes a `voxanne worker`.")
            await server.serve(sockets=[listener])
            return
        async with open_work(opened, metrics) as work, asyncio.TaskGroup() as group:
            group.create_task(work.run(server.stopping))
            await server.serve(sockets=[listener])
            server.stopping.set()


async def _demo(opened: Deployment, listener: socket.socket, *, once: bool) -> None:
    await prepare_database(opened, say)
    metrics = WorkerMetrics()
    async with _running(opened, metrics) as server, open_work(opened, metrics) as work:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            # The port is taken already: a request that comes too early waits for the server.
            await play_scene(opened, _address(listener), work.worker)
        except BaseException:
            once = True
            raise
        finally:
            server.should_exit = server.should_exit or once
        if not once and not server.should_exit:
            say(f"\nServing on {_address(listener)}  (Ctrl-C stops)")
            await work.run(server.stopping)
        await serving


@contextlib.asynccontextmanager
async def _running(
    opened: Deployment, worker_metrics: WorkerMetrics | None
) -> AsyncIterator[Server]:
    """The API, ready to serve; its connections are closed when it is done."""
    pool = await open_api_pool(opened)
    stopping = asyncio.Event()
    try:
        fernet = load_fernet(opened.settings)
        app = create_app(opened.settings, pool, fernet, worker_metrics, stopping)
        # What is loaded by now lives as long as the process: the collector need not look at it.
        gc.collect()
        gc.freeze()
        yield Server(
            uvicorn.Config(
                app,
                http=BoundedHead,
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="on",
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS_MAX,
            ),
            stopping,
        )
    finally:
        await pool.close()


def _listening_at(settings: Settings, host: str | None, port: int | None) -> Settings:
    chosen = {"host": host, "port": port}
    return settings.model_copy(
        update={name: value for name, value in chosen.items() if value is not None}
    )


@contextlib.contextmanager
def _listen(settings: Settings, *, elsewhere: bool = False) -> Iterator[socket.socket]:
    """Take the port before anything else is started, so that a taken one is told at once.

    `elsewhere`: another free port will do.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's delay off (40 ms an answer) only where the protocol is named.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            if not elsewhere:
                raise click.ClickException(
                    f"Can't listen on {settings.host}:{settings.port} ({error.strerror}). "
                    "Choose another with --port, or 0 for any free one."
                ) from None
            listener.bind((settings.host, 0))
        listener.listen(socket.SOMAXCONN)
        yield listener


def _bound(settings: Settings, listener: socket.socket) -> Settings:
    """With the port that was taken: messages lead there."""
    return settings.model_copy(update={"port": listener.getsockname()[1]})


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{'[' + host + ']' if ':' in host else host}:{port}"
