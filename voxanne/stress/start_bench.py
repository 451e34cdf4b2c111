"""How long `voxanne serve` takes on a database that is there: until it says that it serves, and
its first `/readyz` is 200.

As an installed program starts: its bytecode is compiled already, in a directory of this run's.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from voxanne.stress.api_process import ApiProcess, serving
from voxanne.stress.figure import ROUND_SECONDS, Figure, Progress
from voxanne.stress.scratch import ProofError

TARGET_SECONDS: Final = 2.0
STARTS: Final = 5
READY_SECONDS_MAX: Final = 30.0


async def measure_start(url: str, seconds: float, progress: Progress) -> list[Figure]:
    """On a database elsewhere that runs (`url`, migrated); on the embedded one, while another
    process has it running, and while nobody has. A run of less than ROUND_SECONDS is one start, on
    the first, with whatever is compiled.
    """
    if seconds < ROUND_SECONDS:
        return [_figure("a server that runs", [await _start({"DATABASE_URL": url})])]
    elsewhere: list[Start] = []
    running: list[Start] = []
    stopped: list[Start] = []
    with tempfile.TemporaryDirectory(prefix="voxanne-bench-") as directory:
        compiled = {"PYTHONPYCACHEPREFIX": f"{directory}/compiled", "PYTHONDONTWRITEBYTECODE": ""}
        on_server = {**compiled, "DATABASE_URL": url}
        embedded = {**compiled, "VOXANNE_DATA_DIR": f"{directory}/data"}
        async with serving(embedded):
            pass  # the database is made, and everything is compiled
        for number in range(1, STARTS + 1):
            progress(f"start: round {number} of {STARTS}")
            elsewhere.append(await _start(on_server))
            async with _timed(embedded) as first:
                stopped.append(first)
                running.append(await _start(embedded))
    return [
        _figure("a server that runs", elsewhere),
        _figure("the embedded database, running", running),
        _figure("the embedded database, stopped", stopped),
    ]


def _figure(where: str, starts: list["Start"]) -> Figure:
    seconds = statistics.median(start.seconds for start in starts)
    used = statistics.median(start.cpu_seconds for start in starts)
    detail: dict[str, object] = {"cpu_s": round(used, 2), "starts": len(starts)}
    return Figure(f"start of serve on {where}", seconds, "s", TARGET_SECONDS, detail=detail)


@dataclass(frozen=True, slots=True)
class Start:
    """Until it was ready. `cpu_seconds`: of the process itself."""

    seconds: float
    cpu_seconds: float


async def _start(settings: dict[str, str]) -> Start:
    async with _timed(settings) as took:
        return took


@asynccontextmanager
async def _timed(settings: dict[str, str]) -> AsyncIterator[Start]:
    began = time.perf_counter()
    async with serving(settings) as api:
        await _ready(api)
        yield Start(time.perf_counter() - began, api.cpu_seconds())


async def _ready(api: ApiProcess) -> None:
    """Raises ProofError when it isn't for too long."""
    request = f"GET /readyz HTTP/1.1\r\nHost: {api.host}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(READY_SECONDS_MAX):
            while True:
                reader, writer = await asyncio.open_connection(api.host, api.port)
                writer.write(request.encode())
                answer = await reader.read()
                writer.close()
                if answer.startswith(b"HTTP/1.1 200"):
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise ProofError("The API says that it serves, and never that it is ready.") from None
