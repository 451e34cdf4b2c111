"""What every check is given: the deployment, and where its API is."""

import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from cryptography.fernet import Fernet, MultiFernet

from voxanne.config import Environment, Settings
from voxanne.deliveries.addresses import Resolve, resolve_host
from voxanne.deployment import base_address
from voxanne.stress.scratch import Target


def _now() -> datetime:
    return datetime.now(UTC)


def _bytes_of(path: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(path)
    return usage.free, usage.total


@dataclass(frozen=True, slots=True)
class Examination:
    """`owner_url`: None where there is no database yet. `url`: where the API answers; None: as the
    settings say. `disk`: free and all bytes of the file system a path is on.
    """

    settings: Settings
    owner_url: str | None
    url: str | None = None
    now: Callable[[], datetime] = _now
    resolve: Resolve = resolve_host
    disk: Callable[[Path], tuple[int, int]] = _bytes_of

    @property
    def production(self) -> bool:
        return self.settings.env is Environment.PRODUCTION

    @property
    def target(self) -> Target:
        own_login = self.settings.api_database_url
        return Target(self.owner_url or "", own_login.get_secret_value() if own_login else None)

    @property
    def api_address(self) -> str:
        return (self.url or base_address(self.settings)).rstrip("/")

    def owner(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """A session of the database's owner."""
        return self.target.owner()

    def fernet(self) -> MultiFernet | None:
        """The deployment's keys; None where there is none yet. Makes none, unlike load_fernet."""
        keys = [key.get_secret_value() for key in self.settings.encryption_keys]
        if not keys and self.key_file.exists():
            keys = [self.key_file.read_text().strip()]
        return MultiFernet([Fernet(key) for key in keys]) if keys else None

    @property
    def key_file(self) -> Path:
        return self.settings.data_dir / "encryption.key"
