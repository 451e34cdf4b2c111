"""`voxanne doctor` as an operator runs it."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.database import Server
from voxanne.cli.doctoring import doctor
from voxanne.doctor import CHECKS

GUIDE = Path(__file__).parent.parent.parent / "docs" / "how-to" / "doctor.md"


@pytest.fixture
def url(server: Server) -> str:
    """Of a migrated database without a clinic."""
    return server.postgres.url("voxanne_read_only")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    # It is this process's, and every later test's.
    monkeypatch.setattr("voxanne.cli.root.configure_logging", lambda _level: None)
    for variable in ("DATABASE_URL", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)

    def invoke(*arguments: str, **variables: str) -> Result:
        environment = {"VOXANNE_DATA_DIR": str(tmp_path / "data"), **variables}
        return CliRunner().invoke(doctor, list(arguments), env=environment)

    return invoke


def test_json_has_what_was_agreed(run: Any, url: str) -> None:
    done = run("--json", "--url", "http://127.0.0.1:1", DATABASE_URL=url)
    report = json.loads(done.stdout)
    assert done.exit_code == 1  # nothing answers there
    assert report["ready"] is False
    assert [check["name"] for check in report["checks"]] == list(CHECKS)
    assert all(set(check) == {"name", "state", "detail", "fix"} for check in report["checks"])
    failed = {check["name"] for check in report["checks"] if check["state"] == "failed"}
    assert failed == {"live_booking"}
    assert report["capabilities"]["booking"] == "not ready (live_booking)"
    assert report["capabilities"]["sms"] == "off"


def test_one_line_per_check_and_the_fix_beside_it(run: Any, url: str, tmp_path: Path) -> None:
    done = run(
        *("--only", "backups", "--only", "tables", "--only", "mail"),
        DATABASE_URL=url,
        VOXANNE_BACKUP_DIR=str(tmp_path / "none"),
    )
    lines = done.stdout.splitlines()
    assert done.exit_code == 1
    assert lines[0].startswith("✓ tables           ")
    assert lines[1].startswith("– mail             ")
    assert lines[2].startswith("✗ backups          ")
    assert "  → correct it: docs/how-to/backup.md" in lines[2]
    assert lines[-2:] == ["not ready: backups", "e-mail off"]
    assert "\x1b" not in done.stdout


def test_all_well_is_exit_code_0(run: Any, url: str) -> None:
    done = run("--only", "tables", DATABASE_URL=url)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "ready")


def test_colours_where_they_are_wanted(run: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[32m✓" in run("--only", "disk", DATABASE_URL=url, FORCE_COLOR="1").stdout
    plain = run("--only", "disk", DATABASE_URL=url, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[3" not in plain


def test_wrong_settings_are_a_finding(run: Any) -> None:
    done = run("--json", VOXANNE_PORT="many")
    (check,) = json.loads(done.stdout)["checks"]
    assert done.exit_code == 1
    assert (check["name"], check["state"]) == ("settings", "failed")
    assert "VOXANNE_PORT" in check["detail"]


def test_production_without_a_key_is_a_finding(run: Any, url: str) -> None:
    done = run("--json", VOXANNE_ENV="production", DATABASE_URL=url)
    assert done.exit_code == 1
    assert "VOXANNE_ENCRYPTION_KEYS" in json.loads(done.stdout)["checks"][0]["detail"]


def test_a_database_that_isnt_there_isnt_made(run: Any, tmp_path: Path) -> None:
    done = run("--only", "database")
    assert done.exit_code == 1
    assert "there is no database yet" in done.stdout
    assert not (tmp_path / "data").exists()


def test_a_watch_prints_a_line_of_json_per_round(run: Any, url: str) -> None:
    done = run("--json", "--watch", "1s", "--only", "tables", DATABASE_URL=url)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert len(lines) == 2
    assert all(line["ready"] and line["at"] for line in lines)


@pytest.mark.parametrize("said", ["3x", "30", "m30", "", "0s", "25h", "1h 30m"])
def test_what_is_no_time_is_refused(run: Any, said: str) -> None:
    done = run("--watch", said)
    assert done.exit_code == 2
    assert "--watch" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_is_a_command(run: Any) -> None:
    assert "voxanne.cli.doctoring" in sys.modules
    assert "Exit code 1" in run("--help").stdout


def test_every_check_is_in_the_guide() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \|", GUIDE.read_text(), re.MULTILINE)
    assert rows == list(CHECKS)
