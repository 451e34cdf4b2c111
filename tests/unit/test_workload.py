"""What the workload makes of answers, and of none."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from voxanne.stress.oracle import Journal
from voxanne.stress.oracle.journal import JournalFile
from voxanne.stress.workload.clinics import Clinic, Known
from voxanne.stress.workload.desk import Desk
from voxanne.stress.workload.plan import CLOCK, Cut
from voxanne.stress.workload.requests import Ids, Request, direct, read_answer, rest, rpc, voice
from voxanne.stress.workload.wire import Backend, Reply, UnreachableError, Wire

ID = str(uuid4())
VOICE = voice("key", "bookClinicAppointment", {}, Ids("c", "t"), None)
DIRECT = direct("key", "bookClinicAppointment", {}, Ids("c", "t"))
RPC = rpc("key", {})
REST = rest("POST", "/v1/appointments", "key", {})
HOLD = rest("POST", "/v1/holds", "key", {}, subject="hold_id")
BOOKED = {"success": True, "message": "You're booked.", "appointmentId": ID, "replayed": False}
REFUSED = {"success": False, "error": "SLOT_UNAVAILABLE", "message": "Taken."}


def results(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    return {"results": [{"name": "x", "toolCallId": "t", kind: json.dumps(said)}]}


@pytest.mark.parametrize(
    ("request_", "status", "body", "outcome"),
    [
        (VOICE, 200, results("result", BOOKED), "SUCCESS"),
        (VOICE, 200, results("result", REFUSED), "SLOT_UNAVAILABLE"),
        (VOICE, 200, results("error", {"success": False, "error": "BUSY"}), "BUSY"),
        (VOICE, 401, {"code": "UNAUTHORIZED"}, "UNAUTHORIZED"),
        (DIRECT, 200, {"toolCallId": "t", "result": BOOKED}, "SUCCESS"),
        (RPC, 200, {"success": True, "appointment_id": ID}, "SUCCESS"),
        (RPC, 200, REFUSED, "SLOT_UNAVAILABLE"),
        (RPC, 404, {"code": "PGRST202"}, "PGRST202"),
        (REST, 201, {"id": ID, "version": 1}, "SUCCESS"),
        (REST, 409, {"code": "SLOT_UNAVAILABLE"}, "SLOT_UNAVAILABLE"),
        (REST, 500, {"code": "INTERNAL_ERROR"}, "INTERNAL_ERROR"),
        (REST, 502, "<html>", "INTERNAL_ERROR"),
        (REST, 200, "Traceback (most recent call last)", "INTERNAL_ERROR"),
    ],
)
def test_an_answer_is_read(request_: Request, status: int, body: object, outcome: str) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    assert read_answer(request_, Reply(status, content.encode())).outcome == outcome


def test_an_id_is_that_of_what_was_asked_for() -> None:
    body = json.dumps({"id": ID, "version": 3}).encode()
    booked, held = read_answer(REST, Reply(201, body)), read_answer(HOLD, Reply(201, body))
    assert (booked.appointment_id, booked.version) == (UUID(ID), 3)
    assert (held.appointment_id, held.told["hold_id"]) == (None, ID)
    assert read_answer(HOLD, Reply(204, b"")).ok


def test_no_answer_and_busy_settle_nothing() -> None:
    assert not read_answer(REST, None).settled
    assert not read_answer(REST, Reply(503, b'{"code": "BUSY"}')).settled
    assert read_answer(REST, Reply(404, b'{"code": "NOT_FOUND"}')).settled


class StubWire(Wire):
    """Replies as told; an exception is raised; None: never."""

    def __init__(self, reply: Reply | Exception | None) -> None:
        super().__init__([])
        self.reply = reply

    async def exchange(self, request: bytes, process: int, cut: Cut | None) -> Reply | None:
        if self.reply is None:
            await asyncio.Event().wait()
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def clinic() -> Clinic:
    return Clinic(0, uuid4(), {"agent": "key"}, ["consultation"], "Europe/London", bare=False)


async def asked(tmp_path: Path, reply: Reply | Exception | None) -> tuple[Desk, Journal]:
    path, where = tmp_path / "journal.jsonl", clinic()
    with JournalFile(path) as journal:
        desk = Desk([where], StubWire(reply), journal)
        task = asyncio.create_task(desk.ask("book", where, REST, {"phone": None}, process=0))
        await asyncio.wait([task], timeout=0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return desk, Journal.from_file(path)


@pytest.mark.parametrize(
    ("reply", "outcome", "rules"),
    [
        (Reply(201, json.dumps({"id": ID}).encode()), "SUCCESS", []),
        (Reply(500, b"oops"), "INTERNAL_ERROR", ["internal_error"]),
        (Reply(200, b"[]"), "INTERNAL_ERROR", ["internal_error"]),
        (Reply(401, b'{"code": "UNAUTHORIZED"}'), "UNAUTHORIZED", ["unexpected_answer"]),
        (Reply(503, b'{"code": "BUSY"}'), "BUSY", []),
        (UnreachableError(), None, []),
        (None, None, []),
    ],
)
async def test_each_request_is_journaled_and_judged(
    tmp_path: Path, reply: Reply | Exception | None, outcome: str | None, rules: list[str]
) -> None:
    desk, journal = await asked(tmp_path, reply)
    (entry,) = journal.entries
    assert (entry.operation, entry.outcome, entry.asked) == ("book", outcome, {})
    assert entry.appointment_id == (UUID(ID) if outcome == "SUCCESS" else None)
    assert [anomaly.rule for anomaly in desk.anomalies] == rules
    assert desk.tally.operations == 1
    assert desk.tally.in_flight == 0


def test_what_was_told_late_says_nothing_new() -> None:
    where = clinic()
    first = Known(uuid4(), where.patient(1), "Ada", "consultation", CLOCK, version=3)
    where.learn(first)
    where.learn(Known(first.id, first.patient, "Ada", "consultation", CLOCK, version=2))
    assert where.pick(0.5) is first
    where.forget(first.id)
    assert where.pick(0.5) is None


@pytest.mark.parametrize("cut", ["unread", "half"])
async def test_a_caller_hangs_up(cut: Cut) -> None:
    """The server has all of the request, or less, and nobody reads its answer."""
    received = bytearray()
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while part := await reader.read(100_000):
                received.extend(part)
        except ConnectionError:
            pass
        finally:
            writer.close()
            gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    wire = Wire([Backend(), Backend(server.sockets[0].getsockname()[1])])
    assert await wire.exchange(REST.content, 0, cut) is None
    async with asyncio.timeout(5):
        await gone.wait()
    assert REST.content.startswith(bytes(received))
    assert cut == "unread" or len(received) < len(REST.content)
    server.close()
