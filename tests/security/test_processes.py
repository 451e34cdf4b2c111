"""The list of processes, which every user of the machine reads, holds no secret: neither the
arguments of what an operator starts, nor of what that starts in turn.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.acceptance.commands import Running, voxanne
from tests.database import Database
from tests.printed import plant
from voxanne.postgres.addresses import without_password

LOOK_SECONDS = 0.005
PASSWORD = plant("a database's password", "a-passphrase/of:the@owner")
QUOTED = "a-passphrase%2Fof%3Athe%40owner"
SECRETS = {
    "VOXANNE_VAPI_SECRET": plant("a deployment's secret", "the-secret-of-the-voice-platform"),
    "VOXANNE_VAPI_HMAC_KEY": plant("an HMAC key", "the-key-of-all-signatures"),
    "VOXANNE_JWT_SECRET": plant("a JWT secret", "the-secret-of-all-signed-tokens-here"),
    "VOXANNE_GOOGLE_CLIENT_SECRET": plant("a client secret", "the-secret-of-our-client"),
    "VOXANNE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "VOXANNE_SMTP_URL": "smtp://mailer:the-password-of-mail@mail.example:587",
    "VOXANNE_EMAIL_FROM": "care@clinic.example",
}
PLANTED = (PASSWORD, QUOTED, "the-password-of-mail", *list(SECRETS.values())[:5])


class Watcher:
    """Reads /proc as any user may, again and again."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.watching = True

    def look(self) -> None:
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                arguments = directory.joinpath("cmdline").read_bytes()
                name = directory.joinpath("comm").read_bytes()
            except OSError:
                continue
            self.seen.add(
                (arguments + b"\0" + name).replace(b"\0", b" ").decode("utf-8", "replace")
            )

    def run(self) -> None:
        while self.watching:
            self.look()
            time.sleep(LOOK_SECONDS)

    def leaks(self) -> list[str]:
        return [line for line in self.seen if any(secret in line for secret in PLANTED)]


@contextmanager
def watched() -> Iterator[Watcher]:
    watcher = Watcher()
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        yield watcher
    finally:
        watcher.watching = False
        thread.join()


@pytest.fixture
async def settings(database: Database, tmp_path: Path) -> dict[str, str]:
    """Everything a deployment may keep secret; the server asks for no password, and gets one."""
    address, _ = without_password(database.owner_url)
    scheme, _, place = address.partition("://")
    user, at, rest = place.partition("@")
    return {
        **SECRETS,
        "DATABASE_URL": f"{scheme}://{user or 'voxanne'}:{QUOTED}@{rest if at else place}",
        "VOXANNE_DATA_DIR": str(tmp_path / "data"),
    }


async def test_no_command_shows_a_secret_in_the_list_of_processes(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with watched() as watcher:
        serving = Running("serve", "--port", "0", settings=settings, cwd=tmp_path)
        working = Running("worker", settings=settings, cwd=tmp_path)
        try:
            serving.wait_for("Serving on")
            slept = voxanne(
                "psql", "-Atc", "SELECT pg_sleep(0.3), 42", settings=settings, cwd=tmp_path
            )
            status = voxanne("migrate", "status", "--json", settings=settings, cwd=tmp_path)
        finally:
            serving.end()
            working.end()
    assert slept.stdout.strip().endswith("42"), slept.stderr
    assert status.returncode == 0, status.stderr
    told = "\n".join(watcher.seen)
    for command in ("voxanne serve", "voxanne worker", "voxanne migrate", "psql "):
        assert command in told, f"{command} was not seen, so nothing was proved"
    assert watcher.leaks() == []


def test_the_watcher_sees_a_secret_that_is_an_argument() -> None:
    with watched() as watcher:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", QUOTED], check=True)
    assert watcher.leaks()
    assert os.getpid()


@pytest.mark.parametrize(
    ("url", "address", "password"),
    [
        ("postgresql://a:s%40c@h:5432/d", "postgresql://a@h:5432/d", "s@c"),
        (
            "postgresql://a:b@[::1]:5432/d?sslmode=require",
            "postgresql://a@[::1]:5432/d?sslmode=require",
            "b",
        ),
        (
            "postgresql:///d?host=/tmp/x&user=v&password=p%20q",
            "postgresql:///d?host=%2Ftmp%2Fx&user=v",
            "p q",
        ),
        (
            "postgresql:///d?application_name=a+b&password=p+q%20r",
            "postgresql:///d?application_name=a%2Bb",
            "p+q r",
        ),
        ("postgresql://a@h/d", "postgresql://a@h/d", None),
        ("postgresql://h", "postgresql://h", None),
        ("postgresql://a:x:y@h/d", "postgresql://a@h/d", "x:y"),
    ],
)
def test_an_address_without_its_password(url: str, address: str, password: str | None) -> None:
    assert without_password(url) == (address, password)


def test_no_recipe_puts_a_password_on_a_command_line() -> None:
    """What operators copy: deploy/ and the documents."""
    root = Path(__file__).parents[2]
    recipes = [*root.glob("deploy/**/*"), *root.glob("docs/**/*.md"), root / "README.md"]
    for path in recipes:
        if path.is_file():
            for line in path.read_text().splitlines():
                given = "$(voxanne db url)" in line or "$DATABASE_URL" in line
                program = any(
                    word in line for word in ("pg_dump", "psql", "pg_restore", "basebackup")
                )
                assert not (given and program and "voxanne psql" not in line), f"{path}: {line}"
