"""The processes of a run: started as an operator would, and again however they end."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from voxanne.stress.api_process import plain_environment
from voxanne.stress.scratch import ProofError
from voxanne.stress.workload.wire import Backend

START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 30.0
STARTS_MAX: Final = 20  # in a row, in vain
POLL_SECONDS: Final = 0.05
LOG_BYTES_SHOWN: Final = 600
BUGS_MAX: Final = 50
# What a process logs as an error is a bug of its own; while its database is away it warns.
_ERROR: Final = re.compile(rb'^\{.*"level":"error".*\}$|^Traceback .*$', re.MULTILINE)


@dataclass(slots=True)
class Kept:
    """One process that is to run. `backend`: of an API, how callers reach it."""

    kind: Literal["api", "worker"]
    number: int
    folder: Path
    environment: Mapping[str, str]
    backend: Backend = field(default_factory=Backend)
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    start_seconds: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.kind} {self.number + 1}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.kind}-{self.number + 1}.log"

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        """Return when it says that it serves. One that ends before that is started again, as by a
        service manager: the database may be away. Raises ProofError when that never helps.
        """
        for _ in range(STARTS_MAX):
            began = time.monotonic()
            if await self._start_once():
                self.start_seconds.append(time.monotonic() - began)
                return
            await asyncio.sleep(0.5)
        raise ProofError(f"{self.name} could not be started: {self._said(0)[-LOG_BYTES_SHOWN:]}")

    async def _start_once(self) -> bool:
        arguments = (
            ["worker"] if self.kind == "worker" else ["serve", "--host", "127.0.0.1", "--port", "0"]
        )
        before = self.log.stat().st_size if self.log.exists() else 0
        self.starts += 1
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "voxanne", *arguments),
                cwd=self.folder,
                env=dict(self.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,  # messages are printed there
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the harness
            )
        until = time.monotonic() + START_SECONDS_MAX
        serving = re.compile(r"Serving on http://[^:\s]+:(\d+)|Working …")
        while self.is_up and time.monotonic() < until:
            if found := serving.search(self._said(before)):
                if found[1]:
                    self.backend.up(int(found[1]))
                return True
            await asyncio.sleep(POLL_SECONDS)
        await self.end(signal.SIGKILL)
        return False

    async def end(self, number: signal.Signals) -> None:
        """Send the signal and return when the process is gone; one that doesn't go is killed."""
        process = self.process
        if process is None or process.returncode is not None:
            self.backend.down()
            return
        if number is signal.SIGKILL:
            self.signal(signal.SIGKILL)
        else:
            self.signal(number)
            # What is under way is finished; whoever comes now is refused a connection.
            self.backend.port = None
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await process.wait()
        self.backend.down()

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def errors(self) -> list[str]:
        """What it logged as an error, as often as it did, without the time of it."""
        if not self.log.exists():
            return []
        found = _ERROR.findall(self.log.read_bytes())
        return [
            re.sub(r'"timestamp":"[^"]*",?|,"ms":[\d.]+', "", line.decode(errors="replace"))
            for line in found[:BUGS_MAX]
        ]

    def _said(self, since: int) -> str:
        with self.log.open("rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")


def create_processes(
    folder: Path, database_url: str, apis: int, workers: int
) -> tuple[list[Kept], list[Kept]]:
    """Not started yet. Every setting is at its default, but those a short run can't wait for."""
    settings = {
        **plain_environment(),
        "DATABASE_URL": database_url,
        "VOXANNE_DATA_DIR": str(folder / "app"),
        "VOXANNE_LOG_LEVEL": "warning",
        "VOXANNE_WEBHOOK_PRIVATE_ADDRESSES": "true",
        "VOXANNE_CALLS_PER_CALLER_PER_MINUTE": "0",
        "VOXANNE_WORKER_LEASE_SECONDS": "10",
        "VOXANNE_CREDENTIAL_CACHE_SECONDS": "5",
    }
    return (
        [Kept("api", number, folder, settings) for number in range(apis)],
        [Kept("worker", number, folder, settings) for number in range(workers)],
    )
