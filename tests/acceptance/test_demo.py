"""`voxanne demo` and `serve`, from an empty directory to the last goodbye."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.acceptance.commands import Running, assert_fails, parsed, voxanne
from tests.database import Database
from voxanne.postgres.watchdog import open_lock, postmaster_pid, try_lock

QUICK_SECONDS_MAX = 15.0
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A deployment of its own, in a directory that isn't there yet; stopped afterwards."""
    data_dir = tmp_path / "data"
    yield {"VOXANNE_DATA_DIR": str(data_dir)}
    assert_stopped(data_dir)


def assert_stopped(data_dir: Path) -> None:
    """Nothing of the database is left running. A watchdog may look for a moment longer."""
    deadline = time.monotonic() + 10
    while postmaster_pid(data_dir) is not None or not lock_is_free(data_dir / "server.lock"):
        assert time.monotonic() < deadline, "the database outlived the command"
        time.sleep(0.05)


def lock_is_free(path: Path) -> bool:
    if not path.exists():
        return True
    descriptor = open_lock(path)
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


def printed_curl(said: str) -> list[str]:
    """The command as a shell would take it from the screen."""
    command = said[said.index("curl -s ") :].replace("\\\n", " ")
    return shlex.split(command.partition("\n")[0])


def answers_of(said: str) -> list[dict[str, Any]]:
    """What the tools answered, in order, put together from the lines of the screen."""
    answers = re.findall(r"^  answer  (\{.*(?:\n {10}.*)*)", said, re.MULTILINE)
    return [json.loads(re.sub(r"\n {10}", " ", answer)) for answer in answers]


def booked_rows(said: str) -> list[dict[str, str]]:
    """The printed rows: Maya's first, then Ben's."""
    pairs = re.findall(r"│ (\w+) +(\S.*?) *│", said.partition("the booked rows")[2])
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return [
        {name: column[row] for name, column in values.items() if row < len(column)}
        for row in (0, 1)
    ]


def assert_signs_in(said: str) -> None:
    """The printed link opens the dashboard of the demo's clinic, once."""
    link = re.search(r"^http://\S+/sign-in/\S+$", said, re.MULTILINE)
    assert link is not None, said
    with httpx2.Client(follow_redirects=True) as browser:
        assert browser.get(link[0]).status_code == 200
        page = browser.post(link[0])
        assert (page.status_code, page.url.path.endswith("/calendar")) == (200, True)
        assert "Harbor Dental" in page.text
        assert browser.post(link[0]).status_code == 404


CONVERSATION = (
    ("checkAvailability", None),
    ("holdSlot", None),
    ("bookClinicAppointment", None),
    ("bookClinicAppointment", "SLOT_UNAVAILABLE"),
    ("joinWaitlist", None),
    ("lookupCaller", None),
    ("rescheduleAppointment", None),
    ("cancelAppointment", None),
    ("lookupCaller", None),
    ("bookClinicAppointment", None),
)


def assert_is_whole(said: str) -> None:
    """Every step of the conversation is there, and the screen of 80 columns holds it."""
    tools = re.findall(r"^  tool    (\w+) ", said, re.MULTILINE)
    answers = answers_of(said)
    assert [(tool, answer.get("error")) for tool, answer in zip(tools, answers, strict=True)] == [
        *CONVERSATION
    ]
    assert answers[3]["alternatives"]
    assert "I could offer" in said
    assert "sms_waitlist_offer: queued" in said
    assert said.count("end-of-call-report: kept") == 4
    for kind, times in (("confirmation", 2), ("change", 1), ("cancellation", 1)):
        assert said.count(f"─ sms_{kind} to +447700900") == times
    scene = said.partition("curl -s")[0]
    assert max(map(len, scene.splitlines())) <= 80
    assert "\x1b" not in said


def test_demo_once_plays_a_conversation_and_leaves_nothing_running(
    settings: dict[str, str], tmp_path: Path
) -> None:
    first = voxanne("demo", "--once", "--port", "0", settings=settings, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert_is_whole(first.stdout)
    for shown in ("Maya Okafor", "Dr Amara Chen", "the booked rows", "+447700900123"):
        assert shown in first.stdout
    cancelled, confirmed = booked_rows(first.stdout)
    answers = answers_of(first.stdout)
    assert (cancelled["status"], confirmed["status"]) == ("cancelled", "confirmed")
    for answer, row in ((answers[2], cancelled), (answers[-1], confirmed)):
        assert row["id"].startswith(answer["appointmentId"].rstrip("…"))
    curl = printed_curl(first.stdout)
    assert curl[0] == "curl"
    assert json.loads(curl[-1])["tool"]["arguments"]["name"]
    assert "Traceback" not in first.stderr
    assert_stopped(Path(settings["VOXANNE_DATA_DIR"]))

    started = time.monotonic()
    second = voxanne("demo", "--once", "--port", "0", settings=settings, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert time.monotonic() - started < QUICK_SECONDS_MAX
    assert "first time only" not in second.stderr
    assert_is_whole(second.stdout)
    assert booked_rows(second.stdout)[1]["id"] != confirmed["id"]
    example = str(EXAMPLES / "harbor-dental.yaml")
    apply = ("org", "apply", "Harbor Dental", example, "--json")
    assert parsed(voxanne(*apply, settings=settings, cwd=tmp_path))["changes"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_demo_serves_until_told_to_stop_and_its_curl_works(
    settings: dict[str, str], tmp_path: Path, number: int
) -> None:
    demo = Running("demo", "--port", "0", settings=settings, cwd=tmp_path)
    try:
        demo.wait_for(r"Serving on http://\S+")
        curl = printed_curl(demo.said)
        said = subprocess.run(curl, capture_output=True, text=True, timeout=10, check=True).stdout
        refused = json.loads(said)
        assert_signs_in(demo.said)
        assert refused["toolCallId"] == "t1"
        assert refused["result"]["error"] == "SLOT_UNAVAILABLE"
        assert not {"Maya", "Ben"} & set(re.findall(r"\w+", said))
        body = json.loads(curl[-1])
        wish = body["tool"]["arguments"]
        body["tool"]["arguments"] = {
            **{name: wish[name] for name in ("name", "phone")},
            "scheduledAt": refused["result"]["alternatives"][0]["startsAt"],
        }
        changed = subprocess.run(
            [*curl[:-1], json.dumps(body)], capture_output=True, text=True, timeout=10, check=True
        )
        assert json.loads(changed.stdout)["result"]["success"] is True
        assert demo.end(number) == 0
    finally:
        demo.kill_if_alive()
    assert "Traceback" not in demo.said
    assert_stopped(Path(settings["VOXANNE_DATA_DIR"]))


@pytest.mark.parametrize(
    "moments",
    [
        # A closed clinic between the years; Good Friday; the night before the clocks go forward.
        ("2026-12-22T18:00:00Z", "2027-03-24T10:00:00Z", "2027-03-28T00:59:30Z"),
        # The clocks go back; the eve of a leap day; years after the clinic's file was written.
        ("2027-10-29T22:00:00Z", "2028-02-27T23:59:00Z", "2033-05-01T08:00:00Z"),
    ],
)
async def test_demo_works_on_any_day(
    database: Database, tmp_path: Path, moments: tuple[str, ...]
) -> None:
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}
    for moment in moments:
        at = settings | {"VOXANNE_CLOCK": moment}
        done = voxanne("demo", "--once", "--port", "0", settings=at, cwd=tmp_path)
        assert done.returncode == 0, moment + done.stderr
        assert_is_whole(done.stdout)


async def test_demo_works_whatever_was_left(database: Database, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}
    demo = ("demo", "--once", "--port", "0")
    assert voxanne(*demo, settings=settings, cwd=tmp_path).returncode == 0
    # Under Maya's number somebody waits for any day soon, who would be offered what becomes free.
    waits = ("call", "Harbor Dental", "--from", "+447700900123")
    lines = "waitlist as Ada Lovelace"
    assert voxanne(*waits, settings=settings, cwd=tmp_path, stdin=lines).returncode == 0
    done = voxanne(*demo, settings=settings, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_is_whole(done.stdout)
    assert "+447700900124" in done.stdout


async def test_a_demo_that_is_not_answered_as_it_must_be_fails(
    database: Database, tmp_path: Path
) -> None:
    """It is a smoke test as well: here the second call of a minute is one too many."""
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}
    slow = settings | {"VOXANNE_CALLS_PER_CALLER_PER_MINUTE": "1"}
    failed = voxanne("demo", "--port", "0", settings=slow, cwd=tmp_path)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    line = failed.stderr.splitlines()[-1]
    assert line == "Error: The demo went wrong: holdSlot answers RATE_LIMITED, and not success."


def test_demo_without_a_wish_for_a_port_takes_another_when_its_own_is_taken(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        own = settings | {"VOXANNE_PORT": port}
        assert voxanne("demo", "--once", settings=own, cwd=tmp_path).returncode == 0
        refused = voxanne("demo", "--once", "--port", port, settings=settings, cwd=tmp_path)
        assert refused.returncode == 1
        assert port in refused.stderr


def test_serve_tells_of_a_taken_port(database: Database, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        settings = {"DATABASE_URL": database.owner_url, "VOXANNE_PORT": port}
        refused = voxanne("serve", settings=settings, cwd=tmp_path)
    assert_fails(refused, port, "--port")


async def test_the_clock_starts_where_it_is_told_to(
    empty_database: Database, tmp_path: Path
) -> None:
    """`migrate up` starts it; every process of the database then reads the same."""
    settings = {
        "DATABASE_URL": empty_database.owner_url,
        "VOXANNE_DATA_DIR": str(tmp_path / "data"),
        "VOXANNE_CLOCK": "2031-05-06T08:00:00Z",  # a Tuesday
    }
    assert voxanne("migrate", "up", settings=settings, cwd=tmp_path).returncode == 0
    created = parsed(voxanne("org", "create", "X", "--json", settings=settings, cwd=tmp_path))
    del settings["VOXANNE_CLOCK"]
    serve = Running("serve", "--port", "0", settings=settings, cwd=tmp_path)
    try:
        address = serve.wait_for(r"Serving on (http://\S+)")[1]
        assert "clock is moved by" in serve.said, "nobody is surprised by it later"
        arguments = {"name": "Ada", "phone": "+447700900456", "scheduledAt": "tomorrow at 3pm"}
        reply = httpx2.post(
            f"{address}/api/vapi/tools/bookClinicAppointment",
            json={"toolCallId": "t1", "tool": {"arguments": arguments}},
            headers={"Authorization": f"Bearer {created['api_key']}"},
        )
        assert reply.json()["result"]["scheduledAt"] == "2031-05-07T14:00:00+00:00"
        assert "Wednesday 7 May" in reply.json()["result"]["message"]
        assert serve.end() == 0
    finally:
        serve.kill_if_alive()


def test_the_clock_is_refused_in_production(database: Database, tmp_path: Path) -> None:
    production = {
        "DATABASE_URL": database.owner_url,
        "VOXANNE_ENV": "production",
        "VOXANNE_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }
    moved = production | {"VOXANNE_CLOCK": "2031-05-06T08:00:00Z"}
    for arguments in (("serve", "--port", "0"), ("migrate", "up")):
        refused = voxanne(*arguments, settings=moved, cwd=tmp_path)
        assert refused.returncode == 2
        assert "VOXANNE_CLOCK" in refused.stderr
        assert "Traceback" not in refused.stderr


async def test_production_does_not_migrate_on_a_moved_clock(
    database: Database, tmp_path: Path
) -> None:
    """However the clock came to be moved."""
    await (await database.owner()).execute("INSERT INTO clock (clock_offset) VALUES ('1 hour')")
    production = {
        "DATABASE_URL": database.owner_url,
        "VOXANNE_ENV": "production",
        "VOXANNE_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }
    assert_fails(voxanne("migrate", "up", settings=production, cwd=tmp_path), "clock")


async def test_production_does_not_serve_on_a_moved_clock(
    database: Database, tmp_path: Path
) -> None:
    await (await database.owner()).execute("INSERT INTO clock (clock_offset) VALUES ('1 hour')")
    production = {
        "DATABASE_URL": database.owner_url,
        "VOXANNE_ENV": "production",
        "VOXANNE_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }
    serve = Running("serve", "--port", "0", settings=production, cwd=tmp_path)
    try:
        serve.wait_for(r"Serving on|Error|Traceback")
        assert "Serving on" not in serve.said
    finally:
        serve.kill_if_alive()


def test_an_answer_on_a_kept_connection_is_not_delayed(database: Database, tmp_path: Path) -> None:
    """Nagle's algorithm and a delayed acknowledgement cost 40 ms a request together."""
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}
    serve = Running("serve", "--port", "0", settings=settings, cwd=tmp_path)
    try:
        address = serve.wait_for(r"Serving on (http://\S+)")[1]
        seconds = []
        with httpx2.Client(base_url=address) as http:
            for _ in range(20):
                started = time.monotonic()
                assert http.get("/healthz").status_code == 200
                seconds.append(time.monotonic() - started)
        assert sorted(seconds)[5] < 0.03
        assert serve.end() == 0
    finally:
        serve.kill_if_alive()
