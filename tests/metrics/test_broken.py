"""Each thing is broken for real, and just its alerts fire: what the running API and worker showed
before and after is put to Prometheus's own evaluation of the rules.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import phonenumbers
import pytest
import pytest_asyncio

from tests.database import Server
from tests.fakes.google_calendar import fake_google
from tests.fakes.google_events import RefusedError
from tests.integration.clinics import NOW, Api
from tests.integration.test_calls import WRONG, ended
from tests.integration.tool_calls import use
from tests.metrics.promtool import Past, assert_fires, promtool
from tests.metrics.stage import Stage, open_stage, serving_api, shown, stage_settings, working

EVENT = "appointment.cancelled"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(server: Server) -> AsyncIterator[Stage]:
    promtool("--version")
    async with (
        fake_google() as google,
        server.database() as database,
        open_stage(database, google) as stage,
    ):
        yield stage


@dataclass
class Breaking:
    """Looks before and after what is done to the stage, and says which alerts that must raise."""

    stage: Stage
    directory: Path

    @contextlib.asynccontextmanager
    async def raises(self, *alerts: str, minutes: int = 1) -> AsyncIterator[Stage]:
        """`minutes`: between the samples of what is told of it."""
        before = await self.stage.scrape()
        yield self.stage
        after = await self.stage.scrape()
        assert_fires(self.directory, Past(before, after, minutes=minutes), set(alerts))


@pytest.fixture
def breaking(stage: Stage, tmp_path: Path) -> Breaking:
    return Breaking(stage, tmp_path)


async def test_no_alert_fires_while_all_is_well(breaking: Breaking) -> None:
    async with breaking.raises() as stage:
        assert await stage.book(4) == ["SUCCESS"] * 4
        taken = {"name": "Ben Adler", "scheduledAt": "2026-11-09T10:00"}
        refused = await use(stage.api, "bookClinicAppointment", taken, call_id="another")
        assert refused["error"] == "SLOT_UNAVAILABLE"  # a caller's reason is no failure
        await stage.delivered()


async def test_a_database_that_keeps_callers_waiting(breaking: Breaking) -> None:
    async with breaking.raises("VoxanneBookingsFailing") as stage, stage.locked("appointments"):
        assert set(await stage.book(4)) == {"BUSY"}


async def test_a_bug_in_the_booking_itself(breaking: Breaking) -> None:
    rename = "ALTER FUNCTION {} RENAME TO {}"
    async with breaking.raises("VoxanneBookingsFailing") as stage:
        await stage.api.value(rename.format("place_appointment", "misplaced"))
        assert set(await stage.book(4)) == {"INTERNAL_ERROR"}
        await stage.api.value(rename.format("misplaced", "place_appointment"))


async def test_slow_tools(breaking: Breaking) -> None:
    await use(breaking.stage.api, "checkAvailability")
    async with breaking.raises("VoxanneToolsSlow") as stage:
        for _ in range(2):
            async with stage.locked("appointments"):
                asked = [use(stage.api, "checkAvailability") for _ in range(10)]
                answers = asyncio.gather(*asked)
                await asyncio.sleep(0.25)
            assert all(answer["success"] for answer in await answers)


async def test_requests_that_end_in_errors(breaking: Breaking) -> None:
    async def ask() -> int:
        api = breaking.stage.api
        return (await api.http.get("/v1/leads", headers=api.clinic.bearer)).status_code

    async with breaking.stage.locked("leads"):  # one before, so that the figure is there
        assert await ask() == 503
        async with breaking.raises("VoxanneRequestsFailing"):
            assert set(await asyncio.gather(*(ask() for _ in range(8)))) == {503}


async def test_a_voice_platform_with_the_wrong_key(breaking: Breaking) -> None:
    async def call() -> int:
        wrong = {"Authorization": "Bearer not-the-key"}
        return (await breaking.stage.api.post("/api/vapi", {}, wrong)).status_code

    assert await call() == 401
    async with breaking.raises("VoxanneCredentialsRefused"):
        assert {await call() for _ in range(8)} == {401}


async def test_an_overlap_behind_a_dropped_constraint(breaking: Breaking) -> None:
    api = breaking.stage.api
    constraint = await api.value(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conname = 'one_appointment_per_practitioner'"
    )
    async with breaking.raises("VoxanneDoubleBookings"):
        await api.value("ALTER TABLE appointments DROP CONSTRAINT one_appointment_per_practitioner")
        (first, *_) = await api.rows("SELECT * FROM appointments ORDER BY scheduled_at")
        planted = await api.database.appointment(
            api.clinic.id,
            first["practitioner_id"],
            scheduled_at=first["scheduled_at"] + timedelta(minutes=30),
            ends_at=first["ends_at"] + timedelta(minutes=30),
        )
    await api.value("DELETE FROM appointments WHERE id = $1", planted)
    await api.value(
        f"ALTER TABLE appointments ADD CONSTRAINT one_appointment_per_practitioner {constraint}"
    )


async def test_details_that_somebody_wrote_past_the_functions(breaking: Breaking) -> None:
    set_phone = "UPDATE leads SET phone = $1 WHERE phone = $2"
    (lead, *_) = await breaking.stage.api.rows("SELECT phone FROM leads")
    async with breaking.raises("VoxanneNormalizationErrors") as stage:
        await stage.api.value(set_phone, "07700 900 999", lead["phone"])
    await breaking.stage.api.value(set_phone, lead["phone"], "07700 900 999")


async def test_a_bug_in_normalising(breaking: Breaking, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a number nobody thought of")

    async with breaking.raises("VoxanneNormalizationErrors") as stage:
        with monkeypatch.context() as patched:
            patched.setattr(phonenumbers, "parse", fail)
            assert await stage.book(1) == ["INTERNAL_ERROR"]


async def test_a_search_that_never_ends(breaking: Breaking) -> None:
    rename = "ALTER FUNCTION {} RENAME TO {}"
    async with breaking.raises("VoxanneRecordsUninspected", minutes=15) as stage:
        await stage.api.value(rename.format("double_bookings", "unlooked"))
    await breaking.stage.api.value(rename.format("unlooked", "double_bookings"))


async def test_a_promise_that_was_not_kept(breaking: Breaking) -> None:
    async with breaking.raises("VoxannePromiseMismatch") as stage:
        await stage.api.answer(ended(WRONG, int(NOW.timestamp() * 1000)))
        await stage.pass_time(timedelta(minutes=1))
        await _until(lambda: stage.api.value("SELECT promise FROM calls"), "mismatch")
        await stage.delivered()


async def test_a_report_that_could_not_be_kept(breaking: Breaking) -> None:
    async with breaking.raises("VoxanneMessagesLost") as stage, stage.locked("voice_messages"):
        assert await stage.api.answer(ended()) == {}


async def test_deliveries_that_nobody_takes(breaking: Breaking) -> None:
    """And once they go out, they were too long on their way."""
    stage = breaking.stage
    async with stage.no_claims():
        async with breaking.raises("VoxanneQueueOld"):
            assert set(await stage.book(21)) == {"SUCCESS"}
            await stage.pass_time(timedelta(minutes=5))
        released = await stage.scrape()
    await stage.delivered()
    past = Past(released, await stage.scrape(), before_samples=2)
    assert_fires(breaking.directory, past, {"VoxanneCalendarSlow"})


async def test_a_vendor_that_is_away(breaking: Breaking, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RefusedError(503, "backendError")

    async with breaking.raises("VoxanneCalendarUnreachable") as stage:
        with monkeypatch.context() as patched:
            patched.setattr(stage.google, "_authorize", refuse)
            assert set(await stage.book(8)) == {"SUCCESS"}
            tried = (
                "SELECT count(*) FROM deliveries WHERE kind = 'calendar' AND status = 'queued' "
                "AND error_code IS NOT NULL"
            )
            await _until(lambda: stage.api.value(tried), 8)
    await breaking.stage.api.value(
        "UPDATE deliveries SET due_at = current_moment() WHERE status = 'queued'"
    )
    await breaking.stage.delivered()


async def test_webhooks_that_nobody_hears(breaking: Breaking) -> None:
    api = breaking.stage.api
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and it never listens
        hook = {"url": f"http://127.0.0.1:{deaf.getsockname()[1]}/hook", "types": [EVENT]}
        made = await api.post("/v1/webhooks", hook)
        assert made.status_code == 201, made.text
        async with breaking.raises("VoxanneDeliveriesFailing") as stage:
            for _ in range(4):
                ping = await api.post(f"/v1/webhooks/{made.json()['id']}/test", {})
                assert ping.is_success, ping.text
                await stage.delivered()


async def test_a_consent_that_was_taken_back(breaking: Breaking) -> None:
    parked = "SELECT count(*) FROM deliveries WHERE kind = 'calendar' AND due_at = 'infinity'"
    async with breaking.raises("VoxanneTokenRefreshFailing", "VoxanneCalendarFailing") as stage:
        stage.google.revoke()
        assert await stage.book(3) == ["SUCCESS"] * 3
        await _until(lambda: stage.api.value(parked), 3)
    await breaking.stage.connect_calendar()
    await breaking.stage.delivered()


async def test_connections_that_are_all_in_use(breaking: Breaking) -> None:
    """Without one the API isn't ready, either."""
    pool = breaking.stage.api.pool.connections
    async with (
        contextlib.AsyncExitStack() as held,
        breaking.raises("VoxannePoolExhausted", "VoxanneNotReady"),
    ):
        for _ in range(pool.get_max_size()):
            await held.enter_async_context(pool.acquire())


async def test_a_schema_of_another_release(breaking: Breaking) -> None:
    change = "UPDATE schema_migrations SET checksum = reverse(checksum) WHERE version = 10"
    async with breaking.raises("VoxanneNotReady") as stage:
        await stage.api.value(change)
    await breaking.stage.api.value(change)


async def test_processes_that_stop(server: Server, tmp_path: Path) -> None:
    promtool("--version")
    async with fake_google() as google, server.database() as database:
        settings = stage_settings(database, google)
        async with contextlib.AsyncExitStack() as api_runs:
            api = await api_runs.enter_async_context(serving_api(database, settings))
            async with working(settings, database.owner_url) as (work, worker_url):
                stage = Stage(api, work, worker_url, google)
                await _until(lambda: status_of(api, "/readyz"), 200)  # it has its connections
                well = await stage.scrape()
            await _until(lambda: shown(worker_url), None)
            workless = await stage.scrape()
        dead = await stage.scrape()
    for before, after, alerts in (
        (well, workless, {"VoxanneWorkerDown", "VoxanneProcessDown"}),
        (well, dead, {"VoxanneWorkerDown", "VoxanneProcessDown", "VoxanneApiDown"}),
    ):
        assert_fires(tmp_path, Past(before, after), alerts)


async def status_of(api: Api, path: str) -> int:
    return (await api.http.get(path)).status_code


async def _until(look: Callable[[], Awaitable[object]], wanted: object) -> None:
    async with asyncio.timeout(15):
        while await look() != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
