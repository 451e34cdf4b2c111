"""One API process on the bench's database, and the load that is put on it."""

import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

import voxanne
from voxanne.stress.load import Plan, Result
from voxanne.stress.scratch import ProofError
from voxanne.stress.voice_load import VoicePlan, VoiceResult

START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 15
LOOK_SECONDS = 0.01
_SERVING = re.compile(r"Serving on http://([^:\s]+):(\d+)")


@dataclass(frozen=True, slots=True)
class ApiProcess:
    host: str
    port: int
    process: psutil.Process

    def resident_megabytes(self) -> float:
        return float(self.process.memory_info().rss) / 1e6

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextlib.asynccontextmanager
async def run_api(database_url: str) -> AsyncIterator[ApiProcess]:
    """`voxanne serve` with every setting at its default, on a port of its own."""
    async with serving({"DATABASE_URL": database_url}) as api:
        yield api


@contextlib.asynccontextmanager
async def serving(settings: Mapping[str, str]) -> AsyncIterator[ApiProcess]:
    """`voxanne serve` with these settings alone, from when it says that it serves.

    It runs in an empty directory, so that no `.env` gives it a clinic's database.
    """
    with tempfile.TemporaryDirectory(prefix="voxanne-bench-") as directory:
        log = Path(directory) / "api.log"
        with log.open("wb") as output:
            server = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "voxanne", "serve", "--host", "127.0.0.1", "--port", "0"),
                cwd=directory,
                env={**plain_environment(), **settings},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            host, port = await _address(server, log)
            yield ApiProcess(host, port, psutil.Process(server.pid))
        finally:
            await _stop(server)


async def put_load(plan: Plan) -> Result:
    """Run the load generator in a process of its own."""
    return Result(**await _generate("voxanne.stress.load", asdict(plan)))


async def put_calls(plan: VoicePlan) -> VoiceResult:
    """The same of phone calls."""
    return VoiceResult(**await _generate("voxanne.stress.voice_load", asdict(plan)))


async def _generate(module: str, plan: dict[str, Any]) -> dict[str, Any]:
    generator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        env=plain_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        printed, _ = await generator.communicate(json.dumps(plan).encode())
    finally:
        await _stop(generator)
    if generator.returncode != 0:
        raise ProofError(f"The load generator ended with exit code {generator.returncode}.")
    result: dict[str, Any] = json.loads(printed)
    return result


def plain_environment() -> dict[str, str]:
    """Ours without settings of this project or of libpq, and with the way to this package."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("VOXANNE_", "PG")) and name != "DATABASE_URL"
    }
    return {**kept, "PYTHONPATH": str(Path(voxanne.__file__).parents[1])}


async def _address(server: asyncio.subprocess.Process, log: Path) -> tuple[str, int]:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS_MAX):
            while server.returncode is None:
                if found := _SERVING.search(_read(log)):
                    return found[1], int(found[2])
                await asyncio.sleep(LOOK_SECONDS)
    raise ProofError(f"The API did not start: {_read(log)[-500:]}")


def _read(log: Path) -> str:
    return log.read_text(errors="replace").strip()


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        await process.wait()
