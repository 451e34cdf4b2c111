"""`org apply`, `org show` and `org create --country`, as processes."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.acceptance.commands import assert_fails, parsed, voxanne
from tests.database import Database
from tests.integration.clinics import Clinic, open_clinic

Run = Callable[..., CompletedProcess[str]]
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "harbor-dental.yaml"
NAME = "Harbor Dental"
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """Run a command on the migrated database, in the test's own folder."""
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}

    def run_here(*arguments: str, stdin: str = "") -> CompletedProcess[str]:
        return voxanne(*arguments, settings=settings, cwd=tmp_path, stdin=stdin)

    return run_here


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    await database.set_clock(NOW)
    return await open_clinic(database, name=NAME)


def write(tmp_path: Path, text: str) -> str:
    (tmp_path / "clinic.yaml").write_text(text)
    return "clinic.yaml"


async def test_the_example_is_applied_with_a_diff(
    run: Run, clinic: Clinic, database: Database
) -> None:
    owner = await database.owner()
    before = json.loads(await owner.fetchval("SELECT clinic_configuration($1)", clinic.id))
    tried = run("org", "apply", NAME, str(EXAMPLE), "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "Dry run" in tried.stderr
    assert json.loads(await owner.fetchval("SELECT clinic_configuration($1)", clinic.id)) == before
    done = run("org", "apply", NAME, str(EXAMPLE))
    assert done.returncode == 0, done.stderr
    assert done.stdout == tried.stdout
    assert "version is now 2" in done.stderr
    lines = done.stdout.splitlines()
    assert "  ~ Monday: 09:00-17:00 → 08:30-17:30" in lines
    assert "  + Dr Tomas Reyes, Thursday: 08:30-12:30, 14:00-19:00" in lines
    assert "  ~ Harbor Dental: active True → False" in lines
    (root_canal,) = (line for line in lines if line.startswith("  + Root canal: "))
    assert "duration_minutes 90" in root_canal
    assert "  + 2026-12-29: closed (Christmas break)" in lines
    assert "  + 2026-12-25: closed (public holiday: Christmas Day)" in lines
    assert any(line.startswith("! Harbor Dental is no longer active") for line in lines)
    again = run("org", "apply", NAME, str(EXAMPLE))
    assert (again.returncode, again.stderr) == (0, "Nothing to change.\n")


def test_what_is_shown_applied_again_changes_nothing(
    run: Run, clinic: Clinic, tmp_path: Path
) -> None:
    run("org", "apply", NAME, str(EXAMPLE))
    shown = run("org", "show", NAME, "--yaml")
    assert shown.returncode == 0, shown.stderr
    assert run("org", "show", NAME).stdout == shown.stdout
    assert "monday-thursday: 08:30-17:30" in shown.stdout
    assert "price: 420.00 GBP" in shown.stdout
    done = parsed(run("org", "apply", NAME, "-", "--json", stdin=shown.stdout))
    assert (done["success"], done["changes"], done["version"]) == (True, [], 2)
    document = parsed(run("org", "show", NAME, "--json"))
    assert document["version"] == 2
    assert document["horizon_days"] == 180
    assert_fails(run("org", "show", NAME, "--json", "--yaml"), "one", code=2)


def test_the_answer_as_json_is_the_functions_own(run: Run, clinic: Clinic, tmp_path: Path) -> None:
    file = write(tmp_path, "rules:\n  notice: 2h\n")
    done = parsed(run("org", "apply", str(clinic.id), file, "--json"))
    assert done["changes"] == [
        {"section": "clinic", "name": "notice_minutes", "before": 0, "after": 120}
    ]
    file = write(tmp_path, "hours:\n  monday: 09:00-09:00\n")
    refused = run("org", "apply", NAME, file, "--json")
    assert refused.returncode == 1
    answer = json.loads(refused.stdout)
    assert answer["error"] == "INVALID_HOURS"
    assert (answer["where"], answer["line"]) == ("hours.monday", 2)


PERSON = "practitioners:\n  - name: A\n    "
SERVICE = "services:\n  - name: A\n    duration: "
HOURS, DURATION, ARGUMENTS = "INVALID_HOURS", "INVALID_DURATION", "INVALID_ARGUMENTS"
# (file, code, line and path, words): by the reader, and by the database with the file's own place.
REFUSED = [
    ("nome: x", ARGUMENTS, "1: nome:", "there are: name"),
    ("a: [", ARGUMENTS, "1:", "YAML"),
    ("name: a\nname: b", ARGUMENTS, "2: name:", "line 1"),
    ("hours:\n  monday: 9-5", HOURS, "2: hours.monday:", "09:00-17:00"),
    ("breaks:\n  friday: 14:00-13:00", HOURS, "2: breaks.friday:", "before it starts"),
    (
        'hours:\n  monday:\n    - "09:00-13:00"\n    - "12:00-17:00"',
        *(HOURS, "4: hours.monday[1]:", "overlaps"),
    ),
    (
        "hours:\n  sunday: 20:00-03:00\n  monday: 02:00-09:00",
        *(HOURS, "3: hours.monday:", "overlaps"),
    ),
    (f"{SERVICE}9h", DURATION, "3: services[0].duration:", "540 minutes"),
    (f"{SERVICE}8h\n    buffer_after: 1 minute", DURATION, "4: services[0].buffer_after:", "481"),
    ("hours: {monday: 09:00-09:30}", DURATION, "1: hours:", "60 minutes"),
    ("timezone: Mars/Olympus", "INVALID_TIMEZONE", "1: timezone:", "Europe/London"),
    (f"{PERSON}services: [x]", "UNKNOWN_SERVICE", "3: practitioners[0].services[0]:", "service x"),
    ("rooms: [A,\n a]", ARGUMENTS, "2: rooms[1]:", "called the same"),
    (
        f"{PERSON}absences:\n      - {{from: 2026-12-02 10:00, to: 2026-12-01 10:00}}",
        *(HOURS, "4: practitioners[0].absences[0]:", "after it starts"),
    ),
    ("rules:\n  slot: 3 minutes", ARGUMENTS, "2: rules.slot:", "5 to 1440"),
]


def test_what_is_refused_is_told_with_line_path_and_code(
    run: Run, clinic: Clinic, tmp_path: Path
) -> None:
    for text, code, place, words in REFUSED:
        refused = run("org", "apply", NAME, write(tmp_path, text))
        assert_fails(refused, f"clinic.yaml:{place}", words, f"[{code}]")
    assert parsed(run("org", "show", NAME, "--json"))["version"] == 1


async def test_another_zone_must_be_confirmed(
    run: Run, clinic: Clinic, database: Database, tmp_path: Path
) -> None:
    owner = await database.owner()
    await database.book(owner, clinic.id, scheduled_at=datetime(2026, 12, 1, 10, tzinfo=UTC))
    file = write(tmp_path, "timezone: Europe/Berlin\n")
    assert_fails(
        run("org", "apply", NAME, file),
        "clinic.yaml:1: timezone",
        "--confirm",
        "NEEDS_CONFIRMATION",
    )
    done = run("org", "apply", NAME, file, "--confirm")
    assert done.returncode == 0, done.stderr
    assert "time of day of upcoming appointments" in done.stdout


def test_a_file_or_clinic_that_is_not_there(run: Run, clinic: Clinic, tmp_path: Path) -> None:
    assert_fails(run("org", "apply", NAME, "missing.yaml"), "missing.yaml")
    assert_fails(run("org", "apply", "Nobody", write(tmp_path, "name: x")), "Nobody")
    assert_fails(run("org", "show", "Nobody"), "Nobody")


async def test_a_zone_that_only_postgresql_knows_is_told(run: Run, database: Database) -> None:
    await database.organization(name=NAME, timezone="GMT+1")
    assert_fails(run("org", "show", NAME), "GMT+1", "org apply")
    assert_fails(run("org", "apply", NAME, "-", stdin="breaks: {}"), "GMT+1", "INVALID_TIMEZONE")
    assert run("org", "apply", NAME, "-", stdin="timezone: Europe/Paris").returncode == 0


async def test_a_country_closes_its_public_holidays(run: Run, database: Database) -> None:
    await database.set_clock(NOW)
    made = parsed(
        run("org", "create", "Praxis", "--country", "de", "--timezone", "Europe/Berlin", "--json")
    )
    owner = await database.owner()
    rows = await owner.fetch(
        "SELECT day, reason, opens, source FROM date_exceptions WHERE org_id::text = $1 "
        "ORDER BY day",
        made["org_id"],
    )
    assert tuple(rows[0]) == (date(2026, 12, 25), "Christmas Day", None, "holiday")
    assert rows[-1]["day"].year == 2029
    refused = await database.book(
        owner, made["org_id"], scheduled_at=datetime(2026, 12, 25, 10, tzinfo=UTC)
    )
    assert (refused["error"], refused["reason"]) == ("OUTSIDE_HOURS", "holiday")
    done = parsed(run("org", "apply", "Praxis", "-", "--json", stdin="holidays: DE\n"))
    assert done["changes"] == []
    done = parsed(run("org", "apply", "Praxis", "-", "--json", stdin="holidays: none\n"))
    assert len(done["changes"]) == len(rows) + 1
    elsewhere = run("org", "create", "Somewhere", "--country", "AQ")
    assert elsewhere.returncode == 0, elsewhere.stderr
    without = run("org", "create", "Nowhere", "--country", "ZZ")
    assert without.returncode == 0
    assert re.search("No public holidays are known for ZZ", without.stderr)
