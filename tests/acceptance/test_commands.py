"""The operator's commands, as processes, on a database of the test's own."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from tests.acceptance.commands import assert_fails, parsed, voxanne
from tests.database import Database
from tests.integration.clinics import (
    RPC_URL,
    VAPI_URL,
    connected_app,
    in_process,
    open_clinic,
    settings_for,
)
from tests.unit import vapi_bodies as bodies
from voxanne.cli import root
from voxanne.config import Settings, variable_name

Run = Callable[..., subprocess.CompletedProcess[str]]
ID = "a0000000-0000-4000-8000-000000000001"


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """Run a command on the migrated database."""
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}

    def run_here(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return voxanne(*arguments, settings=settings, cwd=tmp_path, stdin=stdin)

    return run_here


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def all_commands() -> dict[str, click.Command]:
    root.load_commands()
    return dict(commands(root.cli))


def test_every_command_explains_itself() -> None:
    for name, command in all_commands().items():
        assert command.help, name
        context = click.Context(command, info_name=f"voxanne {name}")
        assert "--help" in command.get_help(context), name


def test_every_command_shows_an_example() -> None:
    lacking = [
        name for name, command in all_commands().items() if "Example" not in (command.help or "")
    ]
    assert lacking == []


def test_help_and_version_need_no_database(tmp_path: Path) -> None:
    shown = voxanne("--help", settings={}, cwd=tmp_path)
    assert shown.returncode == 0
    assert "voxanne demo" in shown.stdout
    version = voxanne("--version", settings={}, cwd=tmp_path)
    assert re.fullmatch(r"voxanne, version \d+\.\d+\.\d+\n", version.stdout)
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_nobody_migrated_is_told(empty_database: Database, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": empty_database.owner_url}
    done = voxanne("org", "list", settings=settings, cwd=tmp_path)
    assert_fails(done, "voxanne migrate up")


def test_the_schema_goes_up_and_down_and_up(empty_database: Database, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": empty_database.owner_url}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return voxanne("migrate", *arguments, settings=settings, cwd=tmp_path)

    pending = run("status", "--json")
    assert pending.returncode == 1
    assert {row["state"] for row in json.loads(pending.stdout)} == {"pending"}
    assert run("up").returncode == 0
    assert {row["state"] for row in parsed(run("status", "--json"))} == {"applied"}
    refused = run("down", "--to", "0")
    assert refused.returncode == 1, "without --yes it asks"
    assert {row["state"] for row in parsed(run("status", "--json"))} == {"applied"}
    assert run("down", "--to", "0", "--yes").returncode == 0
    assert "Nothing" in run("down", "--yes").stderr
    assert run("up").returncode == 0


async def test_a_created_clinic_can_be_booked_with_its_key(run: Run, database: Database) -> None:
    created = parsed(run("org", "create", "Harbor Dental", "--country", "gb", "--id", ID, "--json"))
    assert created.keys() == {"org_id", "api_key"}
    assert created["org_id"] == ID
    another = parsed(run("org", "key", "Harbor Dental", "--json"))
    assert another.keys() == {"org_id", "api_key"}
    assert another["api_key"] != created["api_key"]
    run("org", "key", ID, "--scope", "read_only")
    owner = await database.owner()
    scopes = await owner.fetch("SELECT scope FROM credentials ORDER BY scope")
    assert [row["scope"] for row in scopes] == ["admin", "agent", "read_only"]
    settings = settings_for(database.owner_url)
    async with connected_app(settings, database.owner_url) as (app, _, _), in_process(app) as http:
        for answer in (created, another):
            body = bodies.envelope([bodies.tool_call(arguments={"name": ""})])
            headers = {"Authorization": f"Bearer {answer['api_key']}"}
            assert (await http.post(VAPI_URL, json=body, headers=headers)).status_code == 200
            assert (await http.post(RPC_URL, json={}, headers=headers)).status_code == 404


async def test_a_key_is_found_by_what_it_is_for_and_revoked(run: Run, database: Database) -> None:
    await open_clinic(database)
    run("org", "key", "Harbor Dental", "--scope", "staff", "--name", "reception's PC")
    listed = parsed(run("org", "keys", "Harbor Dental", "--json"))
    assert [(key["name"], key["scope"]) for key in listed[:-1]] == [("reception's PC", "staff")]
    assert listed[0].keys() == {"id", "name", "scope", "created_at"}
    assert "reception's PC" in run("org", "keys", "Harbor Dental").stdout
    parsed(run("org", "create", "Elsewhere", "--json"))

    assert_fails(run("org", "revoke", "Elsewhere", listed[0]["id"]), "nothing of that kind")
    assert run("org", "revoke", "Harbor Dental", listed[0]["id"]).returncode == 0
    assert parsed(run("org", "keys", "Harbor Dental", "--json")) == listed[1:]
    assert_fails(run("org", "revoke", "Harbor Dental", "x"), "UUID", code=2)
    assert_fails(run("org", "key", "Harbor Dental", "--name", ""), "100 characters")


async def test_no_key_is_kept_in_the_clear(run: Run, database: Database) -> None:
    created = parsed(run("org", "create", "Harbor Dental", "--json"))
    owner = await database.owner()
    assert created["api_key"] not in str(await owner.fetch("SELECT * FROM credentials"))


def test_a_clinic_is_listed(run: Run) -> None:
    assert run("org", "list").stdout == "none\n"
    assert parsed(run("org", "list", "--json")) == []
    created = parsed(run("org", "create", "Praxis Süd", "--timezone", "Europe/Berlin", "--json"))
    (listed,) = parsed(run("org", "list", "--json"))
    assert listed.keys() == {"org_id", "name", "timezone", "country", "created_at"}
    assert (listed["org_id"], listed["name"]) == (created["org_id"], "Praxis Süd")
    assert listed["timezone"] == "Europe/Berlin"
    assert created["org_id"] in run("org", "list").stdout


async def test_the_key_alone_is_on_standard_output(run: Run, database: Database) -> None:
    await open_clinic(database)
    assert re.fullmatch(r"vox_[\w-]{43}\n", run("org", "key", "Harbor Dental").stdout)


async def test_what_can_not_be_created_is_told_in_a_line(run: Run, database: Database) -> None:
    assert_fails(run("org", "create", "X", "--timezone", "Mars/Olympus"), "Mars/Olympus", "IANA")
    assert_fails(run("org", "create", "X", "--country", "England"), "country")
    assert_fails(run("org", "create", ""), "name")
    parsed(run("org", "create", "X", "--id", ID, "--json"))
    assert_fails(run("org", "create", "Y", "--id", ID), ID, "already")
    assert_fails(run("org", "key", "Nobody"), "Nobody", "org list")
    run("org", "create", "X")
    assert_fails(run("org", "key", "X"), "2 organizations", "id")
    owner = await database.owner()
    assert await owner.fetchval("SELECT count(*) FROM organizations") == 2


@pytest.mark.parametrize("zone", ["GMT+1", "europe/london"])
def test_a_zone_that_only_postgresql_knows_is_refused(run: Run, zone: str) -> None:
    assert_fails(run("org", "create", "X", "--timezone", zone), zone)


async def test_a_line_is_mapped_to_one_clinic(run: Run, database: Database) -> None:
    await open_clinic(database, name="Harbor Dental")
    await open_clinic(database, name="Hill Dental")
    names = ("--number", "+442079460123", "--assistant-id", "as-1", "--phone-number-id", "pn-1")
    assert run("line", "add", "Harbor Dental", *names).returncode == 0
    owner = await database.owner()
    lines = await owner.fetch("SELECT kind, value FROM voice_lines ORDER BY kind")
    assert [tuple(line) for line in lines] == [
        ("assistant_id", "as-1"),
        ("number", "+442079460123"),
        ("phone_number_id", "pn-1"),
    ]
    taken = run("line", "add", "Hill Dental", "--assistant-id", "as-2", "--number", "+442079460123")
    assert_fails(taken, "+442079460123", "another organization")
    assert await owner.fetchval("SELECT count(*) FROM voice_lines") == 3, "all or none"
    assert_fails(run("line", "add", "Hill Dental"), "--phone-number-id", code=2)
    respelt = run("line", "add", "Hill Dental", "--number", "+44 (0)20 7946-0123")
    assert_fails(respelt, "another organization")
    assert_fails(run("line", "add", "Hill Dental", "--number", "the usual"), "full number")
    assert_fails(run("line", "add", "Nobody", "--number", "+442079460123"), "Nobody")


async def test_a_secret_comes_from_standard_input_and_is_kept_hashed(
    run: Run, database: Database
) -> None:
    clinic = await open_clinic(database, name="Harbor Dental")
    secret = "a-secret-of-a-good-length"
    done = run("secret", "set", "Harbor Dental", stdin=f"{secret}\n")
    assert done.returncode == 0
    assert secret not in done.stdout + done.stderr
    owner = await database.owner()
    kept = await owner.fetch("SELECT * FROM credentials WHERE kind = 'vapi_secret'")
    assert len(kept) == 1
    assert secret not in str(kept)
    settings = settings_for(database.owner_url)
    async with connected_app(settings, database.owner_url) as (app, _, _), in_process(app) as http:
        body = bodies.envelope([])
        reply = await http.post(VAPI_URL, json=body, headers={"X-Vapi-Secret": secret})
        assert reply.status_code == 200
    for short in ("", "short" + " " * 40):
        assert_fails(run("secret", "set", str(clinic.id), stdin=short), "at least 16")
    assert_fails(run("secret", "set", "Nobody", stdin=secret), "Nobody")


async def test_an_hmac_key_is_kept_encrypted_with_its_scheme(run: Run, database: Database) -> None:
    clinic = await open_clinic(database, name="Harbor Dental")
    secret = "an-hmac-key-of-a-good-length"
    choices = ("--algorithm", "sha512", "--prefix", "sha512=", "--encoding", "base64")
    done = run("secret", "set", "Harbor Dental", "--hmac", *choices, stdin=secret)
    assert done.returncode == 0, done.stderr
    owner = await database.owner()
    row = await owner.fetchrow("SELECT * FROM hmac_keys")
    assert row is not None
    assert row["org_id"] == clinic.id
    assert secret not in str(row)
    assert json.loads(row["scheme"])["algorithm"] == "sha512"
    wrong = run("secret", "set", "Harbor Dental", "--hmac", "--algorithm", "md5", stdin=secret)
    assert_fails(wrong, "md5", "sha256", code=2)


def test_config_lists_every_setting_and_shows_no_secret(tmp_path: Path) -> None:
    settings = {
        "DATABASE_URL": "postgresql://owner:planted@db/x",
        "VOXANNE_VAPI_SECRET": "planted",
        "VOXANNE_JWT_SECRET": "planted",
        "VOXANNE_ENCRYPTION_KEYS": f"planted{'A' * 36}=,planted{'B' * 36}=",
        "VOXANNE_PORT": "4321",
    }
    listed = parsed(voxanne("config", "--json", settings=settings, cwd=tmp_path))
    assert [row["variable"] for row in listed] == [variable_name(f) for f in Settings.model_fields]
    assert all(row["meaning"] for row in listed)
    (port,) = (row for row in listed if row["variable"] == "VOXANNE_PORT")
    assert (port["value"], port["default"]) == ("4321", "3001")
    shown = voxanne("config", settings=settings, cwd=tmp_path)
    assert shown.returncode == 0
    assert all(variable_name(field) in shown.stdout for field in Settings.model_fields)
    assert "planted" not in json.dumps(listed) + shown.stdout
    assert not list(tmp_path.iterdir()), "nothing is started or made"


def test_a_wrong_setting_is_told_with_its_name(tmp_path: Path) -> None:
    wrong = voxanne("config", settings={"VOXANNE_PORT": "eighty"}, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "VOXANNE_PORT" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_a_database_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    settings = {"DATABASE_URL": "postgresql://owner@127.0.0.1:9/x"}
    for arguments in (("org", "list"), ("serve", "--port", "0")):
        assert_fails(voxanne(*arguments, settings=settings, cwd=tmp_path))


def test_db_url_and_psql_reach_the_database(run: Run, database: Database) -> None:
    assert run("db", "url").stdout == f"{database.owner_url}\n"
    shown = run("psql", "-XAtqc", "SELECT current_database(), current_user")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == f"{database.name}|voxanne\n"
    failed = run("psql", "-XAtqc", "SELECT nonsense")
    assert failed.returncode != 0


@pytest.mark.parametrize("name", [n for n, modules in root.COMMANDS.items() if len(modules) > 1])
def test_a_group_has_all_its_commands_when_it_alone_is_loaded(name: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "voxanne", name, "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for command in all_commands():
        group, _, own = command.partition(" ")
        assert group != name or f"\n  {own} " in said, command


def test_a_command_loads_what_it_needs_and_no_more() -> None:
    code = (
        "import sys; from voxanne.cli.root import cli; "
        "cli(['org', 'list', '--help'], standalone_mode=False); "
        "print(sorted({'fastapi', 'voxanne.stress', 'voxanne.app'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
