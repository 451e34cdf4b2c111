"""The event stream of a served instance, as a process: it stops with streams open."""

import asyncio
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.commands import Running, parsed, voxanne
from tests.database import Database

STREAM = "/v1/events/stream"
# Far less than the ten seconds in which the server gives up on what is still open.
STOP_SECONDS_MAX = 5


@pytest.fixture
def serving(database: Database, tmp_path: Path) -> Iterator[tuple[Running, dict[str, str]]]:
    """`voxanne serve`, with a clinic and its key."""
    settings = {"DATABASE_URL": database.owner_url, "VOXANNE_DATA_DIR": str(tmp_path / "data")}
    key = parsed(voxanne("org", "create", "Harbor", "--json", settings=settings, cwd=tmp_path))
    running = Running("serve", "--port", "0", settings=settings, cwd=tmp_path)
    try:
        yield running, key
    finally:
        running.kill_if_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_at_once_with_streams_open(
    serving: tuple[Running, dict[str, str]], number: int
) -> None:
    running, made = serving
    found = await asyncio.to_thread(running.wait_for, r"Serving on (http://\S+)")
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    limits = httpx2.Limits(max_connections=20)
    async with httpx2.AsyncClient(base_url=found[1], timeout=30, limits=limits) as http:
        begun = [asyncio.Event() for _ in range(12)]
        streams = [asyncio.create_task(read_to_the_end(http, headers, each)) for each in begun]
        await asyncio.gather(*(each.wait() for each in begun))
        async with asyncio.timeout(STOP_SECONDS_MAX):
            assert await asyncio.to_thread(running.end, number) == 0
            # Each came to its end, and none was cut off in the middle.
            for text in await asyncio.gather(*streams):
                assert text.endswith("\n\n")
    assert "Traceback" not in running.said
    assert "without completing" not in running.said


async def read_to_the_end(
    http: httpx2.AsyncClient, headers: dict[str, str], begun: asyncio.Event
) -> str:
    text = ""
    async with http.stream("GET", STREAM, headers=headers) as answer:
        assert answer.status_code == 200
        async for part in answer.aiter_text():
            text += part
            if re.search(r"^id: ", text, re.MULTILINE):
                begun.set()
    return text


async def test_a_booking_is_told_by_the_process(
    serving: tuple[Running, dict[str, str]], database: Database
) -> None:
    running, made = serving
    found = await asyncio.to_thread(running.wait_for, r"Serving on (http://\S+)")
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    owner = await database.owner()
    async with (
        httpx2.AsyncClient(base_url=found[1], timeout=60, headers=headers) as http,
        http.stream("GET", STREAM) as answer,
    ):
        lines = answer.aiter_lines()
        async for line in lines:
            if line.startswith("id: "):
                break
        await owner.execute(
            "INSERT INTO events (org_id, kind) VALUES ($1::text::uuid, 'held')", made["org_id"]
        )
        async for line in lines:
            if line.startswith("data: "):
                assert json.loads(line[6:])["kind"] == "held"
                break
    assert await asyncio.to_thread(running.end) == 0
