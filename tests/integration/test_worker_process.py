"""`voxanne worker` and `serve --with-worker` as processes: they deliver, count, stop."""

import os
import signal
import socket
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.commands import Running, voxanne
from tests.database import START, Database
from tests.integration.clinics import open_clinic

BODY = "your appointment is booked"
DONE = "The worker stopped; all that was under way is done."


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    return tmp_path


async def book(database: Database) -> None:
    """At a clinic without any account: its messages are printed."""
    clinic = await open_clinic(database)
    booked = await database.book(await database.owner(), clinic.id, scheduled_at=START)
    assert booked["success"], booked


async def statuses(database: Database) -> dict[str, str]:
    rows = await (await database.owner()).fetch("SELECT kind, status FROM deliveries")
    return {row["kind"]: row["status"] for row in rows}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_delivers_until_it_is_told_to_stop(
    database: Database, settings: dict[str, str], cwd: Path, number: int
) -> None:
    await book(database)
    worker = Running("worker", settings=settings, cwd=cwd)
    try:
        worker.wait_for(r"Working …  \(Ctrl-C stops\)")
        worker.wait_for(BODY)
        assert worker.end(number) == 0
    finally:
        worker.kill_if_alive()
    assert DONE in worker.said
    assert "Traceback" not in worker.said
    assert (await statuses(database))["sms_confirmation"] == "sent"


async def test_a_worker_in_production_prints_nobodys_message(
    database: Database, settings: dict[str, str], cwd: Path
) -> None:
    await book(database)
    key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    production = settings | {"VOXANNE_ENV": "production", "VOXANNE_ENCRYPTION_KEYS": key}
    owner = await database.owner()
    worker = Running("worker", settings=production, cwd=cwd)
    try:
        worker.wait_for("Working")
        query = "SELECT count(*) FROM deliveries WHERE kind = 'sms_confirmation' AND attempts > 0"
        while not await owner.fetchval(query):
            pass
        assert worker.end() == 0
    finally:
        worker.kill_if_alive()
    assert BODY not in worker.said
    assert "+442079460958" not in worker.said
    assert (await statuses(database))["sms_confirmation"] != "sent"


async def test_a_second_signal_does_not_wait(
    database: Database, settings: dict[str, str], cwd: Path
) -> None:
    """The database hangs in the middle, so that there is something to wait for."""
    await book(database)
    owner = await database.owner()
    await owner.execute("BEGIN")
    await owner.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
    worker = Running("worker", settings=settings, cwd=cwd)
    try:
        worker.wait_for(BODY)
        worker.process.send_signal(signal.SIGTERM)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.end() == 0
    finally:
        worker.kill_if_alive()
    await owner.execute("ROLLBACK")
    assert "Traceback" not in worker.said


async def test_a_worker_on_the_embedded_database(cwd: Path) -> None:
    """Which it starts, migrates, and stops again."""
    worker = Running("worker", settings={"VOXANNE_DATA_DIR": str(cwd / "data")}, cwd=cwd)
    try:
        worker.wait_for("Working")
        assert worker.end() == 0
    finally:
        worker.kill_if_alive()
    assert DONE in worker.said


async def test_a_worker_shows_its_metrics(
    database: Database, settings: dict[str, str], cwd: Path
) -> None:
    await book(database)
    port = str(free_port())
    worker = Running("worker", "--metrics-port", port, settings=settings, cwd=cwd)
    try:
        worker.wait_for(BODY)
        worker.wait_for("Working")
        shown = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert worker.end() == 0
    finally:
        worker.kill_if_alive()
    assert "voxanne_delivery_attempt_seconds" in shown


async def test_a_taken_port_is_told(settings: dict[str, str], cwd: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = voxanne("worker", "--metrics-port", port, settings=settings, cwd=cwd)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


async def test_serve_with_a_worker_delivers_and_counts(
    database: Database, settings: dict[str, str], cwd: Path
) -> None:
    await book(database)
    serve = Running("serve", "--with-worker", "--port", "0", settings=settings, cwd=cwd)
    try:
        address = serve.wait_for(r"Serving on (http://\S+)")[1]
        serve.wait_for(BODY)
        # Where the printed message leads is served here.
        assert f"{address}/a/" in serve.wait_for(rf"{address}/a/\S+")[0]
        serve.wait_for("segment")
        shown = httpx2.get(f"{address}/metrics", trust_env=False).text
        assert serve.end() == 0
    finally:
        serve.kill_if_alive()
    assert "voxanne_delivery_attempt_seconds" in shown
    assert "voxanne_requests_total" in shown
    assert DONE in serve.said
    assert "Nothing is delivered" not in serve.said
    assert "Traceback" not in serve.said


async def test_serve_alone_says_that_nothing_is_delivered(
    database: Database, settings: dict[str, str], cwd: Path
) -> None:
    await book(database)
    serve = Running("serve", "--port", "0", settings=settings, cwd=cwd)
    try:
        address = serve.wait_for(r"Serving on (http://\S+)")[1]
        serve.wait_for("Nothing is delivered from here: that takes a `voxanne worker`.")
        shown = httpx2.get(f"{address}/metrics", trust_env=False).text
        assert serve.end() == 0
    finally:
        serve.kill_if_alive()
    assert "voxanne_delivery_attempt_seconds" not in shown
    assert (await statuses(database))["sms_confirmation"] == "queued"


async def test_a_killed_worker_leaves_nothing_that_another_would_not_take_up(
    database: Database, settings: dict[str, str], cwd: Path
) -> None:
    await book(database)
    owner = await database.owner()
    await owner.execute("BEGIN")
    await owner.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
    worker = Running("worker", settings=settings, cwd=cwd)
    worker.wait_for(BODY)
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.wait()
    await owner.execute("ROLLBACK")
    await owner.execute("UPDATE deliveries SET due_at = current_moment() WHERE status = 'sending'")

    after = Running("worker", settings=settings, cwd=cwd)
    try:
        after.wait_for("Working")
        query = "SELECT count(*) FROM deliveries WHERE status IN ('queued', 'sending')"
        while await owner.fetchval(query):
            pass
        assert after.end() == 0
    finally:
        after.kill_if_alive()
    assert (await statuses(database))["sms_confirmation"] == "sent"
