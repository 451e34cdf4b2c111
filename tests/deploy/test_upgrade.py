"""Migrate, then replace the processes: those of before are ready until they are replaced."""

from tests.database import Database
from tests.integration.clinics import running_api


async def test_a_process_stays_ready_while_a_newer_release_migrates(database: Database) -> None:
    owner = await database.owner()
    async with running_api(database) as api:
        assert (await api.http.get("/readyz")).status_code == 200

        await owner.execute("INSERT INTO schema_migrations VALUES (999, 'future', 'x')")
        await owner.execute("UPDATE schema_functions SET checksum = 'newer'")
        assert (await api.http.get("/readyz")).status_code == 200
        assert (await api.book())["success"] is True

        await owner.execute("DELETE FROM schema_functions WHERE name = 'hold_slot'")
        assert (await api.http.get("/readyz")).status_code == 503
