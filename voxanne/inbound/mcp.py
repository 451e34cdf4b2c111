"""The voice tools as a Model Context Protocol server: `/mcp`, Streamable HTTP, stateless, JSON.
It is loaded with the first request, see `mcp_later.py`.

The SDK speaks the protocol, its revisions with a handshake and the one without; the voice endpoint
knows the clinic and runs the tools. Here one is put to the other. Nothing is kept from request to
request: each brings its credential, its caller and its call in headers, which are looked at before
the SDK sees it. They are the platform's signalling; a tool's arguments, which a model writes, never
say who is calling.

MCP's request ids begin anew with each connection, and Vapi opens one for every call of a tool, so
they are no key of a call: a repeated booking is found by person, service and start.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from voxanne import __version__
from voxanne.booking.outcomes import Outcome
from voxanne.booking.types import Clinic
from voxanne.inbound.authentication import SignedRequest, UnauthorizedError
from voxanne.inbound.http import describe, lower_headers, note, read_body, unauthorized
from voxanne.inbound.rates import Rates
from voxanne.inbound.voice.caller_language import reported_language
from voxanne.inbound.voice.routes import Visit, VoiceEndpoint, agrees
from voxanne.inbound.voice.schemas import TOOL_SCHEMAS
from voxanne.inbound.voice.tools import refusal
from voxanne.inbound.voice.vapi import Answer, ToolCall, compact_json, parse_request
from voxanne.postgres.pool import DatabaseBusyError

INSTRUCTIONS: Final = (
    "The telephone reception of one clinic. Times are the clinic's own. Say dates back with their "
    "weekday, hold a slot before asking for details, and promise only what a result with "
    '"success": true says. Each result\'s `message` is a sentence to say.'
)
ARRIVAL: Final = "voxanne.mcp.arrival"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who came with a request: on behalf of a clinic, or else what its tools answer instead."""

    visit: Visit
    clinic: Clinic | None
    instead: Answer | None


@dataclass(slots=True)
class McpEndpoint:
    """The tools of `voice` once more, for MCP."""

    voice: VoiceEndpoint
    rates: Rates
    _sessions: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The application's lifespan, without which nothing is served."""
        server = Server[Any](
            "voxanne",
            version=__version__,
            instructions=INSTRUCTIONS,
            get_tool_input_schema=_PARAMETERS.get,
            on_list_tools=_list_tools,
            on_call_tool=self._call_tool,
        )
        # Any Host may stand before us. DNS rebinding gets nowhere: there's always a credential.
        self._sessions = StreamableHTTPSessionManager(
            server,
            json_response=True,
            stateless=True,
            max_request_body_size=self.voice.body_bytes_max,
        )
        async with self._sessions.run():
            yield

    async def handle(self, request: Request) -> Response:
        body = await read_body(request, self.voice.body_bytes_max)
        try:
            request.scope[ARRIVAL] = await self._receive(request, body)
        except UnauthorizedError:
            return unauthorized()
        assert self._sessions is not None, "the application's lifespan was not run"
        return await _exchange(self._sessions, request, body)

    async def _receive(self, request: Request, body: bytes) -> Arrival:
        """Who comes, for which clinic. Raises UnauthorizedError."""
        headers = lower_headers(request)
        said = parse_request({}, headers)
        deadline = asyncio.get_running_loop().time() + self.voice.wait_seconds
        language = reported_language(said, headers)
        visit = Visit(request, said, None, deadline, language, self.rates.credentials, source="mcp")
        signed = SignedRequest(headers, body, request.method, lambda: self.voice.url(request))
        clinic = None
        try:
            async with asyncio.timeout_at(deadline):
                organization = await self.voice.find_organization(said, signed)
                if organization is not None:
                    clinic = await self.voice.authenticator.clinic(organization)
        except (DatabaseBusyError, TimeoutError):
            return Arrival(visit, None, visit.refuse(Outcome.BUSY))
        except UnauthorizedError:
            raise
        except Exception as error:
            note(request, bug=describe(error))
            return Arrival(visit, None, visit.refuse(Outcome.INTERNAL_ERROR))
        note(request, org_id=str(organization), call_id=said.call_id)
        if not agrees(said, organization):
            forbidden = Answer(refusal(Outcome.FORBIDDEN_ORGANIZATION, language))
            return Arrival(visit, None, forbidden)
        unknown = None if clinic else visit.refuse(Outcome.INVALID_ORGANIZATION)
        return Arrival(visit, clinic, unknown)

    async def _call_tool(
        self, context: ServerRequestContext[Any], parameters: types.CallToolRequestParams
    ) -> types.CallToolResult:
        assert context.request is not None
        arrival: Arrival = context.request.scope[ARRIVAL]
        answer = await self._answer(arrival, parameters.name, parameters.arguments or {})
        text = compact_json(answer.payload)
        return types.CallToolResult(
            content=[types.TextContent(text=text)],
            structured_content=json.loads(text),
            is_error=answer.is_error,
        )

    async def _answer(self, arrival: Arrival, tool: str, arguments: dict[str, object]) -> Answer:
        if arrival.clinic is not None:
            call = ToolCall("", tool, arguments)
            return await self.voice.answer(arrival.visit, arrival.clinic, call)
        assert arrival.instead is not None
        self.voice.count(arrival.visit.request, tool, arrival.instead.payload, 0.0)
        return arrival.instead


_PARAMETERS: Final = {schema.name: schema.parameters for schema in TOOL_SCHEMAS}
_TOOLS: Final = [
    types.Tool(
        name=schema.name,
        description=schema.description,
        input_schema=schema.parameters,
        annotations=types.ToolAnnotations(
            read_only_hint=schema.reads_only,
            destructive_hint=schema.name == "cancelAppointment",
            open_world_hint=False,
        ),
    )
    for schema in TOOL_SCHEMAS
]


async def _list_tools(
    _context: ServerRequestContext[Any], _parameters: types.PaginatedRequestParams | None
) -> types.ListToolsResult:
    return types.ListToolsResult(tools=_TOOLS)


async def _exchange(
    sessions: StreamableHTTPSessionManager, request: Request, body: bytes
) -> Response:
    """What the SDK answers to this request, whole."""
    start: Message = {}
    content = bytearray()
    unread = [body]

    async def receive() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await request.receive()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            content.extend(message.get("body", b""))

    await sessions.handle_request(request.scope, receive, send)
    response = Response(bytes(content), int(start["status"]))
    response.raw_headers = list(start["headers"])
    return response
