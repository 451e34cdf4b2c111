"""A deployment: its settings, its database and its keys. What every command begins with."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from cryptography.fernet import Fernet, MultiFernet

from voxanne.config import Environment, Settings
from voxanne.postgres.embedded import EmbeddedPostgres
from voxanne.postgres.migrate import migrate_up, schema_is_current
from voxanne.postgres.pool import Pool, open_pool, owner_connection

CLOCK_RESET = "voxanne psql -c 'DELETE FROM clock'"


class ClockError(RuntimeError):
    """Production's time is not the real one; the message says how to put it right."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the database is. `embedded` is the server we run ourselves, if we do."""

    settings: Settings
    owner_url: str
    embedded: EmbeddedPostgres | None

    def owner(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        return owner_connection(self.owner_url)


@contextlib.contextmanager
def open_deployment(
    settings: Settings, progress: Callable[[str], None] = lambda _: None
) -> Iterator[Deployment]:
    """The configured server, or the embedded one, started if it must be and stopped with us."""
    if settings.database_url is not None:
        yield Deployment(settings, settings.database_url.get_secret_value(), None)
        return
    with EmbeddedPostgres(settings.data_dir, progress=progress) as embedded:
        yield Deployment(settings, embedded.url(), embedded)


async def prepare_database(
    deployment: Deployment, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Migrate, and start the clock where the settings say so."""
    async with deployment.owner() as connection:
        await migrate_up(connection, progress)
        await set_clock(connection, deployment.settings, progress)


async def check_database(
    deployment: Deployment, progress: Callable[[str], None] = lambda _: None
) -> bool:
    """Whether the schema is this release's, and the clock set as the settings say. For a server
    that somebody else migrates. Raises ClockError.
    """
    async with deployment.owner() as connection:
        if not await connection.fetchval("SELECT to_regclass('clock') IS NOT NULL"):
            return False
        await set_clock(connection, deployment.settings, progress)
        return await schema_is_current(connection)


async def set_clock(
    connection: asyncpg.Connection, settings: Settings, progress: Callable[[str], None]
) -> None:
    """Start the database's clock at VOXANNE_CLOCK; say so where one is still moved from before.

    Raises ClockError where production has one.
    """
    moved = await connection.fetchval("SELECT clock_offset FROM clock")
    if settings.clock is not None:
        await connection.execute(
            "INSERT INTO clock (clock_offset) VALUES ($1::timestamptz - clock_timestamp()) "
            "ON CONFLICT (only_row) DO UPDATE SET clock_offset = excluded.clock_offset",
            settings.clock,
        )
    elif moved is not None and settings.env is Environment.PRODUCTION:
        raise ClockError(
            "The database's clock was moved (VOXANNE_CLOCK). In production time is real: "
            f"first run: {CLOCK_RESET}"
        )
    elif moved is not None:
        progress(
            f"The database's clock is moved by {moved} since VOXANNE_CLOCK was set. "
            f"To bring it back: {CLOCK_RESET}"
        )


async def open_api_pool(deployment: Deployment) -> Pool:
    """Connections in the API's role: its own login, or the owner's stepped down."""
    settings = deployment.settings
    own_login = settings.api_database_url
    return await open_pool(
        own_login.get_secret_value() if own_login else deployment.owner_url,
        size=settings.database_pool_size,
        wait_ms=settings.database_wait_ms,
        statement_cache_size=settings.database_statement_cache_size,
        step_down=own_login is None,
    )


def load_fernet(settings: Settings) -> MultiFernet:
    """The keys that clinics' HMAC keys are encrypted with; one is made where none is configured."""
    if settings.encryption_keys:
        return MultiFernet([Fernet(key.get_secret_value()) for key in settings.encryption_keys])
    path = settings.data_dir / "encryption.key"
    if not path.exists():
        _write_private(path, Fernet.generate_key())
    return MultiFernet([Fernet(path.read_bytes().strip())])


def _write_private(path: Path, content: bytes) -> None:
    """Create a file that only this user reads, whole or not at all; an existing one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{datetime.now(UTC).timestamp()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def base_address(settings: Settings) -> str:
    """Where the API is reached, as far as the settings tell."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"


def page_address(settings: Settings, token: str) -> str | None:
    """Where a patient's page is, for messages. None: production that doesn't know its address."""
    if settings.public_url is None and settings.env is Environment.PRODUCTION:
        return None
    return f"{base_address(settings).rstrip('/')}/a/{token}"
