"""`voxanne validate`: 4/4 on a sound database, and on a broken one it says what is broken."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.database import Database
from voxanne.postgres.migrate import load_functions

SECONDS_MAX = 120
NO_LOCK = """
CREATE OR REPLACE FUNCTION lock_diary(
  p_org_id uuid, p_phone text, p_idempotency_key text, p_practitioners uuid[], p_rooms boolean,
  p_wait boolean
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN true; END'
"""
NO_NORMALIZATION = """
CREATE OR REPLACE FUNCTION normalize_phone(p_phone text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT AS 'BEGIN RETURN p_phone; END'
"""
NO_CONSTRAINT = "ALTER TABLE appointments DROP CONSTRAINT one_appointment_per_practitioner"


class Voxanne:
    """The command as an operator runs it, on one test's database."""

    def __init__(self, database_url: str, directory: Path) -> None:
        self.directory = directory
        kept = {name: value for name, value in os.environ.items() if "VOXANNE" not in name}
        self.environment = {
            **kept,
            "DATABASE_URL": database_url,
            "VOXANNE_DATA_DIR": str(directory),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voxanne", *arguments),
            cwd=self.directory,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        process = await self.start(*arguments)
        try:
            out, err = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


def changed(function: str, pattern: str, replacement: str) -> str:
    """The function's own text with one thing made wrong."""
    text, count = re.subn(pattern, replacement, load_functions()[function])
    assert count == 1, f"{function} has no {pattern!r} any more: break it another way"
    return text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def slow_slot_taken(seconds: float) -> str:
    """Wait between looking and storing, so that every rival has looked too."""
    return changed(
        "slot_taken", r"RETURN v_taken;\s*END", f"PERFORM pg_sleep({seconds}); RETURN v_taken; END"
    )


async def breaks(database: Database, *statements: str) -> None:
    owner = await database.owner()
    for statement in statements:
        await owner.execute(statement)


async def organization_count(database: Database) -> int:
    count: int = await (await database.owner()).fetchval("SELECT count(*) FROM organizations")
    return count


@pytest.fixture
def voxanne(database: Database, tmp_path: Path) -> Voxanne:
    return Voxanne(database.owner_url, tmp_path)


@pytest.fixture
async def api_url(voxanne: Voxanne) -> AsyncIterator[str]:
    """The API on the test's database."""
    server = await voxanne.start("serve", "--port", "0")
    assert server.stderr is not None
    try:
        line = ""
        while "Serving on" not in line:
            read = await asyncio.wait_for(server.stderr.readline(), SECONDS_MAX)
            assert read, "the API ended"
            line = read.decode()
        yield line.split()[2]
    finally:
        server.terminate()
        await server.communicate()


async def test_passes_on_a_fresh_database(database: Database, voxanne: Voxanne) -> None:
    code, out, err = await voxanne("validate")
    assert (code, out.splitlines()[-1]) == (0, "4/4"), out + err
    assert out.count("✓") == 4
    assert await organization_count(database) == 0


async def test_passes_over_http(database: Database, voxanne: Voxanne, api_url: str) -> None:
    code, out, err = await voxanne("validate", "--url", api_url, "--verbose")
    assert (code, out.splitlines()[-1]) == (0, "4/4"), out + err
    assert out.count("HTTP:") > 15
    assert await organization_count(database) == 0


async def test_json_has_every_check(voxanne: Voxanne) -> None:
    code, out, _ = await voxanne("validate", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["passed"], told["total"], len(told["criteria"])) == (4, 4, 4)
    for criterion in told["criteria"]:
        assert set(criterion) == {"name", "passed", "checks"}
        assert len(criterion["checks"]) > 5
        for check in criterion["checks"]:
            assert set(check) == {"name", "passed", "expected", "seen"}
            assert check["passed"]
            assert check["expected"] == check["seen"]


BROKEN = {
    "normalisation": (NO_NORMALIZATION,),
    "date prevention": (
        changed("time_refusal", r"WHEN p_scheduled_at <= p_moment THEN 'DATE_IN_PAST'", ""),
    ),
    "atomic conflict": (NO_LOCK, NO_CONSTRAINT),
    "tenant isolation": ("ALTER TABLE leads DISABLE ROW LEVEL SECURITY",),
}


@pytest.mark.parametrize("criterion", BROKEN)
async def test_says_which_criterion_is_broken(
    database: Database, voxanne: Voxanne, criterion: str
) -> None:
    await breaks(database, *BROKEN[criterion])
    code, out, err = await voxanne("validate")
    assert (code, out.splitlines()[-1]) == (1, "3/4"), out + err
    failed = [line for line in out.splitlines() if line.startswith("✗")]
    assert len(failed) == 1, out
    assert criterion in failed[0]
    assert "expected" in out
    assert "seen" in out
    assert await organization_count(database) == 0


@pytest.mark.parametrize("guard", [NO_LOCK, NO_CONSTRAINT], ids=["no lock", "no constraint"])
async def test_looks_at_each_guard(database: Database, voxanne: Voxanne, guard: str) -> None:
    """Without the lock the constraint still holds, and nothing is wrong to see; without the
    constraint a writer who bypasses the function gets through, and that is told.
    """
    await breaks(database, guard)
    code, out, err = await voxanne("validate")
    assert code == (0 if guard is NO_LOCK else 1), out + err
    assert ("a plain INSERT into a taken time" in out) == (guard is NO_CONSTRAINT)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
async def test_leaves_nothing_when_stopped(
    database: Database, voxanne: Voxanne, stop: signal.Signals
) -> None:
    await breaks(database, slow_slot_taken(20))
    process = await voxanne.start("validate")
    owner = await database.owner()
    while not await owner.fetchval(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
        "AND datname = current_database())"
    ):
        assert process.returncode is None
        await asyncio.sleep(0.05)
    process.send_signal(stop)
    _, err = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
    assert process.returncode == 1, err
    assert b"Traceback" not in err
    assert await organization_count(database) == 0


async def test_asks_for_the_schema(empty_database: Database, tmp_path: Path) -> None:
    code, _, err = await Voxanne(empty_database.owner_url, tmp_path)("validate")
    assert code == 1
    assert "voxanne migrate up" in err


async def test_says_when_the_api_is_elsewhere(
    api_url: str, empty_database: Database, tmp_path: Path
) -> None:
    elsewhere = Voxanne(empty_database.owner_url, tmp_path)
    assert (await elsewhere("migrate", "up"))[0] == 0
    code, _, err = await elsewhere("validate", "--url", api_url)
    assert code == 1
    assert "DATABASE_URL" in err
    code, _, err = await elsewhere("validate", "--url", "http://127.0.0.1:1")
    assert code == 1
    assert "Nothing answers" in err
