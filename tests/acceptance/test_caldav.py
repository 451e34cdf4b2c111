"""`voxanne calendar connect-caldav` against a real server, and what the database keeps of it."""

from pathlib import Path

import pytest

from tests.acceptance.commands import assert_fails, parsed, voxanne
from tests.database import Database
from tests.fakes.radicale_server import PASSWORD, USER, open_desk, radicale_server


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}


async def test_a_calendar_is_found_and_connected(
    database: Database, settings: dict[str, str], tmp_path: Path
) -> None:
    org_id = await database.organization(name="Harbor Dental")
    grey = await database.practitioner(org_id, name="Dr Grey")
    with radicale_server(tmp_path) as url, open_desk(url, "practice") as desk:
        connect = ["calendar", "connect-caldav", "Harbor Dental", "--address", url, "--user", USER]
        refused = voxanne(*connect, settings=settings, cwd=tmp_path, stdin="wrong\n")
        assert_fails(refused, "The server refuses the user or the password.")
        unnamed = voxanne(*connect, settings=settings, cwd=tmp_path)
        assert_fails(unnamed, "Give the password on standard input.")
        owner = await database.owner()
        assert await owner.fetchval("SELECT count(*) FROM calendar_connections") == 0

        connect += ["--practitioner", "grey", "--json"]
        done = voxanne(*connect, settings=settings, cwd=tmp_path, stdin=f"{PASSWORD}\n")
        connected = parsed(done)
        assert (connected["calendar"], connected["replaced"]) == (desk.url, False)
        row = await owner.fetchrow("SELECT * FROM calendar_connections")
        assert row is not None
        assert (str(row["id"]), row["practitioner_id"]) == (connected["id"], grey)
        assert (row["status"], row["calendar"], row["account"]) == ("connected", desk.url, USER)
        assert PASSWORD.encode() not in row["credentials"]
        for said in (done, refused):
            assert PASSWORD not in said.stdout + said.stderr


async def test_an_address_that_leads_nowhere_good_is_refused(
    database: Database, settings: dict[str, str], tmp_path: Path
) -> None:
    await database.organization(name="Harbor Dental")
    connect = ["calendar", "connect-caldav", "Harbor Dental", "--user", USER, "--address"]
    for address, said in (
        ("https://10.0.0.7/", "private network"),
        ("http://cloud.example.com/", "begins with https://"),
    ):
        done = voxanne(*connect, address, settings=settings, cwd=tmp_path, stdin="x\n")
        assert_fails(done, said)
    production = {
        **settings,
        "VOXANNE_ENV": "production",
        "VOXANNE_ENCRYPTION_KEYS": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
    }
    done = voxanne(
        *connect, "http://127.0.0.1:9999/", settings=production, cwd=tmp_path, stdin="x\n"
    )
    assert_fails(done, "private network")
