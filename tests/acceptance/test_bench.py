"""`voxanne bench`: every figure is there, and nothing is left behind. How fast isn't asked."""

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.test_validate import Voxanne
from tests.database import Database

SHORT = ("bench", "--seconds", "0.5", "--memory-bookings", "200", "--appointments", "10000")
FIGURES = {
    "bookings": 1,
    "http": 1,
    "latency": 2,
    "contention": 2,
    "memory": 1,
    "deliveries": 2,
    "live": 3,
    "dashboard": 3,
    "start": 1,
    "voice": 2,
    "scale": 6,
    "availability": 5,
    "refusals": 4,
    "holds": 2,
    "reschedules": 1,
}


@pytest.fixture
def bench(database: Database, tmp_path: Path) -> Voxanne:
    """As a login that may create databases."""
    return Voxanne(database.superuser_url, tmp_path)


async def is_left(database: Database, said: str) -> bool:
    """Whether the scratch database that standard error named is still there."""
    found = re.search(r"Working in (voxanne_bench_\w+)", said)
    assert found, said
    left: bool = await (await database.owner()).fetchval(
        "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", found[1]
    )
    return left


async def test_every_figure(database: Database, bench: Voxanne) -> None:
    code, out, err = await bench(*SHORT, "--json")
    assert code == 0, out + err
    told = json.loads(out)
    assert told["wrong"] == []
    assert {name: len(figures) for name, figures in told["figures"].items()} == FIGURES
    for figures in told["figures"].values():
        for figure in figures:
            # A machine may be too busy to hold any rate.
            assert figure["value"] > 0 or "one API process holds" in figure["name"]
            assert (figure["met"] is None) == (figure["target"] is None)
    assert told["figures"]["contention"][0]["detail"]["outcomes"] == {
        "booked": 1,
        "SLOT_UNAVAILABLE": 199,
    }
    assert {"cores", "postgresql", "fsync"} <= set(told["machine"])
    assert not await is_left(database, err)


async def test_one_measurement_as_a_table(bench: Voxanne) -> None:
    code, out, err = await bench(*SHORT, "--only", "contention")
    assert code == 0, out + err
    assert "winners among 200 callers" in out
    assert "INSERT" not in out
    assert "contention: " in err


async def test_strict_fails_on_a_missed_target(bench: Voxanne) -> None:
    """With a target that this much work in half a second can't reach or can't miss."""
    code, out, err = await bench(*SHORT, "--only", "bookings", "--strict", "--json")
    met = json.loads(out)["figures"]["bookings"][0]["met"]
    assert code == (0 if met else 1), err


async def test_says_what_right_is_missing(database: Database, tmp_path: Path) -> None:
    code, _, err = await Voxanne(database.owner_url, tmp_path)(*SHORT)
    assert code == 1
    assert 'ALTER ROLE "voxanne" CREATEDB' in err


async def test_never_measures_in_the_deployments_database(
    database: Database, tmp_path: Path
) -> None:
    """A URL may name its database as a parameter, which outweighs the path."""
    url = f"{database.superuser_url}&dbname={database.name}"
    owner = await database.owner()
    code, out, err = await Voxanne(url, tmp_path)(*SHORT, "--only", "bookings")
    assert code == 0, out + err
    assert await owner.fetchval("SELECT count(*) FROM appointments") == 0
