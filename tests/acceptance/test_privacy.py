"""`voxanne export`, `erase` and `audit`: a person's data out, or gone, and who did it."""

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.commands import assert_fails, parsed, voxanne
from tests.database import Database

Run = Callable[..., subprocess.CompletedProcess[str]]
ORG = "Harbor Dental"
NUMBER = "+442079460958"


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}

    def run_here(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return voxanne(*arguments, settings=settings, cwd=tmp_path, stdin=stdin)

    return run_here


async def book(database: Database, name: str) -> str:
    owner = await database.owner()
    org_id = await owner.fetchval("SELECT id FROM organizations WHERE name = $1", ORG)
    if org_id is None:
        org_id = await database.organization(name=ORG)
        for doctor in ("Dr Grey", "Dr Brown"):
            await database.practitioner(org_id, name=doctor)
    booked = await database.book(owner, org_id, patient_name=name, patient_phone=NUMBER)
    assert booked["success"], booked
    return str(booked["contact_id"])


async def test_a_person_out_and_gone(database: Database, run: Run, tmp_path: Path) -> None:
    lead = await book(database, "Ann Taylor")
    file = tmp_path / "ann.json"

    document = parsed(run("export", ORG, NUMBER))
    done = run("export", ORG, lead, "--output", str(file))

    assert done.returncode == 0, done.stderr
    assert document["people"][0]["name"] == "Ann Taylor"
    saved = json.loads(file.read_text())
    assert saved["people"] == document["people"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("export", ORG, lead, "--output", str(file)).returncode == 1  # there is one

    assert_fails(run("erase", ORG, lead, "--yes"), "--cancel-appointments")
    asked = run("erase", ORG, lead, "--cancel-appointments", stdin="n\n")
    assert asked.returncode == 1
    assert "Ann Taylor" in asked.stderr
    assert await (await database.owner()).fetchval("SELECT count(*) FROM leads") == 1

    receipt = parsed(run("erase", ORG, NUMBER, "--cancel-appointments", "--yes", "--json"))
    assert receipt["counts"]["people"] == 1
    assert await (await database.owner()).fetchval("SELECT count(*) FROM leads") == 0
    assert_fails(run("erase", ORG, lead, "--yes"), "no such person")
    assert_fails(run("export", ORG, NUMBER), "no such person")

    rows = parsed(run("audit", ORG, "--json"))
    assert [row["action"] for row in rows] == ["person_erased"] + ["person_exported"] * 2
    assert {(row["actor"], row["subject_id"]) for row in rows} == {("command line", lead)}
    assert len(parsed(run("audit", ORG, "--action", "person_erased", "--json"))) == 1
    assert "person_erased" in run("audit", ORG, "--subject", lead, "--limit", "1").stdout
    assert parsed(run("audit", ORG, "--from", "2999-01-01", "--json")) == []


async def test_of_a_household_the_one_is_named(database: Database, run: Run) -> None:
    await book(database, "Ann Taylor")
    tom = await book(database, "Tom Taylor")
    assert_fails(run("export", ORG, NUMBER), "2 people", "--name")
    assert parsed(run("export", ORG, NUMBER, "--name", "tom taylor"))["lead_id"] == tom
    done = run("erase", ORG, NUMBER, "--name", "Tom Taylor", "--cancel-appointments", stdin="y\n")
    assert done.returncode == 0, done.stderr
    assert f"erased   {tom}" in done.stdout
    assert "backups" in done.stderr
    assert parsed(run("export", ORG, NUMBER))["people"][0]["name"] == "Ann Taylor"
