"""PostgreSQL goes away under a running API: BUSY soon, and all well once it is back."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from tests.database import FAST_SETTINGS, Database, Server
from tests.integration.clinics import (
    RPC_URL,
    VAPI_URL,
    Api,
    Json,
    connected_app,
    hold_lock,
    open_clinic,
    payload_of,
    running_api,
    serving,
    settings_for,
    wish,
)
from tests.integration.test_rpc import parameters
from tests.unit import vapi_bodies as bodies
from voxanne.postgres.embedded import EmbeddedPostgres
from voxanne.postgres.migrate import migrate_up
from voxanne.postgres.watchdog import postmaster_pid

BUSY_SECONDS_MAX = 2.0
# What a loaded machine adds, and what handing back a cut-off connection costs today.
SLACK_SECONDS = 1.0
POOL_SIZE = 4
TOMORROW_AT_TEN: Json = {"scheduledAt": "2026-11-03T10:00"}


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "data", settings=FAST_SETTINGS)
    with server:
        yield server


@pytest.fixture
async def fragile(postgres: EmbeddedPostgres) -> AsyncIterator[Api]:
    """The API on a server that may be harmed."""
    database = Database(Server(postgres), "voxanne")
    owner = await asyncpg.connect(database.owner_url)
    await migrate_up(owner)
    await owner.close()
    async with running_api(database, on_socket=True, database_pool_size=POOL_SIZE) as api:
        # The sessions of before are lost with the server.
        await database.close()
        afterwards = Database(Server(postgres), "voxanne")
        yield replace(api, database=afterwards)
        await afterwards.close()


def processes_of(postgres: EmbeddedPostgres) -> list[int]:
    """The postmaster and its children."""
    postmaster = postmaster_pid(postgres.data_dir)
    assert postmaster is not None
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


@contextlib.contextmanager
def frozen(postgres: EmbeddedPostgres) -> Iterator[None]:
    """The server hangs: its processes are there and do nothing."""
    stopped = processes_of(postgres)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def stop_server(postgres: EmbeddedPostgres) -> None:
    postmaster = postmaster_pid(postgres.data_dir)
    assert postmaster is not None
    os.kill(postmaster, signal.SIGINT)
    deadline = time.monotonic() + 10
    while postmaster_pid(postgres.data_dir) is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def assert_busy(api: Api) -> None:
    """Every way in answers in time, in its own shape, and says so."""
    body = bodies.envelope([bodies.tool_call(arguments=wish(**TOMORROW_AT_TEN))])
    message = {"message": {"type": "hang", "call": {"id": "call"}}}
    started = time.monotonic()
    tool, rpc, said, ready, healthy = await asyncio.gather(
        api.post(VAPI_URL, body),
        api.post(RPC_URL, parameters(api.clinic)),
        api.post(VAPI_URL, message),
        api.http.get("/readyz"),
        api.http.get("/healthz"),
    )
    assert time.monotonic() - started < BUSY_SECONDS_MAX + SLACK_SECONDS
    assert tool.status_code == 200
    (entry,) = tool.json()["results"]
    assert "error" in entry
    payload = payload_of(tool.json())
    assert (payload["success"], payload["error"]) == (False, "BUSY")
    assert (rpc.status_code, rpc.json()["code"]) == (503, "BUSY")
    assert (said.status_code, said.json()) == (200, {})
    assert (ready.status_code, ready.json()["code"]) == (503, "BUSY")
    assert healthy.status_code == 200


async def book_tomorrow(api: Api, call_id: str = bodies.CALL_ID) -> str | None:
    """The id of the appointment, or None with what was answered being BUSY."""
    answer = await api.book(call_id=call_id, **TOMORROW_AT_TEN)
    assert answer["success"] or answer["error"] == "BUSY", answer
    return answer.get("appointmentId")


async def assert_well(api: Api) -> None:
    """Bookings work, a call that said BUSY has been booked once, no connection is lost."""
    deadline = time.monotonic() + 5
    while (booked := await book_tomorrow(api)) is None:
        assert time.monotonic() < deadline, "still BUSY"
        await asyncio.sleep(0.05)
    assert await book_tomorrow(api) == booked
    assert await api.value("SELECT count(*) FROM appointments") == 1
    assert (await api.http.get("/readyz")).status_code == 200
    answers = await asyncio.gather(*(book_tomorrow(api, f"call-{n}") for n in range(3 * POOL_SIZE)))
    assert set(answers) == {booked}
    gauges = (await api.http.get("/metrics")).text.splitlines()
    assert 'voxanne_pool_connections{state="busy"} 0.0' in gauges
    (idle,) = (line for line in gauges if line.startswith('voxanne_pool_connections{state="idle"'))
    assert 1 <= float(idle.split()[1]) <= POOL_SIZE
    # Connections that were given up must not stay behind on the server either.
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = 'voxanne' AND datname = current_database()"
    )
    while await api.value(query) > POOL_SIZE:
        assert time.monotonic() < deadline + 5, "connections leak"
        await asyncio.sleep(0.05)


async def test_a_stopped_server_is_busy_until_it_is_back(
    fragile: Api, postgres: EmbeddedPostgres
) -> None:
    assert (await fragile.http.get("/readyz")).status_code == 200
    await stop_server(postgres)
    await assert_busy(fragile)
    await assert_busy(fragile)
    await asyncio.to_thread(postgres.start)
    await assert_well(fragile)


async def test_a_hanging_server_is_busy_until_it_goes_on(
    fragile: Api, postgres: EmbeddedPostgres
) -> None:
    assert (await fragile.http.get("/readyz")).status_code == 200
    with frozen(postgres):
        await assert_busy(fragile)
        flood = [book_tomorrow(fragile, f"flood-{n}") for n in range(5 * POOL_SIZE)]
        started = time.monotonic()
        assert set(await asyncio.gather(*flood)) == {None}
        assert time.monotonic() - started < BUSY_SECONDS_MAX + SLACK_SECONDS
    await assert_well(fragile)


async def test_a_hang_in_the_middle_of_a_booking_is_busy_and_books_at_most_once(
    database: Database,
) -> None:
    """A table is locked: the credential is read, the booking can't be written."""
    async with running_api(database, on_socket=True, database_pool_size=POOL_SIZE) as api:
        locker = await database.connect_owner()
        await hold_lock(locker, "appointments")
        started = time.monotonic()
        answers = await asyncio.gather(*(book_tomorrow(api) for _ in range(2 * POOL_SIZE)))
        assert set(answers) == {None}
        assert time.monotonic() - started < BUSY_SECONDS_MAX + SLACK_SECONDS
        await locker.execute("ROLLBACK")
        await assert_well(api)


async def test_busy_comes_within_two_seconds_of_a_lock(database: Database) -> None:
    async with running_api(database) as api:
        locker = await database.connect_owner()
        await hold_lock(locker, "appointments")
        started = time.monotonic()
        assert await book_tomorrow(api) is None
        seconds = time.monotonic() - started
        await locker.execute("ROLLBACK")
        assert seconds < BUSY_SECONDS_MAX


async def test_busy_comes_within_two_seconds_of_a_hang(
    fragile: Api, postgres: EmbeddedPostgres
) -> None:
    with frozen(postgres):
        started = time.monotonic()
        assert await book_tomorrow(fragile) is None
        assert time.monotonic() - started < BUSY_SECONDS_MAX


async def test_a_full_disk_is_busy(database: Database) -> None:
    """PostgreSQL says so (53100) where a row should be written."""
    owner = await database.connect_owner()
    await owner.execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END$$"
    )
    await owner.execute(
        "CREATE TRIGGER no_room BEFORE INSERT ON appointments EXECUTE FUNCTION no_room()"
    )
    async with running_api(database) as api:
        assert await book_tomorrow(api) is None
        await owner.execute("DROP TRIGGER no_room ON appointments")
        assert await book_tomorrow(api) is not None
        assert await api.value("SELECT count(*) FROM leads") == 1


async def test_several_calls_in_one_request_share_the_wait(database: Database) -> None:
    async with running_api(database) as api:
        locker = await database.connect_owner()
        await hold_lock(locker, "appointments")
        calls = [bodies.tool_call(f"call_{n}", arguments=wish()) for n in range(3)]
        started = time.monotonic()
        answered = await api.answer(bodies.envelope(calls))
        seconds = time.monotonic() - started
        await locker.execute("ROLLBACK")
        assert all("BUSY" in entry["error"] for entry in answered["results"])
        assert seconds < BUSY_SECONDS_MAX + SLACK_SECONDS


async def test_a_database_without_the_schema_is_not_ready(empty_database: Database) -> None:
    settings = settings_for(empty_database.owner_url)
    superuser = await empty_database.connect_superuser()
    await superuser.execute("GRANT voxanne_api TO voxanne")
    async with (
        connected_app(settings, empty_database.owner_url) as (app, _, _),
        serving(app) as http,
    ):
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["code"]) == (503, "BUSY")
        assert "migrate" in ready.json()["detail"]
        assert (await http.get("/healthz")).status_code == 200


async def test_a_clinic_opened_while_the_api_runs_can_book(served: Api) -> None:
    later = await open_clinic(served.database, name="Later")
    assert (await served.book(later.bearer))["success"] is True
