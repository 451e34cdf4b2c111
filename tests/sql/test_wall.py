"""The wall between tenants: tried on every table and every function, as nobody and as another."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import time
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import HOUR, START, Booking, Database, claim
from voxanne.postgres.migrate import load_functions

# How many rows of each table the scene gives a tenant, and its column. A new table needs a line.
TENANT_TABLES = {
    "organizations": "id",
    "practitioners": "org_id",
    "rooms": "org_id",
    "services": "org_id",
    "opening_hours": "org_id",
    "leads": "org_id",
    "appointments": "org_id",
    "events": "org_id",
    "deliveries": "org_id",
    "voice_messages": "org_id",
    "voice_lines": "org_id",
    "credentials": "org_id",
    "hmac_keys": "org_id",
    "practitioner_services": "org_id",
    "room_services": "org_id",
    "breaks": "org_id",
    "date_exceptions": "org_id",
    "absences": "org_id",
    "waitlist": "org_id",
    "waitlist_offers": "org_id",
    "messages": "org_id",
    "alerts": "org_id",
    "idempotency_keys": "org_id",
}
SECRET_TABLES = {"credentials", "hmac_keys", "idempotency_keys"}  # not even the tenant's own claim reads these
READABLE_TABLES = sorted(TENANT_TABLES.keys() - SECRET_TABLES)
SHARED_TABLES = {"clock", "schema_functions", "schema_migrations"}  # hold nothing of a tenant
ALL_TABLES = sorted(TENANT_TABLES.keys() | SHARED_TABLES)

GARBAGE_CLAIMS = {
    "not-json": "nonsense",
    "half-json": '{"org_id": "',
    "no-org": "{}",
    "null-org": '{"org_id": null}',
    "no-uuid": '{"org_id": "everyone"}',
    "number": '{"org_id": 1}',
    "list-of-orgs": '{"org_id": ["%(org)s"]}',
    "scalar": "5",
    "list": '["%(org)s"]',
    "sql": "' OR true --",
    "wildcard": '{"org_id": "%%"}',
    "bare-uuid": "%(org)s",
    "nested": '{"app_metadata": {"org_id": "%(org)s"}}',
    "blank": " ",
}


@dataclass
class Scene:
    database: Database
    api: asyncpg.Connection
    org_id: UUID
    other_org_id: UUID


async def tenant(database: Database, name: str) -> UUID:
    """A clinic with at least one row in every table."""
    owner = await database.owner()
    org_id = await database.organization(name=name)
    practitioner = await database.practitioner(org_id)
    room = await database.room(org_id)
    await database.service(org_id, "consultation", 60)
    for weekday in range(1, 8):
        await database.hours(org_id, weekday, time(0), time(23, 59))
    booking = await database.book(owner, org_id)
    assert booking["success"] is True, booking
    await owner.execute(
        "INSERT INTO voice_messages (org_id, call_id, type, payload) VALUES ($1, 'c', 't', '{}')",
        org_id,
    )
    await owner.execute(
        "INSERT INTO voice_lines (kind, value, org_id) VALUES ('number', $2, $1)", org_id, name
    )
    await owner.execute(
        "INSERT INTO credentials (secret_hash, kind, org_id, scope) "
        "VALUES (sha256($2), 'api_key', $1, 'agent')",
        org_id,
        name.encode(),
    )
    await owner.execute(
        "INSERT INTO hmac_keys (org_id, encrypted_key, scheme) VALUES ($1, '', '{}')", org_id
    )
    await fill_diary(database, org_id, practitioner, room)
    return org_id


async def fill_diary(database: Database, org_id: UUID, practitioner: UUID, room: UUID) -> None:
    """What the diary adds to the core. The waiting one is offered a time that became free."""
    owner = await database.owner()
    for statement in (
        "INSERT INTO breaks (org_id, weekday, starts, ends) VALUES ($1, 7, '03:00', '03:05')",
        "INSERT INTO date_exceptions (org_id, day) VALUES ($1, '2020-01-01')",
    ):
        await owner.execute(statement, org_id)
    for statement in (
        "INSERT INTO practitioner_services VALUES ($1, $2, 'consultation')",
        "INSERT INTO absences (org_id, practitioner_id, starts_at, ends_at) "
        "VALUES ($1, $2, '2020-01-01', '2020-01-02')",
    ):
        await owner.execute(statement, org_id, practitioner)
    await owner.execute("INSERT INTO room_services VALUES ($1, $2, 'consultation')", org_id, room)
    joined = await database.call(
        owner,
        "join_waitlist",
        org_id,
        name="Wanda Waits",
        phone="+442079460777",
        service_type="consultation",
        idempotency_key="joined",
        request_hash="",
    )
    assert joined["success"] is True, joined
    booking = await database.book(
        owner, org_id, patient_name="Gone Again", scheduled_at=START + HOUR * 3
    )
    gone = await database.call(
        owner, "cancel_appointment", org_id, appointment_id=UUID(booking["appointment_id"])
    )
    assert gone["success"] is True, gone
    said = {"body": "Please call back", "urgency": "high", "call_id": "c"}
    left = await database.call(owner, "take_message", org_id, **said)
    assert left["success"] is True, left


@pytest.fixture
async def scene(database: Database) -> Scene:
    org_id = await tenant(database, "Here")
    other_org_id = await tenant(database, "Elsewhere")
    return Scene(database, await database.connect_api(), org_id, other_org_id)


@pytest.fixture
async def nobody(scene: Scene) -> AsyncIterator[asyncpg.Connection]:
    """A session of a role without any grant."""
    superuser = await scene.database.connect_superuser()
    role = f"nobody_{uuid4().hex}"
    await superuser.execute(f"CREATE ROLE {role}")
    await superuser.execute(f"SET ROLE {role}")
    yield superuser
    await superuser.execute("RESET ROLE")
    await superuser.execute(f"DROP ROLE {role}")


async def seen(connection: asyncpg.Connection, table: str) -> int:
    """How many rows the session sees; 0 when it is refused."""
    try:
        rows: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
    except (asyncpg.InsufficientPrivilegeError, asyncpg.DataError):
        return 0
    return rows


async def test_every_table_is_listed_here_and_in_use(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    rows = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY relname"
    )
    assert [row["relname"] for row in rows] == ALL_TABLES
    for table, column in TENANT_TABLES.items():
        for org_id in (scene.org_id, scene.other_org_id):
            assert await superuser.fetchval(
                f"SELECT count(*) FROM {table} WHERE {column} = $1", org_id
            ), table


async def test_without_a_claim_the_api_sees_nothing(scene: Scene) -> None:
    assert {table: await seen(scene.api, table) for table in TENANT_TABLES} == dict.fromkeys(
        TENANT_TABLES, 0
    )


async def test_a_claim_sees_its_own_rows_and_no_others(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    for org_id in (scene.org_id, scene.other_org_id):
        await claim(scene.api, json.dumps({"org_id": str(org_id), "sub": "someone"}))
        for table in READABLE_TABLES:
            column = TENANT_TABLES[table]
            rows = await scene.api.fetch(f"SELECT {column} FROM {table}")
            everything = await superuser.fetchval(
                f"SELECT count(*) FROM {table} WHERE {column} = $1", org_id
            )
            assert {row[0] for row in rows} == {org_id}, table
            assert len(rows) == everything, table


@pytest.mark.parametrize("table", sorted(SECRET_TABLES))
async def test_secrets_are_not_the_apis_to_read(scene: Scene, table: str) -> None:
    await claim(scene.api, json.dumps({"org_id": str(scene.org_id)}))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await scene.api.fetch(f"SELECT * FROM {table}")


@pytest.mark.parametrize("text", GARBAGE_CLAIMS.values(), ids=GARBAGE_CLAIMS.keys())
async def test_an_unreadable_claim_sees_nothing_and_books_nothing(scene: Scene, text: str) -> None:
    await claim(scene.api, text % {"org": scene.org_id})

    assert {table: await seen(scene.api, table) for table in TENANT_TABLES} == dict.fromkeys(
        TENANT_TABLES, 0
    )
    refusal = await scene.database.book(scene.api, scene.org_id, patient_name="Tom Taylor")
    assert refusal["error"] == "FORBIDDEN_ORGANIZATION"


async def test_a_claim_ends_with_its_transaction(scene: Scene) -> None:
    async with scene.api.transaction():
        await scene.api.execute(
            "SELECT set_config('request.jwt.claims', $1, true)",
            json.dumps({"org_id": str(scene.org_id)}),
        )
        assert await seen(scene.api, "leads") == 3

    assert await seen(scene.api, "leads") == 0


@pytest.mark.parametrize("table", ALL_TABLES)
async def test_the_api_writes_to_no_table(scene: Scene, table: str) -> None:
    await claim(scene.api, json.dumps({"org_id": str(scene.org_id)}))
    column = await scene.api.fetchval(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass "
        "AND attnum > 0 AND attgenerated = '' ORDER BY attnum LIMIT 1",
        table,
    )
    for statement in (
        f"INSERT INTO {table} DEFAULT VALUES",
        f"UPDATE {table} SET {column} = DEFAULT",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"LOCK TABLE {table} IN EXCLUSIVE MODE",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with scene.api.transaction():
                await scene.api.execute(statement)


async def test_the_api_creates_nothing_and_becomes_nobody(scene: Scene) -> None:
    for statement in (
        "CREATE TABLE public.mine (id integer)",
        "CREATE FUNCTION public.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE leads DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_reads ON leads",
        "CREATE ROLE mine",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await scene.api.execute(statement)


@pytest.mark.parametrize("table", ALL_TABLES)
async def test_nobody_reads_no_table(scene: Scene, nobody: asyncpg.Connection, table: str) -> None:
    await claim(nobody, json.dumps({"org_id": str(scene.org_id)}))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await nobody.fetch(f"SELECT * FROM {table}")


async def test_nobody_executes_no_function_of_ours(nobody: asyncpg.Connection) -> None:
    rows = await nobody.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "AND proname = ANY ($1) AND has_function_privilege(oid, 'EXECUTE')",
        list(load_functions()),
    )
    assert [row["proname"] for row in rows] == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await nobody.fetch("SELECT current_moment()")


Attempt = Callable[[Scene], Awaitable[None]]


async def cannot_book_elsewhere(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    before = await superuser.fetchval("SELECT count(*) FROM appointments")

    for org_id in (scene.org_id, uuid4(), None):
        refusal = await scene.database.book(scene.api, org_id, patient_name="Tom Taylor")
        assert refusal["error"] == "FORBIDDEN_ORGANIZATION"
    assert await superuser.fetchval("SELECT count(*) FROM appointments") == before


async def cannot_replay_elsewhere(scene: Scene) -> None:
    """What the victim booked, word for word."""
    refusal = await scene.database.book(scene.api, scene.org_id)
    assert refusal["error"] == "FORBIDDEN_ORGANIZATION"
    assert "appointment_id" not in refusal


async def tells_only_the_time(scene: Scene) -> None:
    moment = await scene.api.fetchval("SELECT current_moment()")
    assert abs((moment - await scene.api.fetchval("SELECT now()")).total_seconds()) < 60


async def has_no_profile(scene: Scene) -> None:
    assert await scene.api.fetchval("SELECT clinic_profile($1)", scene.org_id) is None


async def has_no_practitioners(scene: Scene) -> None:
    for said in ("Dr Grey", "Grey", ""):
        query = "SELECT find_practitioner($1, $2)"
        assert await scene.api.fetchval(query, scene.org_id, said) == "[]"


async def has_no_hmac_key(scene: Scene) -> None:
    assert await scene.api.fetchval("SELECT find_hmac_key($1)", scene.org_id) is None


async def has_no_credential_without_its_secret(scene: Scene) -> None:
    for guess in (None, b"", b"Here", b"%"):
        assert await scene.api.fetchval("SELECT find_credential($1)", guess) is None


async def has_no_line_without_its_number(scene: Scene) -> None:
    query = "SELECT find_voice_line($1, $2, $3)"
    for guess in (None, "", "%", str(scene.org_id)):
        assert await scene.api.fetchval(query, guess, guess, guess) is None
    # Kinds are not mixed up: what is registered as a number is no assistant.
    assert await scene.api.fetchval(query, "Here", None, "Here") is None


async def reports_no_message(scene: Scene) -> None:
    query = "SELECT record_voice_message($1, 'c', 't', '{\"forged\": true}', now())"
    assert await scene.api.fetchval(query, scene.org_id) is False
    superuser = await scene.database.connect_superuser()
    assert (
        await superuser.fetchval("SELECT count(*) FROM voice_messages WHERE payload <> '{}'") == 0
    )


async def rows_of(scene: Scene) -> dict[str, list[str]]:
    """Everything the victim has, as text."""
    superuser = await scene.database.connect_superuser()
    return {
        table: [
            str(row[0])
            for row in await superuser.fetch(
                f"SELECT {table}::text FROM {table} WHERE {column} = $1 ORDER BY 1", scene.org_id
            )
        ]
        for table, column in TENANT_TABLES.items()
    }


def forbids(function: str, **arguments: object) -> Attempt:
    """The victim's organization, and the victim's ids under one's own. `SELECT …` finds an id."""

    async def attempt(scene: Scene) -> None:
        superuser = await scene.database.connect_superuser()
        given = {
            name: await superuser.fetchval(value, scene.org_id)
            if isinstance(value, str) and value.startswith("SELECT ")
            else value
            for name, value in arguments.items()
        }
        assert all(value is not None for value in given.values())
        before = await rows_of(scene)

        for org_id in (scene.org_id, uuid4(), None):
            answer = await scene.database.call(scene.api, function, org_id, **given)
            assert answer["error"] == "FORBIDDEN_ORGANIZATION"
            assert answer.keys() == {"success", "error", "message", "created_at"}
        own = await scene.database.call(scene.api, function, scene.other_org_id, **given)
        if any(str(arguments[name]).startswith("SELECT id") for name in arguments):
            assert own["error"] in ("NOT_FOUND", "UNKNOWN_PRACTITIONER"), own
        assert await rows_of(scene) == before

    attempt.__name__ = f"{function}_is_forbidden"
    return attempt


def counts_nothing(function: str) -> Attempt:
    async def attempt(scene: Scene) -> None:
        before = await rows_of(scene)
        arguments = (scene.org_id, "c") if function.endswith("holds") else (scene.org_id,)
        places = ", ".join(f"${n}" for n in range(1, len(arguments) + 1))
        assert await scene.api.fetchval(f"SELECT {function}({places})", *arguments) == 0
        assert await rows_of(scene) == before

    attempt.__name__ = f"{function}_counts_nothing"
    return attempt


async def has_no_configuration(scene: Scene) -> None:
    answer = await scene.database.call(scene.api, "clinic_configuration", scene.org_id)
    assert answer is None or answer.get("error") == "FORBIDDEN_ORGANIZATION"


async def hears_of_no_other_clinics(scene: Scene) -> None:
    query = "SELECT organizations_with_lapsed_offers(100)"
    await (await scene.database.owner()).execute(
        "UPDATE appointments SET hold_expires_at = created_at WHERE status = 'held'"
    )
    assert await scene.api.fetchval(query) == "[]"
    await claim(scene.api, "")
    assert len(json.loads(await scene.api.fetchval(query))) == 2


APPOINTMENT = (
    "SELECT id FROM appointments WHERE org_id = $1 AND status = 'confirmed' ORDER BY id LIMIT 1"
)
HELD = "SELECT id FROM appointments WHERE org_id = $1 AND status = 'held' LIMIT 1"
WAITING = "SELECT id FROM waitlist WHERE org_id = $1 LIMIT 1"
PRACTITIONER = "SELECT id FROM practitioners WHERE org_id = $1 LIMIT 1"


# What another tenant tries with each function the API may execute. A new one needs a line.
ATTEMPTS: dict[str, list[Attempt]] = {
    "accept_offer": [forbids("accept_offer", waitlist_id=WAITING, source="staff")],
    "advance_waitlist": [counts_nothing("advance_waitlist")],
    "book_appointment_atomic": [cannot_book_elsewhere, cannot_replay_elsewhere],
    "cancel_appointment": [
        forbids("cancel_appointment", appointment_id=APPOINTMENT, source="staff")
    ],
    "check_availability": [
        forbids(
            "check_availability",
            service_type="consultation",
            **{"from": START, "until": START + HOUR},
            practitioner_id=PRACTITIONER,
        )
    ],
    "clinic_configuration": [has_no_configuration],
    "clinic_profile": [has_no_profile],
    "configure_clinic": [forbids("configure_clinic", document='{"name": "Mine"}', version=99)],
    "current_moment": [tells_only_the_time],
    "decline_offer": [forbids("decline_offer", waitlist_id=WAITING, source="staff")],
    "extend_holds": [counts_nothing("extend_holds")],
    "find_credential": [has_no_credential_without_its_secret],
    "find_hmac_key": [has_no_hmac_key],
    "find_practitioner": [has_no_practitioners],
    "find_voice_line": [has_no_line_without_its_number],
    "hold_slot": [
        forbids(
            "hold_slot",
            service_type="consultation",
            scheduled_at=START + HOUR * 5,
            practitioner_id=PRACTITIONER,
        )
    ],
    "join_waitlist": [
        forbids(
            "join_waitlist",
            name="Tom",
            phone="+442079460777",
            service_type="consultation",
            practitioner_id=PRACTITIONER,
        )
    ],
    "leave_waitlist": [forbids("leave_waitlist", waitlist_id=WAITING, source="staff")],
    "lookup_caller": [forbids("lookup_caller", phone="+442079460958")],
    "mark_appointment": [
        forbids(
            "mark_appointment", appointment_id=APPOINTMENT, status="completed", source="staff"
        )
    ],
    "organizations_with_lapsed_offers": [hears_of_no_other_clinics],
    "raise_alert": [forbids("raise_alert", kind="emergency", call_id="c")],
    "record_voice_message": [reports_no_message],
    "release_hold": [forbids("release_hold", hold_id=HELD, source="staff")],
    "release_holds": [counts_nothing("release_holds")],
    "reschedule_appointment": [
        forbids(
            "reschedule_appointment",
            appointment_id=APPOINTMENT,
            scheduled_at=START + HOUR * 6,
            source="staff",
        )
    ],
    "take_message": [forbids("take_message", body="Hello")],
    "transfer_destination": [forbids("transfer_destination")],
}


async def test_every_function_of_the_api_is_tried_here(reader: asyncpg.Connection) -> None:
    rows = await reader.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "AND proname = ANY ($1) AND has_function_privilege('voxanne_api', oid, 'EXECUTE')",
        list(load_functions()),
    )
    assert {row["proname"] for row in rows} == set(ATTEMPTS)


@pytest.mark.parametrize(
    "attempt",
    [attempt for attempts in ATTEMPTS.values() for attempt in attempts],
    ids=lambda attempt: attempt.__name__,
)
async def test_another_tenant_gets_nothing_from_a_function(scene: Scene, attempt: Attempt) -> None:
    await claim(scene.api, json.dumps({"org_id": str(scene.other_org_id)}))

    await attempt(scene)


async def test_the_owners_functions_mind_the_claim_too(scene: Scene) -> None:
    """The owner's policy lets its functions see every row; the check of the claim must hold."""
    owner = await scene.database.connect_owner()
    await claim(owner, json.dumps({"org_id": str(scene.other_org_id)}))

    refusal = await scene.database.book(owner, scene.org_id, patient_name="Tom Taylor")

    assert refusal["error"] == "FORBIDDEN_ORGANIZATION"
