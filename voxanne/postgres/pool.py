"""The API's connections: few, unprivileged, and never waited for longer than stated."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg

API_ROLE = "voxanne_api"

# The transaction has left no trace: running it again is safe.
_RETRYABLE = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.UniqueViolationError,  # a rival's row that a snapshot could not see
)
# The server is away, starting, stopping, full, or too slow.
_UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
ATTEMPTS_MAX = 5


class DatabaseBusyError(RuntimeError):
    """The database did not answer in time. Nothing is known to be stored; asking again is safe."""


@contextlib.asynccontextmanager
async def owner_connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session of the database's owner, in UTC: migrations and the operator's commands."""
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        yield connection
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of connections in the API's role, and the longest a caller may wait for an answer."""

    connections: "asyncpg.Pool[asyncpg.Record]"
    wait_seconds: float

    async def fetch_value(self, query: str, *arguments: object) -> object:
        """The only value of a lone autocommit query, which a retry makes no difference to.

        Serialization failures and deadlocks are run again. Raises DatabaseBusyError.
        """
        try:
            async with asyncio.timeout(self.wait_seconds):
                return await self._fetch_with_retries(query, arguments)
        except _UNREACHABLE as error:
            raise DatabaseBusyError(type(error).__name__) from None

    async def _fetch_with_retries(self, query: str, arguments: tuple[object, ...]) -> object:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            connection = await self.connections.acquire()
            try:
                return await connection.fetchval(query, *arguments)
            except _RETRYABLE as error:
                if attempt == ATTEMPTS_MAX:
                    raise DatabaseBusyError(type(error).__name__) from None
            except asyncio.CancelledError:
                # Our deadline, or the caller's: a connection in mid-query isn't waited for.
                connection.terminate()
                raise
            finally:
                await self.connections.release(connection)
            await asyncio.sleep(0.005 * attempt)
        raise AssertionError("unreachable")

    async def close(self) -> None:
        try:
            async with asyncio.timeout(5):
                await self.connections.close()
        except TimeoutError:
            self.connections.terminate()


async def open_pool(
    url: str, *, size: int, wait_ms: int, statement_cache_size: int, step_down: bool
) -> Pool:
    """Connect, or raise what asyncpg raises.

    `step_down`: the login is the owner's, so each connection takes the API's role at once.
    """

    async def take_role(connection: asyncpg.Connection) -> None:
        if step_down:
            await connection.execute(f"SET ROLE {API_ROLE}")

    wait_seconds = wait_ms / 1000
    connections = await asyncpg.create_pool(
        url,
        min_size=min(size, 2),
        max_size=size,
        init=take_role,
        reset=_no_reset,
        timeout=wait_seconds,
        statement_cache_size=statement_cache_size,
        # Every call comes back soon; a pool that closes idle connections would plan again.
        max_inactive_connection_lifetime=0,
        server_settings={
            "application_name": "voxanne",
            "timezone": "UTC",
            "statement_timeout": str(wait_ms),
            "idle_in_transaction_session_timeout": "10000",
        },
    )
    return Pool(connections, wait_seconds)


async def _no_reset(connection: asyncpg.Connection) -> None:
    """Autocommit calls leave nothing behind, so the usual RESET ALL would be a wasted trip."""
