"""The event stream: what a page is told while it is open, and what it is never told."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from tests.database import Database
from tests.integration.clinics import Api, running_api
from tests.integration.event_streams import SECONDS_MAX, Stream, open_stream
from tests.integration.front_desk import Desk, sign_in
from voxanne.inbound import live
from voxanne.inbound.live import EventStream, Hub, Place, read_place
from voxanne.inbound.v1.problems import RefusedError
from voxanne.postgres.pool import DatabaseBusyError

STREAM = "/v1/events/stream"
HAPPENED = "INSERT INTO events (org_id, kind, call_id) VALUES ($1, 'held', $2)"


@contextlib.asynccontextmanager
async def watching(desk: Desk, **headers: str) -> AsyncIterator[Stream]:
    sent = desk.cookies | {name.replace("_", "-"): value for name, value in headers.items()}
    async with open_stream(desk.api, desk.url("/stream"), sent) as stream:
        assert stream.answer.status_code == 200
        yield stream


async def refusal(desk: Desk) -> tuple[int, str]:
    """Of a stream that isn't opened."""
    wants = desk.cookies | {"Accept": "application/json"}
    async with open_stream(desk.api, desk.url("/stream"), wants) as stream:
        assert stream.answer.status_code != 200
        return stream.answer.status_code, json.loads(await stream.answer.aread())["code"]


async def happen(api: Api, *calls: str) -> None:
    owner = await api.database.owner()
    for call in calls:
        await owner.execute(HAPPENED, api.clinic.id, call)


async def test_a_booking_by_phone_appears_with_its_day(served: Api) -> None:
    async with watching(await sign_in(served, "read_only")) as stream:
        booked = await served.book()
        told = await stream.next()
    assert told == {
        "kind": "booked",
        "appointment_id": booked["appointmentId"],
        "lead_id": booked["contactId"],
        "call_id": told["call_id"],
        "days": ["2026-11-26"],
    }
    answer = stream.answer
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"


async def test_a_page_misses_nothing_between_its_making_and_its_stream(served: Api) -> None:
    desk = await sign_in(served)
    await happen(served, "shown")
    await served.database.others_are_done()
    page = (await desk.get("/calendar")).text
    place = re.search(r'data-place="(\d+-\d+)"', page)
    assert place is not None
    await happen(served, "meanwhile")
    async with open_stream(served, desk.url("/stream"), desk.cookies, after=place[1]) as stream:
        while "meanwhile" not in stream.text:
            await stream.next()
        assert "shown" not in stream.text


async def test_open_streams_are_counted(served: Api) -> None:
    async with watching(await sign_in(served)):
        assert "voxanne_live_streams 1.0" in (await served.http.get("/metrics")).text


async def test_no_patient_is_in_it(served: Api) -> None:
    async with watching(await sign_in(served)) as stream:
        await served.book(email="maya@mail.example", notes="Swollen gum")
        await stream.next()
    assert "booked" in stream.text
    for detail in ("Maya", "Okafor", "mail.example", "Swollen", "+44"):
        assert detail not in stream.text


async def test_a_move_tells_both_days_in_the_clinics_zone(database: Database) -> None:
    async with running_api(database, on_socket=True) as api:
        await api.rows("UPDATE organizations SET timezone = 'Asia/Tokyo'")
        await api.rows("DELETE FROM opening_hours")
        async with watching(await sign_in(api)) as stream:
            # 15:30 UTC is the next day in Tokyo.
            booked = await api.book(scheduledAt="2026-11-26T15:30:00Z")
            assert (await stream.next())["days"] == ["2026-11-27"]
            moved = await api.value(
                "SELECT reschedule_appointment(p_org_id => $1, p_appointment_id => $2::text::uuid, "
                "p_scheduled_at => '2026-11-30T03:00:00Z')",
                api.clinic.id,
                booked["appointmentId"],
            )
            assert '"success": true' in moved
            assert await stream.next() | {"call_id": None} == {
                "kind": "moved",
                "appointment_id": booked["appointmentId"],
                "lead_id": booked["contactId"],
                "call_id": None,
                "days": ["2026-11-27", "2026-11-30"],
            }


async def test_a_reader_goes_on_where_it_stopped(served: Api) -> None:
    """None lost and none twice, though the older transaction commits last."""
    desk = await sign_in(served)
    slow = await served.database.connect_owner()
    async with watching(desk) as stream:
        await happen(served, "first")
        assert (await stream.next())["call_id"] == "first"
        seen = stream.id
    await slow.execute("BEGIN")
    await slow.execute(HAPPENED, served.clinic.id, "begun first, done last")
    await happen(served, "begun last, done first")
    async with watching(desk, last_event_id=seen) as stream:
        await slow.execute("COMMIT")
        told = [(await stream.next())["call_id"] for _ in range(2)]
        assert told == ["begun first, done last", "begun last, done first"]
        seen = stream.id
    await happen(served, "while nobody read")
    query = {"after": seen}
    async with open_stream(served, desk.url("/stream"), desk.cookies, **query) as stream:
        await happen(served, "the end")
        # Where it begins is told once what was missed has been.
        assert "while nobody read" in stream.text
        assert (await stream.next())["call_id"] == "the end"
        assert stream.text.count("changed") == 2


async def test_a_long_absence_is_read_up(served: Api) -> None:
    desk = await sign_in(served)
    async with watching(desk) as stream:
        seen = stream.id
    await served.rows(
        "INSERT INTO events (org_id, kind) SELECT $1, 'held' FROM generate_series(1, 250)",
        served.clinic.id,
    )
    await served.database.others_are_done()
    async with watching(desk, last_event_id=seen) as stream:
        assert stream.text.count("event: changed") == 250


async def test_two_readers_at_different_places_are_both_told_all(served: Api) -> None:
    desk = await sign_in(served)
    async with watching(desk) as first:
        await happen(served, "one")
        await first.next()
        place = first.id
        await happen(served, "two")
        assert (await first.next())["call_id"] == "two"
        async with watching(desk, last_event_id=place) as second:
            assert second.text.count("changed") == 1
            assert '"two"' in second.text
            await happen(served, "three")
            assert [(await each.next())["call_id"] for each in (first, second)] == ["three"] * 2


async def test_another_clinics_events_are_never_told(served: Api) -> None:
    other = await served.open_clinic()
    owner = await served.database.owner()
    async with watching(await sign_in(served)) as stream:
        for _ in range(3):
            await owner.execute(HAPPENED, other.id, "theirs")
        await happen(served, "ours")
        assert (await stream.next())["call_id"] == "ours"
        assert "theirs" not in stream.text


async def test_nobody_reads_without_a_session_or_elsewhere(served: Api) -> None:
    desk = await sign_in(served)
    other = await served.open_clinic()
    assert (await desk.get("/stream", clinic=other)).status_code == 404
    path = desk.url("/stream")
    assert (await served.http.get(path)).status_code == 303
    wants = {"Accept": "application/json"}
    assert (await served.http.get(path, headers=wants)).status_code == 401


@pytest.mark.parametrize(
    "revoked",
    [
        "DELETE FROM sessions",
        "DELETE FROM memberships",
        "UPDATE sessions SET expires_at = created_at",
    ],
)
async def test_a_revoked_session_ends_its_stream(
    served: Api, revoked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PING_SECONDS", 0.05)
    async with watching(await sign_in(served)) as stream:
        assert "" in await stream.block()  # a ping: it goes on
        await served.rows(revoked)
        await stream.end()


async def test_a_program_reads_the_same(served: Api) -> None:
    reader = await served.new_key(served.clinic, "read_only")
    async with open_stream(served, STREAM, reader.bearer) as stream:
        await served.book()
        assert (await stream.next())["kind"] == "booked"
    refused = await served.http.get(STREAM, headers=served.clinic.bearer)
    assert refused.status_code == 403, "an agent's key"


async def test_a_revoked_key_ends_its_stream(served: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PING_SECONDS", 0.05)
    reader = await served.new_key(served.clinic, "read_only")
    async with open_stream(served, STREAM, reader.bearer) as stream:
        assert "" in await stream.block()
        await served.rows("DELETE FROM credentials WHERE scope = 'read_only'")
        await stream.end()


async def test_the_deadline_of_a_request_is_not_a_streams(database: Database) -> None:
    async with running_api(database, on_socket=True, database_wait_ms=100) as api:
        reader = await api.new_key(api.clinic, "staff")
        async with open_stream(api, STREAM, reader.bearer) as stream:
            await api.value("SELECT pg_sleep(0.3)")
            await happen(api, "later")
            assert (await stream.next())["call_id"] == "later"


@pytest.mark.parametrize(
    "said", ["x", "1", "1-", "-1-2", "1-2-3", f"{2**64}-1", f"1-{2**63}", "1-1'", "９-1"]
)
async def test_an_id_that_is_none_is_refused(served: Api, said: str) -> None:
    desk = await sign_in(served)
    reader = await served.new_key(served.clinic, "read_only")
    for path, headers in ((desk.url("/stream"), desk.cookies), (STREAM, reader.bearer)):
        wants = {**headers, "Accept": "application/json"}
        answer = await served.http.get(path, headers=wants, params={"after": said})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENTS")
        assert said not in answer.text or len(said) == 1


async def test_an_id_that_is_yet_to_come_begins_now(served: Api) -> None:
    desk = await sign_in(served)
    await happen(served, "before")
    await served.database.others_are_done()
    async with watching(desk, last_event_id=f"{2**64 - 1}-7") as stream:
        await happen(served, "after")
        assert (await stream.next())["call_id"] == "after"
        assert "before" not in stream.text


async def test_a_clinic_has_a_limit_of_streams_and_gets_them_back(database: Database) -> None:
    limits = {"clinic_live_streams_max": 2, "live_streams_max": 3}
    async with running_api(database, on_socket=True, **limits) as api:
        desk = await sign_in(api)
        elsewhere = await api.open_clinic()
        other = await sign_in(api, clinic=elsewhere)
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(2):
                await stack.enter_async_context(watching(desk))
            assert await refusal(desk) == (409, "LIMIT_REACHED")
            await stack.enter_async_context(watching(other))
            assert await refusal(other) == (503, "BUSY")
        async with asyncio.timeout(SECONDS_MAX):
            # The server learns that its readers have left.
            while True:
                async with open_stream(api, desk.url("/stream"), desk.cookies) as again:
                    if again.answer.status_code == 200:
                        break


class Counting:
    """A database that counts what the hub asks it, and how many clinics that is about."""

    def __init__(self, api: Api) -> None:
        self.pool = api.pool
        self.places: list[int] = []
        self.asked = asyncio.Condition()

    async def fetch_value(self, query: str, *arguments: object) -> object:
        if "changed_events" in query:
            async with self.asked:
                self.places.append(str(arguments[0]).count("org_id"))
                self.asked.notify_all()
        return await self.pool.fetch_value(query, *arguments)

    async def asked_more(self, times: int) -> None:
        wanted = len(self.places) + times
        async with self.asked, asyncio.timeout(SECONDS_MAX):
            await self.asked.wait_for(lambda: len(self.places) >= wanted)


class Listener:
    """What is sent to a reader of a stream that is called without a server between."""

    def __init__(
        self, hub: Hub, api: Api, *, reads: bool = True, after: Place | None = None
    ) -> None:
        self.stream = EventStream(hub, api.clinic.id, after, self._is_allowed)
        self.reads = asyncio.Event()
        self.began = asyncio.Event()
        self.left = asyncio.Event()
        self.sent: list[bytes] = []
        if reads:
            self.reads.set()

    async def run(self) -> None:
        await self.stream({"type": "http"}, self._receive, self._send)

    async def _receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.sent.append(message["body"])
            if message["body"].startswith(b"id:"):
                self.began.set()
                await self.reads.wait()

    async def _is_allowed(self) -> bool:
        return True


@pytest.fixture
async def hub(served: Api) -> AsyncIterator[tuple[Hub, Counting]]:
    database = Counting(served)
    made = Hub(database, 100, 100)
    async with made.running():
        yield made, database


async def test_twenty_streams_of_a_clinic_cost_one_reader(
    served: Api, hub: tuple[Hub, Counting]
) -> None:
    watched, database = hub
    listeners = [Listener(watched, served) for _ in range(20)]
    async with asyncio.TaskGroup() as group:
        for listener in listeners:
            group.create_task(listener.run())
            await listener.began.wait()
        assert watched.streams == 20
        # The first asks where the log is; those who come while it is read begin there.
        assert len(database.places) < 20
        await database.asked_more(2)
        assert set(database.places) == {1}
        await happen(served, "for all")
        async with asyncio.timeout(SECONDS_MAX):
            while not all(b"for all" in b"".join(each.sent) for each in listeners):
                await database.asked_more(1)
        for listener in listeners:
            listener.left.set()
    assert watched.streams == 0


async def test_who_comes_with_an_older_place_is_told_too_and_asks_once(
    served: Api, hub: tuple[Hub, Counting]
) -> None:
    """Nothing happened between their places, which other clinics' transactions moved on."""
    watched, database = hub
    await served.database.others_are_done()
    xmin = int(await served.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))
    places = (Place(xmin, 0), Place(xmin - 1, 0), Place(xmin - 1, 2**62))
    listeners = [Listener(watched, served, after=place) for place in places]
    async with asyncio.TaskGroup() as group:
        for listener in listeners:
            group.create_task(listener.run())
            async with asyncio.timeout(SECONDS_MAX):
                await listener.began.wait()
        await happen(served, "for all")
        async with asyncio.timeout(SECONDS_MAX):
            while not all(b"for all" in b"".join(each.sent) for each in listeners):
                await database.asked_more(1)
        await happen(served, "last")
        async with asyncio.timeout(SECONDS_MAX):
            while not all(b"last" in b"".join(each.sent) for each in listeners):
                await database.asked_more(1)
        for listener in listeners:
            listener.left.set()
    for listener in listeners:
        assert b"".join(listener.sent).count(b"event: changed") == 2, "each is told once"


async def test_nothing_is_asked_while_nobody_watches(
    served: Api, hub: tuple[Hub, Counting]
) -> None:
    watched, database = hub
    assert database.places == []
    listener = Listener(watched, served)
    running = asyncio.create_task(listener.run())
    await database.asked_more(2)
    listener.left.set()
    await running
    assert not watched._wanted.is_set()
    asked = len(database.places)
    await served.value("SELECT pg_sleep(0.3)")  # three polls' time
    assert len(database.places) <= asked + 1


async def test_who_does_not_read_is_cut_off(
    served: Api, hub: tuple[Hub, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "QUEUED_EVENTS_MAX", 5)
    monkeypatch.setattr(live, "LAST_WORD_SECONDS_MAX", 0.01)
    watched, _ = hub
    stuck, reading = Listener(watched, served, reads=False), Listener(watched, served)
    async with asyncio.timeout(SECONDS_MAX), asyncio.TaskGroup() as group:
        cut = group.create_task(stuck.run())
        kept = group.create_task(reading.run())
        await stuck.began.wait()
        await reading.began.wait()
        for number in range(7):
            await happen(served, f"call-{number}")
            while f"call-{number}".encode() not in b"".join(reading.sent):
                await hub[1].asked_more(1)
        await asyncio.wait([cut])
        assert not kept.done()
        assert watched.streams == 1
        reading.left.set()


async def test_all_end_when_the_server_stops(served: Api, hub: tuple[Hub, Counting]) -> None:
    watched, _ = hub
    listeners = [Listener(watched, served) for _ in range(3)]
    async with asyncio.timeout(SECONDS_MAX), asyncio.TaskGroup() as group:
        for listener in listeners:
            group.create_task(listener.run())
            await listener.began.wait()
        watched.stopping.set()
    with pytest.raises(RefusedError):
        watched.check_room(served.clinic.id)


async def test_a_database_that_is_away_ends_no_stream(
    served: Api, hub: tuple[Hub, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FAILED_POLL_SECONDS", 0.01)
    watched, database = hub
    listener = Listener(watched, served)
    running = asyncio.create_task(listener.run())
    await listener.began.wait()
    real = database.pool

    class Away:
        async def fetch_value(self, query: str, *arguments: object) -> object:
            raise DatabaseBusyError("away")

    database.pool = Away()  # type: ignore[assignment]
    await database.asked_more(2)
    database.pool = real
    await happen(served, "back")
    async with asyncio.timeout(SECONDS_MAX):
        while b"back" not in b"".join(listener.sent):
            await database.asked_more(1)
    listener.left.set()
    await running


def test_a_place_reads_as_it_is_written() -> None:
    assert read_place(None) is None
    assert read_place("") is None
    assert read_place(str(Place(48211, 90177))) == (48211, 90177)
