"""Readers of a clinic's event stream, over a socket. No test in here."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.integration.clinics import Api

SECONDS_MAX = 60  # until every transaction of the server that is older is done


@dataclass
class Stream:
    """One open stream. `id` is the last it has seen."""

    answer: httpx2.Response
    lines: AsyncIterator[str]
    id: str = ""
    text: str = ""

    async def next(self) -> dict[str, Any]:
        """The next event's data."""
        while True:
            block = await self.block()
            if "event" in block:
                assert block["event"] == "changed"
                told: dict[str, Any] = json.loads(block["data"])
                return told

    async def block(self) -> dict[str, str]:
        """The fields up to the next empty line. Raises StopAsyncIteration at the end."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(SECONDS_MAX):
            while line := await anext(self.lines):
                self.text += line + "\n"
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        self.id = fields.get("id", self.id)
        return fields

    async def begin(self) -> "Stream":
        """Until it says where it begins, which it does after what was missed."""
        block = await self.block()
        while "id" not in block or "event" in block:
            block = await self.block()
        return self

    async def end(self) -> None:
        """Read until it ends."""
        with contextlib.suppress(StopAsyncIteration):
            async with asyncio.timeout(SECONDS_MAX):
                while True:
                    await self.block()


@contextlib.asynccontextmanager
async def open_stream(
    api: Api, path: str, headers: Mapping[str, str], **query: str
) -> AsyncIterator[Stream]:
    async with api.http.stream("GET", path, headers=headers, params=query) as answer:
        stream = Stream(answer, answer.aiter_lines())
        if answer.status_code == 200:
            await stream.begin()
        yield stream
