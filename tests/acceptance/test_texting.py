"""`voxanne sms`: an account is set, shown and removed, and what it would send is shown."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.commands import assert_fails, parsed, voxanne
from tests.database import Database

Run = Callable[..., subprocess.CompletedProcess[str]]
ORG = "Harbor Dental"
NUMBER = "+442079460000"


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}
    settings["VOXANNE_PUBLIC_URL"] = "https://book.example.com"

    def run_here(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return voxanne("sms", *arguments, settings=settings, cwd=tmp_path, stdin=stdin)

    return run_here


async def test_the_account(database: Database, run: Run) -> None:
    org_id = await database.organization(name=ORG)
    account = ("set", ORG, "--account-sid", "AC1", "--number")

    done = run(*account, NUMBER, stdin="a-secret-token\n")

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"https://book.example.com/callbacks/twilio/{org_id}/message"
    [shown] = parsed(run("show", ORG, "--json"))
    assert (shown["account_sid"], shown["number"]) == ("AC1", NUMBER)
    stored = await (await database.owner()).fetchval("SELECT encrypted_token FROM sms_accounts")
    assert b"secret" not in stored
    assert "secret" not in done.stdout + done.stderr
    assert_fails(run(*account, NUMBER), "standard input")
    assert_fails(
        run("set", ORG, "--account-sid", "/", "--number", NUMBER, stdin="t"), "account_sid"
    )
    assert "removed" in run("off", ORG).stderr
    assert await (await database.owner()).fetchval("SELECT count(*) FROM sms_accounts") == 0


async def test_the_preview(database: Database, run: Run) -> None:
    org_id = await database.organization(name=ORG, language="es")
    await (await database.owner()).execute(
        "INSERT INTO message_templates (org_id, kind, language, body) "
        "VALUES ($1, 'sms_change', 'es', 'Será el {when}')",
        org_id,
    )

    rows = {row["kind"]: row for row in parsed(run("preview", ORG, "--json"))}

    assert len(rows) == 5
    assert rows["sms_change"]["text"] == "Será el jueves 26 de noviembre a las 10:00"
    assert rows["sms_change"]["forced_by"] == ["á"]
    assert all(row["encoding"] == "GSM-7" for kind, row in rows.items() if kind != "sms_change")
    said = run("preview", ORG, "--kind", "sms_change").stdout
    assert said.startswith("sms_change (1 segment, UCS-2, because of á)\nSerá el")
