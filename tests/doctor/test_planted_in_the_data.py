"""What stands in the tables and shouldn't: planted in a transaction, and found."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet

from tests.database import START, Database, Server, book
from tests.doctor.scenes import KEY, InTransaction, found, scene_of
from tests.fakes.google_calendar import CLIENT_ID, CLIENT_SECRET
from voxanne.config import Environment
from voxanne.doctor import State, schema
from voxanne.postgres import organizations

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROW = """
INSERT INTO appointments (org_id, practitioner_id, room_id, service_type, scheduled_at, ends_at,
  status, hold_expires_at)
SELECT org_id, id, (SELECT id FROM rooms WHERE rooms.org_id = practitioners.org_id), 'consultation',
  now() + interval '{starts}', now() + interval '{ends}', '{status}', {hold}
FROM practitioners WHERE org_id = '{{clinic}}';
"""


def row(starts: str, ends: str, status: str = "confirmed", hold: str = "NULL") -> str:
    """As somebody writes one who goes past the function."""
    return ROW.format(starts=starts, ends=ends, status=status, hold=hold)


UNGUARDED = (
    "ALTER TABLE appointments DROP CONSTRAINT one_appointment_per_practitioner, "
    "DROP CONSTRAINT one_appointment_per_room; INSERT INTO rooms (org_id, name) "
    "VALUES ('{clinic}', 'Room 1');"
)
DUE = (
    "INSERT INTO deliveries (org_id, subject_id, kind, version, status, due_at, updated_at) "
    "VALUES ('{{clinic}}', gen_random_uuid(), 'sms_confirmation', 1, '{}', {}, now())"
)
ENDED = (
    "UPDATE calendar_connections SET status = 'broken', error_code = 'invalid_grant', "
    "created_at = now() - interval '{}', updated_at = now()"
)
ENDED_BEFORE = (
    "UPDATE calendar_connections SET created_at = now() - interval '{}'; "
    "INSERT INTO alerts (org_id, kind, created_at) "
    "VALUES ('{{clinic}}', 'calendar_broken', now() - interval '{}')"
)


@dataclass(frozen=True)
class Planted:
    """`by` SQL, in which `{clinic}` is its id; `said` stands in the finding's detail."""

    check: str
    by: str
    said: str
    state: State = State.FAILED
    production: bool = False


FAULTS = [
    Planted(
        "double_bookings",
        UNGUARDED + row("1 day", "2 days") + row("30 hours", "31 hours"),
        "1 time of a practitioner",
    ),
    Planted(
        "double_bookings",
        UNGUARDED + row("1 day", "2 days") + row("30 hours", "31 hours"),
        "1 time of a room",
    ),
    Planted("booked_events", row("1 day", "25 hours"), "1 appointment without exactly one"),
    Planted("booked_events", "DELETE FROM events WHERE kind = 'booked'", "without exactly one"),
    Planted(
        "booked_events",
        "INSERT INTO events (org_id, kind, appointment_id) "
        "SELECT org_id, kind, appointment_id FROM events WHERE kind = 'booked'",
        "(2)",
    ),
    Planted(
        "booked_events",
        "UPDATE appointments SET status = 'confirmed' WHERE status = 'held'",
        "1 appointment without",
    ),
    Planted(
        "caller_check",
        "UPDATE organizations SET caller_check = 'none'",
        "none at Harbor Dental",
        State.WARN,
    ),
    Planted("queue", DUE.format("queued", "now() - interval '10 minutes'"), "due for 600 s: sms"),
    Planted("queue", DUE.format("sending", "now() - interval '2 minutes'"), "due for", State.WARN),
    Planted("queue", DUE.format("failed", "now()"), "1 given up", State.WARN),
    Planted("queue", DUE.format("queued", "'infinity'"), "1 wait for staff", State.WARN),
    Planted(
        "alerts",
        "INSERT INTO alerts (org_id, kind) VALUES ('{clinic}', 'emergency')",
        "1 alert not seen by staff: emergency (1)",
        State.WARN,
    ),
    Planted("clock", "INSERT INTO clock (clock_offset) VALUES ('1 hour')", "moved", State.WARN),
    Planted(
        "clock",
        "INSERT INTO clock (clock_offset) VALUES ('1 hour')",
        "moved by 1:00:00",
        production=True,
    ),
    Planted("time_zones", "UPDATE organizations SET timezone = 'EST5EDT4'", "a clinic: EST5EDT4"),
    Planted(
        "encryption_key",
        "UPDATE calendar_connections SET credentials = 'x'",
        "calendar of Harbor Dental",
    ),
    Planted(
        "encryption_key",
        "UPDATE organizations SET alert_urls = 'x'",
        "staff alerts of Harbor Dental",
    ),
    Planted(
        "encryption_key",
        "INSERT INTO hmac_keys (org_id, encrypted_key, scheme) VALUES ('{clinic}', 'x', '{{}}')",
        "HMAC key of Harbor Dental",
    ),
    Planted(
        "encryption_key",
        "INSERT INTO webhooks (org_id, url, encrypted_secret) VALUES ('{clinic}', 'x', 'x')",
        "webhook of Harbor Dental",
    ),
    Planted("google_testing", ENDED.format("7 days 20 minutes"), "Harbor Dental (Dr Grey)"),
    Planted(
        "google_testing", ENDED_BEFORE.format("10 days", "3 days"), "may have ended", State.WARN
    ),
    # Connected again, and it has held for longer: the project was published.
    Planted(
        "google_testing",
        ENDED_BEFORE.format("30 days", "23 days"),
        "no consent ended",
        State.OK,
    ),
    Planted("google_testing", ENDED.format("30 days"), "no consent ended", State.OK),
    Planted("google_tokens", ENDED.format("30 days"), "Harbor Dental (Dr Grey): broken"),
    Planted(
        "calendar_mirror",
        "UPDATE calendar_connections SET synced_at = now() - interval '2 hours'",
        "Harbor Dental (Dr Grey)",
    ),
    Planted(
        "database",
        "CREATE SCHEMA odd; CREATE FUNCTION odd.pg_is_in_recovery() RETURNS boolean LANGUAGE sql "
        "AS 'SELECT true'; SET LOCAL search_path = odd, pg_catalog, public; "
        "GRANT USAGE ON SCHEMA odd TO voxanne",
        "standby",
    ),
]


@dataclass(frozen=True)
class Filled:
    database: Database
    clinic: UUID


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(server: Server) -> AsyncIterator[Filled]:
    """A healthy clinic whose diary was written by the functions alone."""
    async with server.database() as database:
        owner = await database.owner()
        clinic = await organizations.create_organization(
            owner, "Harbor Dental", timezone="Europe/London", country="GB"
        )
        await owner.execute("UPDATE organizations SET caller_check = 'name'")
        await owner.execute("UPDATE practitioners SET name = 'Dr Grey'")
        await fill_diary(database, owner, clinic)
        await owner.execute("UPDATE deliveries SET status = 'delivered'")
        await owner.execute(
            "INSERT INTO calendar_connections "
            "(org_id, practitioner_id, vendor, calendar, credentials) "
            "SELECT org_id, id, 'google', 'primary', $1 FROM practitioners",
            Fernet(KEY).encrypt(b"{}"),
        )
        yield Filled(database, clinic)


async def fill_diary(database: Database, owner: asyncpg.Connection, clinic: UUID) -> None:
    """Bookings, a hold, one that was booked, one that ended, a cancellation, a move, an import."""
    first = await book(owner, clinic, scheduled_at=START)
    moved = await book(owner, clinic, scheduled_at=START + timedelta(hours=1))
    await book(owner, clinic, scheduled_at=START + timedelta(hours=2), source="import")
    await database.call(
        owner, "cancel_appointment", clinic, appointment_id=UUID(first["appointment_id"])
    )
    await database.call(
        owner,
        "reschedule_appointment",
        clinic,
        appointment_id=UUID(moved["appointment_id"]),
        scheduled_at=START + timedelta(hours=3),
    )
    holds = [
        await database.call(
            owner,
            "hold_slot",
            clinic,
            service_type="consultation",
            scheduled_at=START + timedelta(days=1, hours=hour),
            call_id=f"call {hour}",
        )
        for hour in range(3)
    ]
    for hold in holds:
        assert hold["success"], hold
    booked = await book(
        owner,
        clinic,
        scheduled_at=START + timedelta(days=1),
        hold_id=UUID(holds[0]["hold_id"]),
        call_id="call 0",
    )
    assert booked["success"], booked
    await database.call(
        owner, "release_hold", clinic, hold_id=UUID(holds[1]["hold_id"]), call_id="call 1"
    )


@asynccontextmanager
async def planted(
    filled: Filled, by: str, *, production: bool = False
) -> AsyncIterator[InTransaction]:
    """What the doctor looks at while it is there."""
    healthy = scene_of(
        filled.database, google_client_id=CLIENT_ID, google_client_secret=CLIENT_SECRET
    )
    settings = healthy.settings
    if production:
        settings = settings.model_copy(update={"env": Environment.PRODUCTION})
    session = await filled.database.connect_superuser()
    transaction = session.transaction()
    await transaction.start()
    try:
        await session.execute(by.replace("{clinic}", str(filled.clinic)).replace("{{}}", "{}"))
        await session.execute("SET LOCAL ROLE voxanne")
        yield InTransaction(settings, healthy.owner_url, session=session)
    finally:
        await transaction.rollback()
        await session.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}: {fault.said}")
async def test_it_is_found(filled: Filled, fault: Planted) -> None:
    async with planted(filled, fault.by, production=fault.production) as scene:
        finding = await found(scene, fault.check)
    assert finding.state is fault.state, finding
    assert fault.said in finding.detail
    assert finding.fix or fault.state is State.OK


@pytest.mark.parametrize("check", sorted({fault.check for fault in FAULTS} - {"google_tokens"}))
async def test_without_it_all_is_well(filled: Filled, check: str) -> None:
    """With a diary in which everything happened that functions do."""
    async with planted(filled, "UPDATE calendar_connections SET synced_at = now()") as scene:
        finding = await found(scene, check)
    assert finding.state in (State.OK, State.WARN if check == "time_zones" else State.OK), finding


async def test_an_overbooked_time_is_no_double_booking(filled: Filled) -> None:
    by = UNGUARDED + row("1 day", "2 days") + row("30 hours", "31 hours")
    async with planted(filled, by + "UPDATE appointments SET overlap_allowed = true") as scene:
        assert (await found(scene, "double_bookings")).state is State.OK


async def test_a_server_that_is_too_old_is_found(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "VERSION_MIN", 990000)
    finding = await found(scene_of(filled.database), "database")
    assert finding.state is State.FAILED
    assert "too old" in finding.detail


async def test_a_database_that_cant_hold_every_name_is_found(server: Server) -> None:
    superuser = await server.connect()
    try:
        await superuser.execute(
            "CREATE DATABASE crooked TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' "
            "OWNER voxanne"
        )
        finding = await found(scene_of(Database(server, "crooked")), "database")
    finally:
        await superuser.execute("DROP DATABASE IF EXISTS crooked WITH (FORCE)")
        await superuser.close()
    assert finding.state is State.FAILED
    assert "SQL_ASCII" in finding.detail


async def test_a_database_that_cant_be_reached_is_found_and_its_login_not_told(
    filled: Filled,
) -> None:
    scene = replace(
        scene_of(filled.database), owner_url="postgresql://voxanne:hushhush@127.0.0.1:1/voxanne"
    )
    finding = await found(scene, "database")
    assert finding.state is State.FAILED
    assert "can't be reached" in finding.detail
    assert "hushhush" not in finding.detail + finding.fix


async def test_without_a_database_everything_that_needs_one_fails(filled: Filled) -> None:
    scene = replace(scene_of(filled.database), owner_url=None)
    assert (await found(scene, "database")).state is State.FAILED
    finding = await found(scene, "booked_events")
    assert finding.state is State.FAILED
    assert "not looked at" in finding.detail
    assert (await found(scene, "disk")).state is not State.FAILED
