"""Agents that use a clinic's tools over MCP, and an API they reach by a socket. No test in here."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from tests.database import Server
from tests.integration.clinics import NOW, Api, Json, open_clinic, running_api
from tests.unit.vapi_bodies import CALLER, DIALLED

URL = "/mcp"
SECRET_FOR_ALL = "deployment-wide-secret-1"
CALLS_PER_MINUTE = 200
IN_A_CALL = {"X-Caller": CALLER, "X-Call-Id": "call-1", "X-Called": DIALLED}
JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


@contextlib.asynccontextmanager
async def reachable_api(server: Server) -> AsyncIterator[Api]:
    """An API behind a socket, on a database of its own."""
    async with (
        server.database() as database,
        running_api(
            database,
            on_socket=True,
            vapi_secret=SECRET_FOR_ALL,
            calls_per_caller_per_minute=CALLS_PER_MINUTE,
        ) as api,
    ):
        yield api


async def with_one_clinic(api: Api) -> Api:
    """The same at `clinics.NOW`, with nothing in its database but one clinic in London."""
    await api.database.empty()
    await api.database.set_clock(NOW)
    return replace(api, clinic=await open_clinic(api.database))


@contextlib.asynccontextmanager
async def agent(
    api: Api, headers: Mapping[str, str] | None = None, *, mode: str = "auto", **changes: str
) -> AsyncIterator[Client]:
    """A client that speaks for the clinic in a call from CALLER, unless other headers are given;
    `changes` are headers too."""
    sent = {**api.clinic.bearer, **IN_A_CALL} if headers is None else dict(headers)
    sent |= {name.replace("_", "-"): value for name, value in changes.items()}
    async with httpx2.AsyncClient(headers=sent, timeout=30) as http:
        transport = streamable_http_client(f"{api.http.base_url}{URL}", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def said(result: CallToolResult) -> Json:
    """The one text item, which is one line and the same as the structured content."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert "\n" not in content.text
    payload: Json = json.loads(content.text)
    assert result.structured_content == payload
    assert isinstance(payload["message"], str)
    assert payload["success"] is ("error" not in payload)
    return payload


async def use(client: Client, tool: str, **arguments: object) -> Json:
    """What a tool says that isn't an error."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return said(result)


async def post(api: Api, body: object, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    """A request as no client of the SDK's would send it."""
    sent = {**JSON_HEADERS, **api.clinic.bearer, **IN_A_CALL, **(headers or {})}
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return await api.http.post(URL, content=content, headers=sent)


def message(method: str, **parameters: Any) -> Json:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}


def calling(tool: str, arguments: object) -> Json:
    return message("tools/call", name=tool, arguments=arguments)
