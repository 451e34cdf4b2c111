"""`voxanne delivery`: how each stands, and another try."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.acceptance.commands import assert_fails, parsed, voxanne
from tests.database import Database


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}


async def test_staff_see_what_failed_and_try_again(
    database: Database, settings: dict[str, str], tmp_path: Path
) -> None:
    clinic = await database.organization(name="Harbor Dental")
    owner = await database.owner()
    booked = (await database.book(owner, clinic))["appointment_id"]
    await owner.execute(
        "UPDATE deliveries SET status = 'failed', attempts = 3, error = 'It was refused.' "
        "WHERE kind = 'sms_confirmation'"
    )
    await owner.execute("UPDATE deliveries SET due_at = 'infinity' WHERE kind = 'calendar'")
    failed = ("delivery", "list", "Harbor Dental", "--status", "failed")

    shown = voxanne(*failed, settings=settings, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for words in (booked, "sms_confirmation", "failed", "3", "It was refused."):
        assert words in shown.stdout
    assert "calendar" not in shown.stdout
    of_one = ("delivery", "list", str(clinic), "--appointment", booked)
    shown = voxanne(*of_one, settings=settings, cwd=tmp_path)
    assert "waits until it is put right" in shown.stdout

    retry = ("delivery", "retry", "Harbor Dental", booked, "sms_confirmation")
    tried = voxanne(*retry, settings=settings, cwd=tmp_path)
    assert tried.returncode == 0, tried.stderr
    assert "next try" in tried.stdout
    assert parsed(voxanne(*failed, "--json", settings=settings, cwd=tmp_path)) == []
    (again,) = parsed(voxanne(*retry, "--json", settings=settings, cwd=tmp_path))
    assert (again["status"], again["attempts"]) == ("queued", 3)


async def test_what_is_not_there_is_told(
    database: Database, settings: dict[str, str], tmp_path: Path
) -> None:
    await database.organization(name="Harbor Dental")
    nothing = str(UUID(int=7))
    retry = ("delivery", "retry", "Harbor Dental", nothing, "calendar")
    assert_fails(voxanne(*retry, settings=settings, cwd=tmp_path), "NOT_FOUND")
    listed = ("delivery", "list", "Harbor Dental", "--appointment", nothing)
    assert_fails(voxanne(*listed, settings=settings, cwd=tmp_path), "NOT_FOUND")
