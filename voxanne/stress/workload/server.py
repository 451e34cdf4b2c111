"""A PostgreSQL server of the run's own, which may be crashed: nobody else's database is in it."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

import asyncpg

from voxanne.postgres import watchdog
from voxanne.postgres.embedded import EmbeddedPostgres
from voxanne.stress.scratch import ProofError

DOWN_SECONDS_MAX: Final = 60.0
CONNECT_SECONDS_MAX: Final = 60.0


class Server:
    """An embedded server with its durable settings, fsync and all."""

    def __init__(self, folder: Path) -> None:
        self.embedded = EmbeddedPostgres(folder / "data")

    @property
    def url(self) -> str:
        return self.embedded.url()

    async def connect(self, url: str | None = None) -> asyncpg.Connection:
        """As the owner, however long the server is away. Raises ProofError after a minute."""
        until = time.monotonic() + CONNECT_SECONDS_MAX
        while True:
            try:
                return await asyncpg.connect(url or self.url, server_settings={"timezone": "UTC"})
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if time.monotonic() > until:
                    raise ProofError(f"The database does not come back: {error}") from error
                await asyncio.sleep(0.2)

    async def restart(self, number: signal.Signals) -> None:
        """SIGQUIT: an immediate shutdown, which is a crash. SIGINT: a fast one."""
        pid = watchdog.postmaster_pid(self.embedded.data_dir)
        if pid is not None:
            os.kill(pid, number)
            until = time.monotonic() + DOWN_SECONDS_MAX
            while watchdog.postmaster_pid(self.embedded.data_dir) == pid:
                if time.monotonic() > until:
                    raise ProofError("PostgreSQL did not stop within a minute.")
                await asyncio.sleep(0.02)
        await asyncio.to_thread(self.embedded.start)

    async def sessions(self) -> list[int]:
        """The process ids of the API's and workers' sessions, busy ones first."""
        with contextlib.suppress(
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError
        ):
            connection = await asyncpg.connect(self.embedded.superuser_url, timeout=2)
            try:
                rows = await connection.fetch(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = 'voxanne' "
                    "ORDER BY state <> 'active', pid"
                )
            finally:
                await connection.close()
            return [row["pid"] for row in rows]
        return []

    async def end_sessions(self, pids: list[int]) -> None:
        """As an operator ends them."""
        with contextlib.suppress(
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError
        ):
            connection = await asyncpg.connect(self.embedded.superuser_url, timeout=2)
            try:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid", pids
                )
            finally:
                await connection.close()
