"""The voice endpoint as a platform calls it, for the proofs that go over HTTP."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2

from voxanne.stress.scratch import ANSWER_MS_MAX, ProofError

BOOKING_PATH = "/api/vapi/tools/bookClinicAppointment"
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running API and the key that is shown to it, if any."""

    client: httpx2.AsyncClient
    key: str | None

    def with_key(self, key: str | None) -> "Endpoint":
        return Endpoint(self.client, key)

    async def book(
        self,
        arguments: Mapping[str, object],
        *,
        caller: str | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Answer:
        """One tool call, of a call of its own. A refusal by HTTP status has `HTTP <status>` as
        its error.
        """
        function = {"name": "bookClinicAppointment", "arguments": dict(arguments)}
        call = {
            "id": str(uuid4()),
            "customer": {"number": caller} if caller else {},
            "metadata": dict(metadata or {}),
        }
        message = {
            "type": "tool-calls",
            "call": call,
            "toolCallList": [{"id": f"call_{uuid4().hex}", "function": function}],
        }
        credential = {"authorization": f"Bearer {self.key}"} if self.key else {}
        reply = await self.client.post(
            BOOKING_PATH, json={"message": message}, headers={**credential, **(headers or {})}
        )
        if reply.status_code != 200:
            return {"success": False, "error": f"HTTP {reply.status_code}"}
        (result,) = reply.json()["results"]
        answer: Answer = json.loads(result.get("result") or result["error"])
        return answer


@contextlib.asynccontextmanager
async def open_endpoint(url: str, key: str | None, connections: int) -> AsyncIterator[Endpoint]:
    """The API at `url` with all its connections open. Raises ProofError when nobody answers."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    timeout = httpx2.Timeout(ANSWER_MS_MAX / 1000)
    async with httpx2.AsyncClient(
        base_url=url.rstrip("/"), limits=limits, timeout=timeout
    ) as client:
        try:
            await asyncio.gather(*(client.get("/healthz") for _ in range(connections)))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProofError(
                f"Nothing answers at {url} ({error}). Is `voxanne serve` up?"
            ) from None
        yield Endpoint(client, key)
