"""A dump, restored into a fresh cluster, is the same database, and work goes on in it."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet, InvalidToken

from tests.acceptance.commands import voxanne
from tests.database import HOUR, START, Database, Server, book
from tests.directories import short_directory
from tests.migration.test_migrations import schema
from tests.recovery.clusters import (
    RECIPES,
    Contents,
    address,
    cluster,
    contents,
    done,
    drop_the_empty_one,
    make_roles,
    psql,
    run,
)
from tests.recovery.scene import SECRET, call, practice, wish
from tests.sql.wall import ALL_TABLES, tenant
from voxanne.postgres.embedded import EmbeddedPostgres, wheel_bin_dir
from voxanne.postgres.migrate import migrate_down, migrate_up, schema_is_current
from voxanne.stress.oracle import Anomaly, find_anomalies

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRANSACTIONS = 20_000  # more than a restore takes: the fresh server's counter is behind
SKIP = 1_000
# What a restore could lose: a grant, a constraint, an index, the walls, an event.
DATABASE_CHECKS = (
    "database",
    "migrations",
    "booking_function",
    "functions",
    "tables",
    "constraints",
    "indexes",
    "row_security",
    "roles",
    "double_bookings",
    "booked_events",
    "backups",
)
NEWEST = "SELECT transaction_id::text, id FROM events ORDER BY transaction_id DESC, id DESC LIMIT 1"
EVENTS = "SELECT list_events($1, $2::text::xid8, $3, 200)::jsonb -> 'items'"


@dataclass
class Restored:
    """A database, its dump, and a fresh server that the dump was brought to."""

    source: EmbeddedPostgres
    database: Database
    fresh: EmbeddedPostgres
    backups: Path
    dump: Path
    clinic: UUID
    fernet: Fernet
    before: Contents
    newest: tuple[str, int]  # the last event's place in the log

    def backup_role(self, server: EmbeddedPostgres | None = None) -> dict[str, str]:
        return address(server or self.source, "voxanne_backup", "voxanne")

    async def connect(self, database: str = "voxanne") -> asyncpg.Connection:
        return await asyncpg.connect(self.fresh.url(database))


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with short_directory() as made:
        yield made


@pytest.fixture(scope="module")
def source(directory: Path) -> Iterator[EmbeddedPostgres]:
    """A server that archives its log, as docs/how-to/backup.md has it."""
    home, wal = directory / "source", directory / "source" / "wal"
    wal.mkdir(parents=True)
    wal.chmod(0o777)  # the server may be another user's than the test
    recipe = shutil.copy(RECIPES / "archive-wal.sh", home)
    archive = f"BACKUP_WAL_DIR={wal} {recipe} %p %f"
    with cluster(home, archive_mode="on", archive_command=archive) as server:
        make_roles(server)
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(source: EmbeddedPostgres) -> AsyncIterator[Database]:
    database = Database(Server(source), "voxanne")
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def restored(
    directory: Path, source: EmbeddedPostgres, database: Database
) -> AsyncIterator[Restored]:
    owner = await database.owner()
    await migrate_up(owner)
    fernet = Fernet(Fernet.generate_key())
    await spend_transactions(owner)
    clinic = await practice(database, fernet)
    for name in ("Here", "Elsewhere"):
        await tenant(database, name)
    backups = directory / "backups"
    where = address(source, "voxanne_backup", "voxanne")
    dump = Path(done("dump.sh", VOXANNE_BACKUP_DIR=str(backups), **where))
    with cluster(directory / "fresh") as fresh:
        drop_the_empty_one(fresh)
        newest = await owner.fetchrow(NEWEST)
        assert newest is not None
        yield Restored(
            source,
            database,
            fresh,
            backups,
            dump,
            clinic,
            fernet,
            await contents(source.url()),
            (newest["transaction_id"], newest["id"]),
        )


def dumped_rows(where: Mapping[str, str], *options: str) -> list[str]:
    """Without what differs by itself: pg_dump's own remarks."""
    finished = subprocess.run(
        [wheel_bin_dir() / "pg_dump", "--data-only", *options],
        env={**os.environ, **where},
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(x for x in finished.stdout.splitlines() if not x.startswith(("\\", "--", "SET")))


def only_ours(file: Path) -> bool:
    return file.stat().st_mode & 0o077 == 0


async def spend_transactions(owner: asyncpg.Connection) -> None:
    await owner.execute(
        f"DO $$ BEGIN FOR n IN 1..{TRANSACTIONS} LOOP PERFORM pg_current_xact_id(); COMMIT; "
        "END LOOP; END $$"
    )


def restore_without_recipe(restored: Restored) -> None:
    """Into the database `bare`. What psql finds is that the superuser is there already."""
    for command in (
        ("psql", "-Xq", "-d", "postgres", "-f", str(restored.dump.with_suffix(".roles.sql"))),
        ("createdb", "--template=template0", "--owner=voxanne", "bare"),
        ("pg_restore", "--exit-on-error", "--dbname=bare", str(restored.dump)),
    ):
        subprocess.run(
            [wheel_bin_dir() / command[0], *command[1:]],
            env={**os.environ, **address(restored.fresh, "postgres", "bare")},
            check=True,
            capture_output=True,
        )


async def events_after(
    connection: asyncpg.Connection, clinic: UUID, place: tuple[str, int] | None = None
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        await connection.fetchval(EVENTS, clinic, *(place or (None, None)))
    )
    return found


async def test_a_bare_restore_hides_what_happened_and_the_recipe_does_not(
    restored: Restored,
) -> None:
    """First of this file: it brings the dump to the fresh server, both ways."""
    owner = await restored.database.owner()
    known = await events_after(owner, restored.clinic)
    assert len(known) > 10
    restore_without_recipe(restored)
    bare = await restored.connect("bare")
    assert await events_after(bare, restored.clinic) == []

    said = done(
        "restore.sh",
        str(restored.dump),
        **address(restored.fresh, "postgres", "voxanne"),
        BACKUP_SKIP_TRANSACTIONS=str(SKIP),
    )

    assert "voxanne is restored" in said
    assert await events_after(bare, restored.clinic) == known
    await bare.close()


async def test_every_row_is_there(restored: Restored) -> None:
    after = await contents(restored.fresh.url())

    assert after == restored.before
    assert [table for table in ALL_TABLES if table != "clock" and not after[table]] == []


async def test_the_schema_is_there(restored: Restored) -> None:
    copy = await restored.connect()
    assert await schema_is_current(copy) is True
    assert await schema(copy) == await schema(await restored.database.owner())
    await copy.close()


async def test_secrets_need_the_key_that_is_kept_elsewhere(restored: Restored) -> None:
    copy = await restored.connect()
    kept = await copy.fetchval(
        "SELECT encrypted_token FROM sms_accounts WHERE org_id = $1", restored.clinic
    )
    assert restored.fernet.decrypt(kept) == SECRET
    with pytest.raises(InvalidToken):
        Fernet(Fernet.generate_key()).decrypt(kept)
    assert SECRET not in restored.dump.read_bytes()
    await copy.close()


async def test_work_goes_on_and_readers_of_the_log_too(restored: Restored) -> None:
    copy = await restored.connect()
    chen = await copy.fetchval("SELECT id FROM practitioners WHERE name = 'Dr Amara Chen'")
    again = await book(copy, restored.clinic, **wish(7, chen))
    assert (again["success"], again["replayed"]) == (True, True)
    ann = {"patient_phone": "+442079460091", "practitioner_id": chen}
    first = await book(copy, restored.clinic, **ann, scheduled_at=START + 30 * HOUR)
    assert first["success"], first
    bob = {"patient_phone": "+442079460092", "patient_name": "Bob Late", "practitioner_id": chen}
    taken = await book(copy, restored.clinic, **bob, scheduled_at=START + 30 * HOUR)
    assert taken["error"] == "SLOT_UNAVAILABLE"
    id_, later = UUID(first["appointment_id"]), START + timedelta(days=9)
    await call(
        copy, "reschedule_appointment", restored.clinic, appointment_id=id_, scheduled_at=later
    )

    news = await events_after(copy, restored.clinic, restored.newest)

    told = [event["kind"] for event in news if event["appointment_id"] == str(id_)]
    assert told == ["booked", "moved"]
    newest = await copy.fetchrow(NEWEST)
    assert newest is not None
    assert int(newest["transaction_id"]) > int(restored.newest[0]) + SKIP
    assert newest["id"] > restored.newest[1]
    await copy.close()


async def test_the_four_criteria_hold(restored: Restored, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": restored.fresh.url(), "VOXANNE_DATA_DIR": str(tmp_path)}
    said = voxanne("validate", settings=settings, cwd=tmp_path)
    assert said.returncode == 0, said.stdout
    assert "4/4" in said.stdout


async def test_nobody_finds_an_anomaly(restored: Restored) -> None:
    """The oracle shares no code with the product. The wall's clinics are left out: their rows were
    written one by one, and tell no story."""
    copy = await restored.connect()
    assert await anomalies(copy, restored) == []
    await copy.close()


async def anomalies(copy: asyncpg.Connection, restored: Restored) -> list[Anomaly]:
    found = await find_anomalies(copy)
    return [one for one in found if one.org_id in (None, restored.clinic)]


async def test_the_doctor_finds_it_well(restored: Restored, tmp_path: Path) -> None:
    settings = {
        "DATABASE_URL": restored.fresh.url(),
        "VOXANNE_DATA_DIR": str(tmp_path),
        "VOXANNE_BACKUP_DIR": str(restored.backups),
    }
    only = [word for check in DATABASE_CHECKS for word in ("--only", check)]
    said = voxanne("doctor", "--json", *only, settings=settings, cwd=tmp_path)
    checks = {check["name"]: check for check in json.loads(said.stdout)["checks"]}
    assert checks.keys() == set(DATABASE_CHECKS)
    assert {name for name, check in checks.items() if check["state"] != "ok"} == set()


async def test_back_to_nothing_and_up_again(restored: Restored) -> None:
    """The owner owns what `migrate down` drops, the extension too."""
    superuser = await asyncpg.connect(restored.fresh.superuser_url)
    await superuser.execute("CREATE DATABASE twice TEMPLATE bare OWNER voxanne")
    await superuser.close()
    copy = await restored.connect("twice")
    await migrate_down(copy, 1)
    await migrate_up(copy)
    assert await schema_is_current(copy) is True
    await copy.close()


async def test_the_owner_can_not_dump_by_mistake(restored: Restored, directory: Path) -> None:
    """Forced row-level security: an error rather than rows left out."""
    backups = directory / "owners"
    where = address(restored.source, "voxanne", "voxanne")

    refused = run("dump.sh", VOXANNE_BACKUP_DIR=str(backups), **where)

    assert refused.returncode != 0
    assert "row-level security" in refused.stderr
    assert list(backups.iterdir()) == []


async def test_where_no_role_may_bypass_the_owner_can_dump_on_purpose(restored: Restored) -> None:
    """Its policies let it see every row, so nothing is left out."""
    whole = dumped_rows(restored.backup_role())
    owners = address(restored.source, "voxanne", "voxanne")
    assert len(whole) > 100
    assert dumped_rows(owners, "--enable-row-security") == whole


async def test_a_new_dump_takes_old_ones_away_and_a_failed_one_does_not(
    restored: Restored, directory: Path
) -> None:
    backups = directory / "many"
    backups.mkdir()
    day = 86_400
    for name, age in (("voxanne-old.dump", 20), ("voxanne-old.roles.sql", 20), ("other", 20)):
        (backups / name).touch()
        os.utime(backups / name, times=(time.time() - age * day,) * 2)
    where = restored.backup_role()

    failed = run("dump.sh", VOXANNE_BACKUP_DIR=str(backups), **{**where, "PGDATABASE": "absent"})
    assert failed.returncode != 0
    assert len(list(backups.iterdir())) == 3

    made = Path(done("dump.sh", VOXANNE_BACKUP_DIR=str(backups), **where))
    left = {path.name for path in backups.iterdir()}
    assert left == {made.name, f"{made.stem}.roles.sql", "other"}
    assert only_ours(made)


async def test_a_database_that_is_there_is_not_restored_over(restored: Restored) -> None:
    before = await contents(restored.fresh.url())
    psql(restored.fresh, "-c", "ALTER ROLE voxanne_monitor CONNECTION LIMIT 7")
    where = address(restored.fresh, "postgres", "voxanne")

    refused = run("restore.sh", str(restored.dump), **where)

    assert refused.returncode != 0
    assert "already exists; nothing was changed" in refused.stderr
    assert await contents(restored.fresh.url()) == before
    assert await connections_allowed(restored) == 7


async def test_no_restore_begins_without_all_roles(restored: Restored) -> None:
    """Only that a role is there already is no error; of the others it changes nothing."""
    psql(restored.fresh, "-c", "ALTER ROLE voxanne_monitor CONNECTION LIMIT 7")
    dump = Path(shutil.copy(restored.dump, restored.backups.parent / "other.dump"))
    where = address(restored.fresh, "postgres", "other")
    without = run("restore.sh", str(dump), **where)
    assert "other.roles.sql is missing" in without.stderr

    roles = restored.dump.with_suffix(".roles.sql").read_text()
    dump.with_suffix(".roles.sql").write_text(f"{roles}\nGRANT absent TO voxanne;\n")
    refused = run("restore.sh", str(dump), **where)

    assert (without.returncode == 0, refused.returncode == 0) == (False, False)
    assert 'role "absent" does not exist' in refused.stderr
    assert await connections_allowed(restored) == 7
    copy = await restored.connect()
    assert await copy.fetchval("SELECT count(*) FROM pg_database WHERE datname = 'other'") == 0
    await copy.close()


async def connections_allowed(restored: Restored) -> int:
    """To the monitor: 5 by the dump, 7 where the test has changed that."""
    copy = await restored.connect()
    allowed: int = await copy.fetchval(
        "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'voxanne_monitor'"
    )
    await copy.close()
    return allowed


async def test_no_copy_is_kept_of_none(directory: Path) -> None:
    backups = directory / "none"
    refused = run("base.sh", VOXANNE_BACKUP_DIR=str(backups), BACKUP_KEEP_BASES="0")
    assert refused.returncode != 0
    assert "at least 1" in refused.stderr
    assert not backups.exists()


async def test_to_a_moment_by_a_copy_of_the_server_and_its_log(
    restored: Restored, directory: Path
) -> None:
    """The last of this file: it books on the source."""
    owner = await restored.database.owner()
    wal = directory / "source" / "wal"
    kept = {"VOXANNE_BACKUP_DIR": str(restored.backups), "BACKUP_WAL_DIR": str(wal)}
    base = done("base.sh", **kept, **restored.backup_role())
    times = [START + timedelta(days=20, hours=n) for n in range(2)]
    wanted = await book(owner, restored.clinic, scheduled_at=times[0])
    moment = await owner.fetchval("SELECT clock_timestamp()::text")
    unwanted = await book(owner, restored.clinic, scheduled_at=times[1])
    assert wanted["success"]
    assert unwanted["success"]
    await archived(restored)

    # The copied server may have been restored to a moment itself: that one no longer counts.
    unaimed = directory / "unaimed"
    done("restore-base.sh", base, str(unaimed), **kept)
    assert "recovery_target_time = ''\n" in (unaimed / "postgresql.auto.conf").read_text()
    shutil.rmtree(unaimed)

    home = directory / "copy"
    home.mkdir()
    done("restore-base.sh", base, str(home / "postgres"), moment, **kept)
    with cluster(home) as copied:
        copy = await asyncpg.connect(copied.url())
        found = await copy.fetch(
            "SELECT id::text FROM appointments WHERE scheduled_at = ANY ($1)", times
        )
        assert [row["id"] for row in found] == [wanted["appointment_id"]]
        assert await anomalies(copy, restored) == []
        assert (await book(copy, restored.clinic, scheduled_at=times[1]))["success"] is True
        await copy.close()


async def archived(restored: Restored) -> None:
    """Have the log written so far archived."""
    superuser = await asyncpg.connect(restored.source.superuser_url)
    segment = await superuser.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
    for _ in range(200):
        if await superuser.fetchval("SELECT last_archived_wal FROM pg_stat_archiver") == segment:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError(f"{segment} wasn't archived")
    await superuser.close()
