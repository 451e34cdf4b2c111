"""`/mcp` before anybody has asked for it: the SDK takes half a second of processor time and tens of
megabytes to load, which is a quarter of the API's start, and most clinics' platforms never call it.

The first request waits while a thread loads it; whatever else is going on goes on.
"""

import asyncio
import gc
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voxanne.inbound.http import post
from voxanne.inbound.rates import Rates
from voxanne.inbound.voice.routes import VoiceEndpoint


class Endpoint(Protocol):
    """`voxanne.inbound.mcp.McpEndpoint`, as far as it is known without loading it."""

    handle: Callable[[Request], Awaitable[Response]]
    running: Callable[[], AbstractAsyncContextManager[None]]


@dataclass(slots=True)
class McpLater:
    voice: VoiceEndpoint
    rates: Rates
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _endpoint: "asyncio.Future[Endpoint] | None" = None

    def routes(self) -> list[Route]:
        # Without streams and sessions there is nothing to GET or DELETE: the router answers 405.
        return [post("/mcp", self.handle)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The application's lifespan, without which nothing is served."""
        self._endpoint = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(self._endpoint))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def handle(self, request: Request) -> Response:
        assert self._endpoint is not None, "the application's lifespan was not run"
        self._wanted.set()
        endpoint = await asyncio.shield(self._endpoint)
        return await endpoint.handle(request)

    async def _run(self, loaded: "asyncio.Future[Endpoint]") -> None:
        await self._wanted.wait()
        try:
            module = await asyncio.to_thread(importlib.import_module, "voxanne.inbound.mcp")
            gc.freeze()  # as `serve` does with what was loaded before
            endpoint: Endpoint = module.McpEndpoint(self.voice, self.rates)
            async with endpoint.running():
                loaded.set_result(endpoint)
                await asyncio.Event().wait()
        except Exception as error:
            if loaded.done():
                raise
            loaded.set_exception(error)
