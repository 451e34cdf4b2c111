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


def answer_of(said: str) -> dict[str, Any]:
    found = re.search(r"answer\s+(\{.*\})", said)
    assert found is not None, said
    answer: dict[str, Any] = json.loads(found[1])
    return answer


def test_demo_once_books_shows_the_row_and_leaves_nothing_running(
    settings: dict[str, str], tmp_path: Path
) -> None:
    first = voxanne("demo", "--once", "--port", "0", settings=settings, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    for shown in ("Maya Okafor", "bookClinicAppointment", "the booked row", "+447700900123"):
        assert shown in first.stdout
    answer = answer_of(first.stdout)
    assert answer["success"] is True
    assert answer["appointmentId"] in first.stdout.partition("the booked row")[2]
    assert answer["message"] in first.stdout
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
    again = answer_of(second.stdout)
    assert again["success"] is True
    assert again["appointmentId"] != answer["appointmentId"]
    assert parsed(voxanne("org", "list", "--json", settings=settings, cwd=tmp_path))[0]["org_id"]


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
        assert refused["toolCallId"] == "t1"
        assert refused["result"]["error"] == "SLOT_UNAVAILABLE"
        assert "Maya" not in said
        body = json.loads(curl[-1])
        body["tool"]["arguments"]["appointmentTime"] = "4 pm"
        changed = subprocess.run(
            [*curl[:-1], json.dumps(body)], capture_output=True, text=True, timeout=10, check=True
        )
        assert json.loads(changed.stdout)["result"]["success"] is True
        assert demo.end(number) == 0
    finally:
        demo.kill_if_alive()
    assert "Traceback" not in demo.said
    assert_stopped(Path(settings["VOXANNE_DATA_DIR"]))


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
