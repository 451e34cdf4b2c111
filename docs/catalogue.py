"""Writes voxanne/doctor/catalogue.json, which `voxanne doctor` compares a database's schema with.

Run it after adding a migration: .venv/bin/python docs/catalogue.py
"""

import asyncio
import json
import tempfile
from pathlib import Path

import asyncpg

from voxanne.doctor.catalogue import read_catalogue
from voxanne.postgres.embedded import EmbeddedPostgres
from voxanne.postgres.migrate import migrate_up

CATALOGUE = Path(__file__).parent.parent / "voxanne" / "doctor" / "catalogue.json"


async def read_new(url: str) -> dict[str, dict[str, str]]:
    """Of a database that this release has just migrated."""
    connection = await asyncpg.connect(url)
    try:
        await migrate_up(connection)
        return await read_catalogue(connection)
    finally:
        await connection.close()


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(
            prefix="voxanne-catalogue-", ignore_cleanup_errors=True
        ) as directory,
        EmbeddedPostgres(Path(directory)) as server,
    ):
        found = asyncio.run(read_new(server.url()))
    CATALOGUE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
