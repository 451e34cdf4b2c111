"""A database may have been made with any locale; a patient's name must not depend on it."""

from uuid import uuid4

import asyncpg
import pytest

from tests.database import Server
from voxanne.postgres.migrate import MigrationError, migrate_up


async def made_as(server: Server, options: str) -> asyncpg.Connection:
    name = f"test_locale_{uuid4().hex}"  # workers share the server
    superuser = await server.connect()
    try:
        await superuser.execute(
            f"CREATE DATABASE {name} OWNER voxanne TEMPLATE template0 {options}"
        )
    finally:
        await superuser.close()
    return await asyncpg.connect(server.postgres.url(name))


@pytest.mark.parametrize(
    ("said", "stored", "person"),
    [
        ("émile zola", "Émile Zola", "emile zola"),
        ("ÉMILE ZOLA", "Émile Zola", "emile zola"),
        ("王小明", "王小明", "王小明"),
        ("محمد علي", "محمد علي", "محمد علي"),
    ],
)
async def test_names_are_understood_without_a_locale(
    server: Server, said: str, stored: str, person: str
) -> None:
    owner = await made_as(server, "ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'")
    try:
        await migrate_up(owner)
        row = await owner.fetchrow("SELECT normalize_name($1), person_key($1)", said)
        assert row is not None
        assert tuple(row) == (stored, person)
    finally:
        await owner.close()


async def test_a_database_that_can_not_hold_names_is_refused(server: Server) -> None:
    owner = await made_as(server, "ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'")
    try:
        with pytest.raises(MigrationError, match="UTF-8"):
            await migrate_up(owner)
    finally:
        await owner.close()
