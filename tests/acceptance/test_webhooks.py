"""`webhook` and `alert`, as processes; and a worker that carries out what they ask for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.acceptance.commands import Running, assert_fails, parsed, voxanne
from tests.database import Database
from tests.integration.clinics import Clinic, open_clinic
from tests.integration.receivers import Receiver

Run = Callable[..., CompletedProcess[str]]
NAME = "Harbor Dental"
MAIL = "mailtos://user:password@mail.clinic.example?to=desk@clinic.example"


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": database.owner_url,
        "VOXANNE_DATA_DIR": str(tmp_path / "data"),
        "VOXANNE_WEBHOOK_PRIVATE_ADDRESSES": "true",
    }


@pytest.fixture
def run(settings: dict[str, str], tmp_path: Path) -> Run:
    def run_here(*arguments: str, stdin: str = "", **changes: str) -> CompletedProcess[str]:
        return voxanne(*arguments, settings={**settings, **changes}, cwd=tmp_path, stdin=stdin)

    return run_here


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    return await open_clinic(database, name=NAME)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def in_thread(run: Run, *arguments: str, **settings: str) -> CompletedProcess[str]:
    """So that the receiver can answer meanwhile."""
    return await asyncio.to_thread(run, *arguments, **settings)


async def test_a_ping_by_a_worker_of_its_own(
    run: Run, clinic: Clinic, receiver: Receiver, settings: dict[str, str], tmp_path: Path
) -> None:
    (made,) = parsed(run("webhook", "add", NAME, receiver.url, "--json"))
    done = run("webhook", "test", NAME, receiver.url)
    assert done.returncode == 0, done.stderr
    worker = Running("worker", settings=settings, cwd=tmp_path)
    try:
        async with asyncio.timeout(60):
            while not receiver.received:  # noqa: ASYNC110 (another process's doing)
                await asyncio.sleep(0.05)
        code = await asyncio.to_thread(worker.end)
    finally:
        worker.kill_if_alive()
    assert code == 0, worker.said
    (received,) = receiver.received
    received.verify(made["secret"])
    assert received.id == done.stdout.strip()
    (message,) = parsed(run("webhook", "messages", NAME, made["id"], "--json"))
    assert (message["id"], message["type"]) == (received.id, "ping")
    assert message["status"] == "delivered"
    for secret in (made["secret"], receiver.url):
        assert secret not in worker.said


async def test_a_webhooks_life(run: Run, clinic: Clinic) -> None:
    url = "https://clinic.example/hook"
    (made,) = parsed(run("webhook", "add", NAME, url, "--type", "appointment.booked", "--json"))
    assert made["secret"].startswith("whsec_")
    (listed,) = parsed(run("webhook", "list", NAME, "--json"))
    assert (listed["id"], listed["kinds"], listed["status"]) == (made["id"], ["booked"], "active")
    assert made["secret"] not in str(listed)
    assert "appointment.booked" in run("webhook", "list", NAME).stdout

    (rotated,) = parsed(run("webhook", "rotate", NAME, url, "--json"))
    assert rotated["secret"] != made["secret"]
    replayed = run("webhook", "replay", NAME, url, "--from", "2020-01-01")
    assert (replayed.returncode, replayed.stderr.strip()) == (0, "Nothing happened since.")
    assert run("webhook", "enable", NAME, made["id"]).returncode == 0
    assert parsed(run("webhook", "messages", NAME, url, "--failed", "--json")) == []

    assert run("webhook", "remove", NAME, url).returncode == 0
    assert parsed(run("webhook", "list", NAME, "--json")) == []
    assert_fails(run("webhook", "remove", NAME, url), "There is no webhook")


async def test_a_url_that_will_not_do(run: Run, clinic: Clinic) -> None:
    for url in ("https://10.0.0.7/", "http://clinic.example/", "https://a:b@clinic.example/"):
        done = run("webhook", "add", NAME, url, VOXANNE_WEBHOOK_PRIVATE_ADDRESSES="false")
        assert done.returncode == 2
        assert "a:b" not in done.stderr


async def test_where_staff_are_told(run: Run, clinic: Clinic, receiver: Receiver) -> None:
    assert_fails(run("alert", "test", NAME), "There is no address yet")
    assert run("alert", "add", NAME, "-", stdin=f"{MAIL}\n").returncode == 0
    json_url = f"json://127.0.0.1:{receiver.port}/alerts"
    assert run("alert", "add", NAME, json_url).returncode == 0
    assert parsed(run("alert", "list", NAME, "--json")) == [
        {"number": 1, "url": "mailtos://…@mail.clinic.example"},
        {"number": 2, "url": "json://…"},
    ]
    assert run("alert", "remove", NAME, "1").returncode == 0
    assert_fails(run("alert", "remove", NAME, "2"), "There is no number 2")

    tested = await in_thread(run, "alert", "test", NAME)
    assert tested.returncode == 0, tested.stderr
    assert "1  json://…  told" in tested.stderr
    assert receiver.received[0].json["message"] == "This is a test: staff are told here."
    receiver.answer(500)
    failed = await in_thread(run, "alert", "test", NAME)
    assert_fails(failed, "Staff were told at 0 of 1 addresses.")
    assert str(receiver.port) not in failed.stderr


async def test_a_service_that_names_its_server_needs_the_operators_leave(
    run: Run, clinic: Clinic
) -> None:
    refused = run(
        "alert", "add", NAME, "json://10.0.0.7/", VOXANNE_WEBHOOK_PRIVATE_ADDRESSES="false"
    )
    assert refused.returncode == 2
    assert "VOXANNE_WEBHOOK_PRIVATE_ADDRESSES" in refused.stderr
