"""`voxanne call`: whole calls by typing, as processes, on a database of the test's own."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.commands import (
    SECONDS_MAX,
    Running,
    assert_fails,
    environment,
    parsed,
    voxanne,
)
from tests.database import Database
from tests.integration.clinics import NOW, open_clinic

Json = dict[str, Any]
Call = Callable[..., subprocess.CompletedProcess[str]]
CLINIC = "Harbor Dental"
MAYA, BEN = "+447700900123", "+447700900124"
HELD = "SELECT count(*) FROM appointments WHERE status = 'held'"


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def call(settings: dict[str, str], tmp_path: Path) -> Call:
    """Pipe these lines into a call."""

    def place(*lines: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        typed = "\n".join(lines)
        return voxanne("call", CLINIC, *options, settings=settings, cwd=tmp_path, stdin=typed)

    return place


@pytest.fixture
def serve(settings: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The address of an instance that runs on the same database."""
    serving = Running("serve", "--port", "0", settings=settings, cwd=tmp_path)
    try:
        yield serving.wait_for(r"Serving on (http://\S+)")[1]
        assert serving.end() == 0
    finally:
        serving.kill_if_alive()


def answers(done: subprocess.CompletedProcess[str]) -> list[tuple[str, Json]]:
    """Each tool called, and its answer, of a call with --json that went well."""
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[0]["event"] == "assistant-request"
    assert records[-1]["event"] == "end-of-call-report"
    return [(record["tool"], record["answer"]) for record in records if "tool" in record]


async def test_a_whole_call_is_typed(call: Call, database: Database) -> None:
    await database.set_clock(NOW)
    clinic = await open_clinic(database)
    done = call(
        "free tomorrow morning?",
        "hold 2",
        "i am Maya Okafor",
        "book",
        "move it to wednesday at 3 pm",
        "hold thursday at 9 am",
        "quit",
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout
    for shown in (
        "not by\n          a language model",
        '"customer": {"number": "+447700900100"}',
        "Agent   Thank you for calling Harbor Dental.",
        'call_1  lookupCaller {}\n  answer  {"success": true, "found": false',
        "  Caller  free tomorrow morning?\n",
        'call_2  checkAvailability {"date": "tomorrow", "timeOfDay": "morning"}',
        "          2  Tuesday 3 November at 9:30 am\n",
        "You're booked: consultation on Tuesday 3 November at 9:30 am",
        "It's moved: consultation on Wednesday 4 November at 3 pm",
        "event   end-of-call-report",
    ):
        assert shown in said, shown
    assert max(map(len, said.splitlines())) <= 80
    assert "\x1b" not in said
    owner = await database.owner()
    rows = await owner.fetch(
        "SELECT status, source, scheduled_at FROM appointments ORDER BY status"
    )
    assert {row["status"] for row in rows} == {"confirmed", "expired"}, "what was held is released"
    assert rows[0]["scheduled_at"].isoformat() == "2026-11-04T15:00:00+00:00"
    assert rows[0]["source"] == "voice"
    reports = "SELECT count(*) FROM voice_messages WHERE type = 'end-of-call-report'"
    assert await owner.fetchval(reports) == 1
    keys = await owner.fetch("SELECT org_id FROM credentials")
    assert [key["org_id"] for key in keys] == [clinic.id], "the key of the call is gone again"


async def test_the_waiting_list_over_several_calls(
    call: Call, serve: str, database: Database
) -> None:
    """On an instance that runs, with a key made for each call."""
    await database.set_clock(NOW)
    await open_clinic(database)
    at, json_ = ("--url", serve, "--from"), "--json"
    (_, _), (_, booked) = answers(
        call("book tomorrow at 10 am as Maya Okafor", options=(*at, MAYA, json_))
    )
    (_, _), (_, refused), (_, joined) = answers(
        call(
            "book tomorrow at 10 am as Ben Carter",
            "waitlist tomorrow as Ben Carter",
            options=(*at, BEN, json_),
        )
    )
    assert refused["error"] == "SLOT_UNAVAILABLE"
    assert joined["position"] == 1
    (_, known), (_, cancelled) = answers(call("cancel it", options=(*at, MAYA, json_)))
    assert known["people"][0]["upcoming"][0]["appointmentId"] == booked["appointmentId"]
    assert cancelled["appointmentId"] == booked["appointmentId"]
    (_, offered), (_, taken) = answers(call("accept", options=(*at, BEN, json_)))
    assert offered["people"][0]["offers"][0]["scheduledAt"] == booked["scheduledAt"]
    assert taken["message"].startswith("You're booked: consultation on Tuesday 3 November at 10 am")
    assert await (await database.owner()).fetchval("SELECT count(*) FROM credentials") == 1


async def test_a_returning_patient_is_offered_the_usual_practitioner(
    call: Call, database: Database
) -> None:
    await database.set_clock(NOW)
    clinic = await open_clinic(database)
    owner = await database.owner()
    add = "INSERT INTO practitioners (org_id, name) VALUES ($1, 'Dr Amara Chen')"
    await owner.execute(add, clinic.id)
    options = ("--from", MAYA, "--json")
    answers(call("book tomorrow at 10 am with chen as Maya Okafor", options=options))
    await database.set_clock(NOW + timedelta(days=7))
    lines = ("free tomorrow", "free tomorrow with anyone", "book thursday at 9 am")
    done = call(*lines, options=options)
    (_, known), (_, free), (_, anyone), (_, booked) = answers(done)
    assert "Maya Okafor usually sees Dr Amara Chen." in known["message"]
    assert "from now on with Dr Amara Chen" in done.stdout
    assert {slot["practitioner"] for slot in free["slots"]} == {"Dr Amara Chen"}
    assert '"arguments": {"date": "tomorrow"}' in done.stdout, "with anyone"
    assert anyone["slots"]
    assert booked["practitioner"] == "Dr Amara Chen"


async def test_a_tool_is_called_by_name_in_the_callers_language(
    call: Call, database: Database
) -> None:
    await database.set_clock(NOW)
    await open_clinic(database)
    (name, answer), *_ = answers(
        call(
            'bookClinicAppointment {"name": "Ana Ruiz", "phone": "+34600000001", '
            '"scheduledAt": "mañana a las diez"}',
            options=("--from", "withheld", "--language", "es", "--json"),
        )
    )
    assert (name, answer["success"]) == ("bookClinicAppointment", True)
    assert "martes 3 de noviembre" in answer["message"]


async def test_a_line_that_nobody_understands_fails_a_script(
    call: Call, database: Database
) -> None:
    await open_clinic(database)
    done = call("sing me a song", "hours")
    assert done.returncode == 1
    assert "matches none of the rules" in done.stdout
    assert "getClinicInfo" in done.stdout, "the call goes on"
    assert call("help", "", "  ", "hours").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_whoever_stops_it_has_hung_up(
    settings: dict[str, str], database: Database, tmp_path: Path, number: int
) -> None:
    await database.set_clock(NOW)
    await open_clinic(database)
    owner = await database.owner()
    with Terminal(settings, tmp_path) as terminal:
        terminal.wait_for(r"Caller  $")
        terminal.type("hold tomorrow at 10 am\n")
        terminal.wait_for(r"I'm keeping it for you[^$]*Caller  $")
        assert await owner.fetchval(HELD) == 1
        terminal.stop(number)
        assert terminal.process.wait(SECONDS_MAX) == 0, terminal.said
    assert "Traceback" not in terminal.said
    assert await owner.fetchval(HELD) == 0
    assert await owner.fetchval("SELECT count(*) FROM credentials") == 1


async def test_at_a_terminal_a_slip_is_no_failure(
    settings: dict[str, str], database: Database, tmp_path: Path
) -> None:
    await open_clinic(database)
    with Terminal(settings, tmp_path) as terminal:
        terminal.wait_for(r"Caller  $")
        terminal.type("sing me a song\nhelp\n")
        terminal.wait_for(r"hangs up, as do Ctrl-D[^$]*Caller  $")
        terminal.type("\x04")  # between two prompts the terminal itself would keep it
        assert terminal.process.wait(SECONDS_MAX) == 0, terminal.said
    assert "\x1b[" in terminal.said, "in colour"


async def test_what_is_wrong_is_told_in_a_line(
    call: Call, serve: str, database: Database, empty_database: Database, tmp_path: Path
) -> None:
    clinic = await open_clinic(database)
    key = tmp_path / "key"
    key.write_text(f"{clinic.key}\n")
    nobody = ("--url", "http://127.0.0.1:9")
    for options, words, code in (
        (nobody, "voxanne serve", 1),
        (("--url", "127.0.0.1:9"), "127.0.0.1:9", 1),
        (("--url", f"{serve}/docs"), "404", 1),
        (("--from", "me"), "--from", 2),
        (("--key-file", str(key)), "--url", 2),
    ):
        done = call("hours", options=options)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert words in done.stderr, done.stderr
    own = {"DATABASE_URL": database.owner_url}
    assert_fails(voxanne("call", "Nobody", settings=own, cwd=tmp_path), "Nobody", "org list")
    elsewhere = {"DATABASE_URL": empty_database.owner_url}
    assert_fails(voxanne("call", CLINIC, settings=elsewhere, cwd=tmp_path), "organizations")


async def test_an_instance_on_another_database_needs_the_clinics_key(
    serve: str, database: Database, tmp_path: Path
) -> None:
    clinic = await open_clinic(database)
    other = {"VOXANNE_DATA_DIR": str(tmp_path / "other")}
    parsed(voxanne("org", "create", CLINIC, "--json", settings=other, cwd=tmp_path))
    to = ("call", CLINIC, "--url", serve)
    refused = voxanne(*to, settings=other, cwd=tmp_path, stdin="hours")
    assert refused.returncode == 1
    assert "--key-file" in refused.stderr
    key = tmp_path / "key"
    key.write_text(f"{clinic.key}\n")
    done = voxanne(
        *to, "--key-file", str(key), "--json", settings=other, cwd=tmp_path, stdin="hours"
    )
    assert [tool for tool, _ in answers(done)] == ["lookupCaller", "getClinicInfo"]


class Terminal:
    """A call at a terminal of its own: what is typed, and what is seen."""

    def __init__(self, settings: dict[str, str], cwd: Path) -> None:
        self.screen, its_end = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "voxanne", "call", CLINIC],
            env=environment(TERM="xterm", **settings),
            cwd=cwd,
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
        )
        os.close(its_end)
        self.said = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.screen)

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def stop(self, number: int) -> None:
        """Send a signal, and again if it is lost: one that comes just before input() waits is."""
        deadline = time.monotonic() + SECONDS_MAX
        while "end-of-call-report: " not in self.seen:
            assert time.monotonic() < deadline, self.said
            self.process.send_signal(number)
            self._look(1.0)

    def wait_for(self, pattern: str) -> None:
        """Until what is seen holds it."""
        deadline = time.monotonic() + SECONDS_MAX
        while not re.search(pattern, self.seen):
            assert self._look(max(0.0, deadline - time.monotonic())), self.said

    @property
    def seen(self) -> str:
        """What was said, without colours."""
        return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", self.said)

    def _look(self, seconds_max: float) -> bool:
        """Whether anything new came within that time."""
        if not select.select([self.screen], [], [], seconds_max)[0]:
            return False
        try:
            self.said += os.read(self.screen, 65_536).decode(errors="replace")
        except OSError:  # the other end is closed
            return False
        return True
