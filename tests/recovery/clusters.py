"""Clusters of a test's own, the recipes of deploy/backup, and all that is in a database."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from tests.database import FAST_SETTINGS
from tests.directories import short_directory
from voxanne.postgres.embedded import EmbeddedPostgres, wheel_bin_dir

RECIPES = Path(__file__).parents[2] / "deploy" / "backup"
ROLES = RECIPES.parent / "postgres" / "roles.sql"
PASSWORDS = {
    "VOXANNE_OWNER_PASSWORD": "the owner's",
    "VOXANNE_APP_PASSWORD": "the app's",
    "VOXANNE_BACKUP_PASSWORD": "the backup's",
}
SECONDS_MAX = 120
TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname
"""
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences ORDER BY sequencename"

Contents = dict[str, list[str]]


@contextmanager
def cluster(directory: Path, **settings: str) -> Iterator[EmbeddedPostgres]:
    """A server of its own: fresh, or what was put into `directory` before."""
    directory.mkdir(exist_ok=True)
    with EmbeddedPostgres(directory, settings={**FAST_SETTINGS, **settings}) as server:
        yield server


@contextmanager
def cluster_with_roles() -> Iterator[EmbeddedPostgres]:
    """As it comes, then with the roles of deploy/postgres."""
    with short_directory() as home, cluster(home) as server:
        make_roles(server)
        yield server


def address(server: EmbeddedPostgres, user: str, database: str) -> dict[str, str]:
    """Where it is, as libpq's variables have it: no password is on a command line."""
    place = parse_qs(urlsplit(server.url()).query)
    return {
        "PGHOST": place["host"][0],
        "PGPORT": place["port"][0],
        "PGUSER": user,
        "PGDATABASE": database,
    }


def run(recipe: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A recipe as an operator runs it, with PostgreSQL 18's own programs."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "VOX"))}
    return subprocess.run(
        [str(RECIPES / recipe), *arguments],
        env={**kept, "PATH": f"{wheel_bin_dir()}:{kept['PATH']}", **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def done(recipe: str, *arguments: str, **variables: str) -> str:
    """What it printed last. It succeeded."""
    finished = run(recipe, *arguments, **variables)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == "", finished.stderr
    return finished.stdout.strip().splitlines()[-1]


def psql(server: EmbeddedPostgres, *arguments: str) -> None:
    """By a superuser."""
    subprocess.run(
        [str(wheel_bin_dir() / "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", *arguments],
        env={**os.environ, **PASSWORDS, **address(server, "postgres", "postgres")},
        timeout=SECONDS_MAX,
        check=True,
    )


def drop_the_empty_one(server: EmbeddedPostgres) -> None:
    """A server as it comes, without the database and role that ours begins with."""
    psql(server, "-c", "DROP DATABASE voxanne", "-c", "DROP ROLE voxanne")


def make_roles(server: EmbeddedPostgres) -> None:
    """Those of a deployment, and its empty database."""
    drop_the_empty_one(server)
    psql(server, "-f", str(ROLES))


async def contents(url: str) -> Contents:
    """Every row of every table, and how far each sequence is."""
    connection = await asyncpg.connect(url)
    try:
        found: Contents = {}
        for table in [row["relname"] for row in await connection.fetch(TABLES)]:
            rows = await connection.fetch(f"SELECT row_to_json(t)::text AS row FROM {table} AS t")
            found[table] = sorted(row["row"] for row in rows)
        found["sequences"] = [str(tuple(row)) for row in await connection.fetch(SEQUENCES)]
        return found
    finally:
        await connection.close()
