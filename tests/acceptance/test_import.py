"""`import` of an existing diary, as a process."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.acceptance.commands import assert_fails, parsed, voxanne
from tests.database import Database
from tests.integration.clinics import Clinic, open_clinic
from voxanne.cli import diary_import
from voxanne.clinic_files.diary import BYTES_MAX
from voxanne.postgres.organizations import OrganizationError

Run = Callable[..., CompletedProcess[str]]
NAME = "Harbor Dental"
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
COLUMNS = "start,duration,practitioner,service,name,phone,email,birth date,notes,room\n"
MAYA = "2026-12-01 10:00,30,Dr Chen,consultation,maya okafor,020 7946 0123,M@x.org,1980-05-31,"
MAYA += "nervous,\n"
ANN = "2026-12-01 11:00,60,Chen,Consultation,Ann Taylor,+442079460124,,,,\n"
BLOCK = "2026-12-02 12:00,60,Dr Reyes,,,,,,,\n"
CONFIGURATION: dict[str, Any] = {
    "practitioners": [{"name": "Dr Amara Chen"}, {"name": "Dr Tomas Reyes"}],
    "services": [{"key": "consultation", "name": "Consultation", "duration_minutes": 60}],
    "rooms": [{"name": "Surgery 1"}],
}


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """Run a command on the migrated database, in the test's own folder."""
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}

    def run_here(*arguments: str) -> CompletedProcess[str]:
        return voxanne(*arguments, settings=settings, cwd=tmp_path)

    return run_here


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """Two practitioners, weekdays 9 to 17, consultations of an hour."""
    await database.set_clock(NOW)
    clinic = await open_clinic(database, name=NAME)
    await configure(database, clinic, CONFIGURATION)
    return clinic


async def configure(database: Database, clinic: Clinic, document: dict[str, Any]) -> None:
    owner = await database.owner()
    answer = await database.call(
        owner, "configure_clinic", clinic.id, document=json.dumps(document), source="staff"
    )
    assert answer["success"], answer


def write(tmp_path: Path, *rows: str, columns: str = COLUMNS) -> str:
    (tmp_path / "diary.csv").write_text(columns + "".join(rows))
    return "diary.csv"


async def stored(database: Database) -> dict[str, int]:
    owner = await database.owner()
    tables = ("appointments", "absences", "leads", "events", "deliveries")
    return {
        table: await owner.fetchval(
            f"SELECT count(*) FROM {table}"
            + (" WHERE kind <> 'configured'" if table == "events" else "")
        )
        for table in tables
    }


async def test_a_diary_is_taken_over_once(
    run: Run, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    past = "2026-11-20 10:00,30,Dr Chen,consultation,Bob Stone,+442079460125,,,,\n"
    file = write(tmp_path, MAYA, ANN, BLOCK, past)
    tried = run("import", NAME, file, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "it could be 2 appointments and 1 absence. Left out: 1 past." in tried.stderr
    assert set((await stored(database)).values()) == {0}
    done = run("import", NAME, file)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Imported 2 appointments and 1 absence. Left out: 1 past." in done.stderr
    owner = await database.owner()
    rows = await owner.fetch(
        "SELECT scheduled_at, source, p.name, leads.name AS patient, phone, email, birth_date, "
        "metadata "
        "FROM appointments a JOIN practitioners p ON p.id = practitioner_id "
        "JOIN leads ON leads.id = contact_id ORDER BY scheduled_at"
    )
    maya = rows[0]
    assert (maya["scheduled_at"], maya["source"]) == (
        datetime(2026, 12, 1, 10, tzinfo=UTC),
        "import",
    )
    assert (maya["name"], maya["patient"], maya["phone"]) == (
        "Dr Amara Chen",
        "Maya Okafor",
        "+442079460123",
    )
    assert (maya["email"], str(maya["birth_date"])) == ("m@x.org", "1980-05-31")
    assert json.loads(maya["metadata"])["notes"] == "nervous"
    absence = await owner.fetchrow("SELECT * FROM absences")
    assert absence is not None
    assert (absence["starts_at"].hour, absence["reason"]) == (12, "imported")
    assert await owner.fetchval("SELECT version FROM organizations") == 3, "it configures, too"
    kept = await stored(database)
    again = parsed(run("import", NAME, file, "--json"))
    assert (again["booked"], again["absent"], again["present"], again["past"]) == (0, 0, 3, 1)
    assert await stored(database) == kept


async def test_conflicts_are_listed_and_nothing_is_half_done(
    run: Run, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    owner = await database.owner()
    chen = await owner.fetchval("SELECT id FROM practitioners WHERE name = 'Dr Amara Chen'")
    await database.appointment(
        clinic.id,
        chen,
        scheduled_at=datetime(2026, 12, 3, 10, tzinfo=UTC),
        ends_at=datetime(2026, 12, 3, 11, tzinfo=UTC),
    )
    before = await stored(database)
    file = write(
        tmp_path,
        MAYA,
        ANN,
        "2026-12-03 10:30,30,Dr Chen,consultation,Bob Stone,+442079460125,,,,\n",
        "2026-12-01 11:15,30,Dr Chen,consultation,Eve Hall,+442079461126,,,,\n",
        "2026-12-04 10:00,30,Dr Chen,surgery,Eve Hall,+442079461126,,,,\n",
        "2026-12-04 10:00,30,Dr Who,consultation,Eve Hall,+442079461126,,,,\n",
        "2026-12-04 10:00,30,Dr,consultation,Eve Hall,+442079461126,,,,\n",
        "2026-12-04 10:00,30,,consultation,Eve Hall,+442079461126,,,,\n",
        "2026-12-04 10:00,30,Dr Chen,consultation,!!,+442079461126,,,,\n",
        "2026-12-04 10:00,30,Dr Chen,consultation,Eve Hall,12,,,,\n",
        "2026-12-04 10:00,30,Dr Chen,consultation,Eve Hall,+442079461126,,,,Cellar\n",
        "soon,30,Dr Chen,consultation,Eve Hall,+442079461126,,,,\n",
    )
    refused = run("import", NAME, file)
    assert refused.returncode == 1
    assert "Nothing was imported" in refused.stderr
    assert "--skip-conflicts imports 2 appointments" in refused.stderr
    assert await stored(database) == before
    lines = refused.stdout.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        ["row 4", "SLOT_UNAVAILABLE"],
        ["row 5", "SLOT_UNAVAILABLE"],
        ["row 6", "UNKNOWN_SERVICE"],
        ["row 7", "UNKNOWN_PRACTITIONER"],
        ["row 8", "UNKNOWN_PRACTITIONER"],
        ["row 9", "UNKNOWN_PRACTITIONER"],
        ["row 10", "INVALID_NAME"],
        ["row 11", "INVALID_PHONE"],
        ["row 12", "NOT_FOUND"],
        ["row 13", "INVALID_DATE"],
    ]
    assert "2026-12-03 10:30-11:00" in lines[0]
    assert "taken 2026-12-03 10:00-11:00" in lines[0]
    assert lines[1].endswith("by row 3")
    for word in ("Maya", "Okafor", "Ann", "Stone", "Eve", "461126", "Who", "Cellar"):
        assert word not in refused.stdout + refused.stderr
    skipped = parsed(run("import", NAME, file, "--skip-conflicts", "--json"))
    assert (skipped["booked"], len(skipped["problems"]), skipped["stored"]) == (2, 10, True)
    assert (await stored(database))["appointments"] == before["appointments"] + 2


async def test_a_row_that_changed_since_is_told(
    run: Run, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    columns = "id," + COLUMNS
    parsed(run("import", NAME, write(tmp_path, f"7,{MAYA}", columns=columns), "--json"))
    moved = MAYA.replace("10:00", "15:00")
    refused = run("import", NAME, write(tmp_path, f"7,{moved}", columns=columns), "--json")
    assert refused.returncode == 1
    (problem,) = json.loads(refused.stdout)["problems"]
    assert (problem["row"], problem["error"]) == (2, "IDEMPOTENCY_MISMATCH")
    assert "by hand" in problem["message"]


async def test_a_practitioners_calendar_is_taken_over(
    run: Run, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "chen.ICS").write_text(
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n"
        "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Europe/London:20261201T100000\n"
        "DTEND;TZID=Europe/London:20261201T110000\nSUMMARY:Maya Okafor +44 20 7946 0123\n"
        "END:VEVENT\n"
        "BEGIN:VEVENT\nUID:2\nDTSTART;VALUE=DATE:20261224\nSUMMARY:Secret\nEND:VEVENT\n"
        "BEGIN:VEVENT\nUID:3\nDTSTART:20261130T120000\nDURATION:PT1H\n"
        "RRULE:FREQ=WEEKLY;COUNT=3\n"
        "SUMMARY:Lunch\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    assert run("import", NAME, "chen.ICS").returncode == 1
    assert_fails(
        run("import", NAME, "chen.ICS", "--practitioner", "Dr Who"), "no such practitioner"
    )
    done = parsed(run("import", NAME, "chen.ICS", "--practitioner", "Amara Chen", "--json"))
    assert (done["booked"], done["absent"], done["problems"]) == (1, 4, [])
    again = parsed(run("import", NAME, "chen.ICS", "--practitioner", "Dr Chen", "--json"))
    assert (again["booked"], again["absent"], again["present"]) == (0, 0, 5)
    owner = await database.owner()
    names = await owner.fetch(
        "SELECT DISTINCT name, reason FROM absences "
        "JOIN practitioners ON practitioners.id = practitioner_id"
    )
    assert [tuple(row) for row in names] == [("Dr Amara Chen", "imported")]


def test_a_file_that_can_not_be_imported(run: Run, clinic: Clinic, tmp_path: Path) -> None:
    assert_fails(run("import", NAME, "diary.xlsx"), ".csv or .ics", code=2)
    assert_fails(run("import", NAME, "diary.csv"), "diary.csv")
    assert_fails(run("import", "Nobody", write(tmp_path, MAYA)), "Nobody")
    assert_fails(run("import", NAME, write(tmp_path, columns="name,phone\n")), "diary.csv", "start")
    (tmp_path / "x.ics").write_text("hello")
    assert_fails(run("import", NAME, "x.ics"), "iCalendar")
    (tmp_path / "large.csv").write_bytes(b"x" * (BYTES_MAX + 1))
    assert_fails(run("import", NAME, "large.csv"), "10,000,000")


async def test_the_rules_for_callers_do_not_bind_a_diary(
    run: Run, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    """At night, within the notice, past the horizon, and more than one caller may hold."""
    rules = {"notice_minutes": 10080, "horizon_days": 30, "upcoming_per_caller_max": 1}
    await configure(database, clinic, rules)
    rows = [
        f"{day} 03:00,60,Dr Chen,consultation,Maya Okafor,020 7946 0123,,,,\n"
        for day in ("2026-11-22", "2026-12-25", "2027-11-25", "2028-06-01")
    ]
    done = parsed(run("import", NAME, write(tmp_path, *rows), "--json"))
    assert (done["booked"], done["problems"]) == (4, [])


async def test_nobody_is_sent_a_message(
    run: Run, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    parsed(run("import", NAME, write(tmp_path, MAYA), "--json"))
    owner = await database.owner()
    rows = await owner.fetch("SELECT kind, status FROM deliveries WHERE status <> 'voided'")
    assert [tuple(row) for row in rows] == [("calendar", "queued")]


async def test_an_appointment_lasts_as_long_as_the_diary_says(
    run: Run, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    parsed(run("import", NAME, write(tmp_path, MAYA), "--json"))
    owner = await database.owner()
    assert await owner.fetchval("SELECT ends_at FROM appointments") == datetime(
        2026, 12, 1, 10, 30, tzinfo=UTC
    )


async def test_a_diary_without_buffers_is_taken_over_as_it_is(
    run: Run, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    buffered = {**CONFIGURATION["services"][0], "buffer_after_minutes": 15}
    await configure(database, clinic, {"services": [buffered]})
    rows = [
        f"2026-12-01 {hour}:00,60,Dr Chen,consultation,Maya Okafor,020 7946 0123,,,,\n"
        for hour in (10, 11)
    ]
    done = parsed(run("import", NAME, write(tmp_path, *rows), "--json"))
    assert done["booked"] == 2


async def test_a_long_diary_takes_no_lock_per_row(clinic: Clinic, database: Database) -> None:
    """The server has room for some thousand locks; a diary has tens of thousands of rows."""
    owner = await database.connect_owner()
    counts = []
    async with owner.transaction():
        for hour in (10, 12, 14):
            await database.book(
                owner,
                clinic.id,
                scheduled_at=datetime(2026, 12, 1, hour, tzinfo=UTC),
                patient_phone=f"+4420794601{hour}",
                source="import",
                idempotency_key=f"import:{hour}",
            )
            counts.append(
                await owner.fetchval(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
                    "AND pid = pg_backend_pid()"
                )
            )
    assert len(set(counts)) == 1


async def test_a_diary_too_long_for_the_servers_locks_is_refused_whole(
    clinic: Clinic, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await database.connect_owner()

    async def fill(*_: object) -> None:
        # As the server says it; a lock table that is really full is every other test's, too.
        await owner.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53200'; END $$")

    monkeypatch.setattr(diary_import._Importer, "_book", fill)
    wish = diary_import.Import(
        organization=clinic.id,
        content=(COLUMNS + MAYA).encode(),
        format=".csv",
        practitioner=None,
        service="consultation",
        commit=True,
        skip_conflicts=False,
        advance=lambda done, number: None,
    )
    with pytest.raises(OrganizationError, match="Split the file"):
        await diary_import.import_diary(owner, wish)
    assert set((await stored(database)).values()) == {0}
