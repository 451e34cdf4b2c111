"""What happens, told as it happens: server-sent events of ids and days, never of patients.

One task of a process reads the event log for everybody who watches (docs/decisions/0020).
"""

import asyncio
import contextlib
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.http import describe
from voxanne.inbound.v1.problems import RefusedError
from voxanne.postgres.pool import DatabaseBusyError

POLL_SECONDS: Final = 0.1
FAILED_POLL_SECONDS: Final = 1.0
PING_SECONDS: Final = 15.0
BATCH_EVENTS: Final = 100  # what changed_events.sql answers at most of a clinic
RETRY_MS: Final = 2_000
# What waits for one reader. One that is further behind is cut off, and resumes from the log.
QUEUED_EVENTS_MAX: Final = 500
LAST_WORD_SECONDS_MAX: Final = 1.0
# Readers of this process that read what they missed at the same time; the others wait.
CATCHING_UP_MAX: Final = 2
_PLACE: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,19})")
_TRANSACTION_MAX: Final = 2**64 - 1
_EVENT_MAX: Final = 2**63 - 1

log = structlog.get_logger("voxanne.live")


class Place(NamedTuple):
    """A place in the event log: after the event of this id, as `Last-Event-ID` has it."""

    transaction: int
    event: int

    def __str__(self) -> str:
        return f"{self.transaction}-{self.event}"


class Told(NamedTuple):
    """An event as it is sent; without a text, a place where a reader begins."""

    organization: UUID
    place: Place
    text: bytes


def read_place(said: str | None) -> Place | None:
    """Where a reader stopped, from what it sends. Raises RefusedError: no id of ours.

    One that is yet to come begins now, as none does.
    """
    if not said:
        return None
    found = _PLACE.fullmatch(said)
    if found is not None:
        place = Place(int(found[1]), int(found[2]))
        if place.transaction <= _TRANSACTION_MAX and place.event <= _EVENT_MAX:
            return place
    raise RefusedError(
        Outcome.INVALID_ARGUMENTS,
        "Last-Event-ID is not an id of this stream.",
        {"where": "Last-Event-ID"},
        status=400,
    )


@dataclass(slots=True, eq=False)
class Reader:
    """One open stream: what waits to be sent, and whether it's over."""

    organization: UUID
    place: Place | None
    waiting: deque[bytes] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, told: Told) -> None:
        """Unless it was told already, or has read it itself."""
        assert self.place is not None
        if told.place <= self.place:
            return
        self.place = told.place
        if len(self.waiting) >= QUEUED_EVENTS_MAX:
            self.over.set()
            return
        self.waiting.append(told.text)
        self.news.set()


@dataclass(slots=True)
class Watched:
    """A clinic that somebody watches, and how far its log is read."""

    place: Place
    readers: set[Reader] = field(default_factory=set)


@dataclass(slots=True)
class Hub:
    """Reads the log of every watched clinic, once for all who watch, and only while somebody does.

    `streams_max`: of this process; `clinic_streams_max`: of one clinic in it; `stopping`: set when
    the server begins to stop.
    """

    database: functions.Database
    streams_max: int
    clinic_streams_max: int
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[Reader] = field(default_factory=set)
    _watched: dict[UUID, Watched] = field(default_factory=dict)
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _catching_up: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(CATCHING_UP_MAX)
    )

    @property
    def streams(self) -> int:
        return len(self._open)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the application runs. At the end, and when the server stops, so do the streams."""
        tasks = [asyncio.create_task(self._read_on()), asyncio.create_task(self._stop())]
        try:
            yield
        finally:
            self._end_all()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def check_room(self, organization: UUID) -> None:
        """Raises RefusedError when no further stream may be opened."""
        if self.stopping.is_set() or len(self._open) >= self.streams_max:
            raise RefusedError(Outcome.BUSY, "Too many live views are open. Try again later.")
        of_clinic = sum(reader.organization == organization for reader in self._open)
        if of_clinic >= self.clinic_streams_max:
            raise RefusedError(
                Outcome.LIMIT_REACHED, "The clinic has too many live views open already."
            )

    @contextlib.contextmanager
    def reading(self, organization: UUID, after: Place | None) -> Iterator[Reader]:
        """A reader, forgotten when it is done."""
        reader = Reader(organization, after)
        self._open.add(reader)
        if self.stopping.is_set():
            reader.over.set()
        try:
            yield reader
        finally:
            self._leave(reader)

    async def catch_up(self, reader: Reader) -> AsyncIterator[bytes]:
        """What the reader has missed; when that is all, the hub tells it of what comes.

        Raises what the database raises.
        """
        watched = self._watched.get(reader.organization)
        if reader.place is None and watched is not None:
            reader.place = watched.place
        behind = reader.place is None or watched is None or reader.place != watched.place
        while behind:
            async with self._catching_up:
                missed = await self._read({reader.organization: reader.place})
            for told in missed:
                reader.place = told.place
                if told.text:
                    yield told.text
            behind = len(missed) >= BATCH_EVENTS
        self._join(reader)
        yield f"id: {reader.place}\n\n".encode()

    def _join(self, reader: Reader) -> None:
        """From now on it is told. The log is read again from where it is, if that is further back:
        the others know what they were told.
        """
        assert reader.place is not None
        watched = self._watched.setdefault(reader.organization, Watched(reader.place))
        watched.place = min(watched.place, reader.place)
        watched.readers.add(reader)
        self._wanted.set()

    def _leave(self, reader: Reader) -> None:
        self._open.discard(reader)
        watched = self._watched.get(reader.organization)
        if watched is not None:
            watched.readers.discard(reader)
            if not watched.readers:
                del self._watched[reader.organization]
        if not self._watched:
            self._wanted.clear()

    async def _read_on(self) -> None:
        while True:
            await self._wanted.wait()
            pause = POLL_SECONDS
            try:
                places = {org_id: watched.place for org_id, watched in self._watched.items()}
                rows = await self._read(places)
                self._tell(rows, places)
            except (DatabaseBusyError, TimeoutError):
                pause = FAILED_POLL_SECONDS
            except Exception as error:
                # Its text may hold anything, so only its type and place are logged.
                log.error("live", bug=describe(error))
                pause = FAILED_POLL_SECONDS
            await asyncio.sleep(pause)

    def _tell(self, rows: Sequence[Told], asked: Mapping[UUID, Place]) -> None:
        """What was read after the places that were asked for, to everybody who watches. Where
        somebody came meanwhile who is further back, it is read again from there.
        """
        current = {
            organization: watched
            for organization, watched in self._watched.items()
            if watched.place == asked.get(organization)
        }
        for told in rows:
            watched = current.get(told.organization)
            if watched is None:
                continue
            watched.place = told.place
            for reader in watched.readers:
                if told.text:
                    reader.tell(told)
                else:
                    reader.place = told.place  # the log was restored, and counts anew

    async def _read(self, places: Mapping[UUID, Place | None]) -> list[Told]:
        asked = [
            {"org_id": str(organization)}
            | ({"transaction": str(place.transaction), "id": place.event} if place else {})
            for organization, place in places.items()
        ]
        rows = await functions.changed_events(self.database, asked)
        return [_told(row) for row in rows]

    async def _stop(self) -> None:
        await self.stopping.wait()
        self._end_all()

    def _end_all(self) -> None:
        for reader in self._open:
            reader.over.set()


class EventStream(Response):
    """A clinic's events after a place, for as long as `is_allowed` says yes.

    It ends when its reader leaves, may not read any more or falls too far behind, or the server
    stops.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        hub: Hub,
        organization: UUID,
        after: Place | None,
        is_allowed: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__(
            headers={
                "cache-control": "no-store",
                "x-accel-buffering": "no",
                "x-content-type-options": "nosniff",
            }
        )
        del self.headers["content-length"]
        self._hub = hub
        self._organization = organization
        self._after = after
        self._is_allowed = is_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._hub.reading(self._organization, self._after) as reader:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            tasks = [
                asyncio.create_task(part)
                for part in (self._send_all(reader, send), _gone(receive), reader.over.wait())
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ends:
            if isinstance(error, Exception) and not isinstance(error, OSError):
                log.error("live", bug=describe(error))
        # Whoever doesn't read isn't waited for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORD_SECONDS_MAX):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, reader: Reader, send: Send) -> None:
        async for text in self._texts(reader):
            await send({"type": "http.response.body", "body": text, "more_body": True})

    async def _texts(self, reader: Reader) -> AsyncIterator[bytes]:
        yield f"retry: {RETRY_MS}\n\n".encode()
        clock = asyncio.get_running_loop().time
        ping_at = clock() + PING_SECONDS
        try:
            async for text in self._hub.catch_up(reader):
                yield text
                if clock() >= ping_at:
                    if not await self._may_go_on():
                        return
                    ping_at = clock() + PING_SECONDS
        except (DatabaseBusyError, TimeoutError):
            return  # it asks again
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(ping_at):
                    await reader.news.wait()
            reader.news.clear()
            while reader.waiting:
                yield reader.waiting.popleft()
            if clock() >= ping_at:
                if not await self._may_go_on():
                    return
                yield b": ping\n\n"
                ping_at = clock() + PING_SECONDS

    async def _may_go_on(self) -> bool:
        try:
            return await self._is_allowed()
        except (DatabaseBusyError, TimeoutError):
            return True  # nobody could say; it is asked again


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _told(row: Mapping[str, Any]) -> Told:
    place = Place(int(row["transaction"]), int(row["id"]))
    text = b""
    if "kind" in row:
        facts = {
            name: row[name] for name in ("kind", "appointment_id", "lead_id", "call_id", "days")
        }
        said = json.dumps(facts, separators=(",", ":"))
        text = f"id: {place}\nevent: changed\ndata: {said}\n\n".encode()
    return Told(UUID(row["org_id"]), place, text)
