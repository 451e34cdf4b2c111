"""`staff`, as a process: who may use the dashboard, and the link that lets them in."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.acceptance.commands import assert_fails, parsed, voxanne
from tests.database import Database
from tests.integration.clinics import open_clinic, running_api
from tests.integration.staff_accounts import Browser

Run = Callable[..., CompletedProcess[str]]
NAME = "Harbor Dental"
ADA = "ada@harbor.example"


@pytest.fixture
async def run(database: Database, tmp_path: Path) -> Run:
    await open_clinic(database, name=NAME)
    settings = {
        "DATABASE_URL": database.owner_url,
        "VOXANNE_DATA_DIR": str(tmp_path / "data"),
        "VOXANNE_PUBLIC_URL": "https://desk.harbor.example/",
    }

    def run_here(*arguments: str) -> CompletedProcess[str]:
        return voxanne(*arguments, settings=settings, cwd=tmp_path)

    return run_here


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await (await database.owner()).fetch(query)]


async def test_somebody_is_added_and_gets_in(run: Run, database: Database) -> None:
    done = run("staff", "add", NAME, "Ada@Harbor.example", "--role", "owner", "--name", "Ada")
    assert done.returncode == 0, done.stderr
    address = done.stdout.strip()
    assert address.startswith("https://desk.harbor.example/sign-in/")
    assert "shown only now" in done.stderr
    (listed,) = parsed(run("staff", "list", NAME, "--json"))
    assert (listed["email"], listed["name"], listed["role"]) == (ADA, "Ada", "owner")
    assert ADA in run("staff", "list", NAME).stdout
    token = address.rpartition("/")[2]
    async with running_api(database) as api:
        browser = Browser(api.http)
        answer = await browser.post(f"/sign-in/{token}")
        assert answer.status_code == 303
        assert (await browser.get("/")).headers["location"].endswith("/calendar")
    assert await rows(database, "SELECT actor, action, subject_kind FROM audit_log") == [
        ("command line", "member_added", "member")
    ]


async def test_for_programs(run: Run) -> None:
    made = parsed(run("staff", "add", NAME, ADA, "--json"))
    assert (made["email"], made["role"]) == (ADA, "staff")
    again = parsed(run("staff", "link", ADA, "--json"))
    assert again["email"] == ADA
    assert again["link"] != made["link"]


async def test_who_works_elsewhere_is_invited(run: Run, database: Database) -> None:
    await open_clinic(database, name="Quay Clinic")
    assert run("staff", "add", NAME, ADA).returncode == 0
    invited = run("staff", "add", "Quay Clinic", ADA)
    assert "/join/" in invited.stdout
    assert "as usual" in invited.stderr
    assert "invited" in run("staff", "list", "Quay Clinic").stdout
    assert run("staff", "link", ADA).returncode == 0, "the operator may, for any account"


async def test_somebody_is_removed(run: Run, database: Database) -> None:
    assert run("staff", "add", NAME, ADA, "--role", "owner").returncode == 0
    assert_fails(run("staff", "remove", NAME, ADA), "last owner")
    assert run("staff", "add", NAME, "ben@harbor.example", "--role", "owner").returncode == 0
    assert run("staff", "remove", NAME, ADA).returncode == 0
    assert [row["email"] for row in parsed(run("staff", "list", NAME, "--json"))] == [
        "ben@harbor.example"
    ]
    assert await rows(database, "SELECT email FROM staff_accounts") == [("ben@harbor.example",)]


async def test_what_can_not_be_is_said(run: Run) -> None:
    assert run("staff", "add", NAME, ADA).returncode == 0
    assert_fails(run("staff", "add", NAME, ADA), "staff link")
    assert_fails(run("staff", "add", "Nowhere", ADA), "Nowhere")
    assert_fails(run("staff", "add", NAME, "no address"), "e-mail", code=2)
    assert_fails(run("staff", "remove", NAME, "ben@harbor.example"), "staff list")
    assert_fails(run("staff", "link", "ben@harbor.example"), "staff add")
    assert run("staff", "add", NAME, ADA, "--role", "king").returncode == 2
