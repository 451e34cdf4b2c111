"""A stream that is cut in the middle of an event: nothing is lost, nothing has to be done."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import expect

from tests.browser.windows import open_chromium
from tests.integration.clinics import Api
from tests.integration.front_desk import sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = "2026-11-26"
MARK = b"event: changed"


@dataclass
class Relay:
    """Passes bytes on, but for those of the next event that is told: it ends in mid-word."""

    port: int
    url: str = ""
    cuts_left: int = 0
    cuts: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Relay"]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port)
        there = asyncio.create_task(_pass(reader, up_writer))
        try:
            with contextlib.suppress(OSError):
                while chunk := await up_reader.read(65_536):
                    if self.cuts_left and MARK in chunk:
                        self.cuts_left -= 1
                        self.cuts += 1
                        writer.write(chunk[: chunk.index(MARK) + len(MARK) - 4])
                        await writer.drain()
                        break
                    writer.write(chunk)
                    await writer.drain()
        finally:
            there.cancel()
            writer.close()
            up_writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()


async def test_what_was_cut_off_is_told_again(served: Api) -> None:
    desk = await sign_in(served, "staff")
    port = served.http.base_url.port
    assert port is not None
    async with (
        Relay(port).running() as relay,
        open_chromium(relay.url) as chromium,
        chromium.window(desk) as page,
    ):
        await page.goto(desk.url(f"/calendar?day={DAY}"))
        await expect(page.locator("#live")).to_have_attribute("data-state", "on")
        relay.cuts_left = 1
        answer = await served.book()
        assert answer["success"], answer
        await expect(page.locator(".appt", has_text="Maya Okafor")).to_have_count(1)
        assert relay.cuts == 1
        await expect(page.locator("#live")).to_have_attribute("data-state", "on")
