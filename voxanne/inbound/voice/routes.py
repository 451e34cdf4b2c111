"""The voice endpoints: verify, find the clinic, run the tools, answer in the shape that was asked.

Whatever happens to a tool call, the platform gets HTTP 200 and a sentence: it ignores every other
status, and the caller would hear nothing.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.booking.types import Clinic
from voxanne.inbound.authentication import Authenticator, SignedRequest, UnauthorizedError
from voxanne.inbound.http import (
    describe,
    lower_headers,
    note,
    post,
    problem,
    read_body,
    unauthorized,
)
from voxanne.inbound.metrics import OUTCOMES, SUCCESS, Metrics
from voxanne.inbound.voice.messages import reply_to
from voxanne.inbound.voice.redact import redact_secrets
from voxanne.inbound.voice.tools import TOOLS, Caller, clinic_now, refusal, run_tool
from voxanne.inbound.voice.vapi import (
    Answer,
    InvalidBody,
    Shape,
    ToolCall,
    VoiceRequest,
    parse_request,
    render_results,
)
from voxanne.postgres.pool import DatabaseBusyError

# Every tool of the contract: a name among these is what is meant, whatever URL it was sent to.
TOOL_NAMES: Final = frozenset(
    {
        "bookClinicAppointment",
        "checkAvailability",
        "holdSlot",
        "rescheduleAppointment",
        "cancelAppointment",
        "lookupCaller",
        "getClinicInfo",
        "takeMessage",
        "joinWaitlist",
        "transferCall",
    }
)
_TOOL_CALL_TYPES: Final = (None, "tool-calls", "function-call")
MESSAGE_TYPE_CHARACTERS_MAX: Final = 100

log = structlog.get_logger("voxanne.voice")


@dataclass(frozen=True, slots=True)
class VoiceEndpoint:
    """Both voice endpoints. `wait_seconds`: longest wait for the database in one request."""

    database: functions.Database
    authenticator: Authenticator
    metrics: Metrics
    body_bytes_max: int
    wait_seconds: float
    date_correction_days_max: int
    public_url: str | None

    def routes(self) -> list[Route]:
        return [
            post("/api/vapi", self.handle),
            post("/api/vapi/tools/{tool_name}", self.handle),
        ]

    async def handle(self, request: Request) -> Response:
        body = await read_body(request, self.body_bytes_max)
        headers = lower_headers(request)
        tool_name = request.path_params.get("tool_name")
        try:
            voice = parse_request(json.loads(body), headers, tool_name)
        except (InvalidBody, ValueError, RecursionError):
            return problem(400, Outcome.INVALID_ARGUMENTS, "The body must be one JSON object.")
        # One wait for everything this request needs of the database.
        deadline = asyncio.get_running_loop().time() + self.wait_seconds
        signed = SignedRequest(headers, body, request.method, lambda: self._url(request))
        try:
            async with asyncio.timeout_at(deadline):
                organization = await self._organization(voice, signed)
                clinic = await self._clinic(organization)
                note(request, org_id=str(organization), call_id=voice.call_id)
        except UnauthorizedError:
            return unauthorized()
        except (DatabaseBusyError, TimeoutError):
            return self._refuse_all(request, voice, tool_name, Outcome.BUSY, is_error=True)
        except Exception as error:
            note(request, bug=describe(error))
            bug = Outcome.INTERNAL_ERROR
            return self._refuse_all(request, voice, tool_name, bug, is_error=True)
        if not _agrees(voice, organization):
            forbidden = Outcome.FORBIDDEN_ORGANIZATION
            return self._refuse_all(request, voice, tool_name, forbidden, is_error=False)
        if not _wants_tools(voice):
            await self._record(voice, clinic, deadline)
            return JSONResponse(reply_to(voice.message_type, voice.message))
        if clinic is None:
            unknown = Outcome.INVALID_ORGANIZATION
            return self._refuse_all(request, voice, tool_name, unknown, is_error=True)
        answers = [
            (call, await self._answer(request, voice, clinic, call, tool_name, deadline))
            for call in voice.calls
        ]
        return JSONResponse(render_results(voice.shape, answers))

    async def _organization(self, voice: VoiceRequest, signed: SignedRequest) -> UUID | None:
        """The tenant: the credential's, or the registered line's for a deployment-wide one."""
        named = "authorization" in signed.headers or "x-vapi-secret" in signed.headers
        by_line = None if named else await self._line(voice)
        hinted = by_line if by_line is not None else _claimed(voice)
        credential = await self.authenticator.voice_credential(signed, hinted)
        if credential is not None:
            if credential.scope == "read_only":
                raise UnauthorizedError
            return credential.organization
        return await self._line(voice) if named else by_line

    async def _line(self, voice: VoiceRequest) -> UUID | None:
        line = voice.line
        if line.phone_number_id is None and line.number is None and line.assistant_id is None:
            return None
        return await functions.find_voice_line(
            self.database, line.phone_number_id, line.number, line.assistant_id
        )

    async def _clinic(self, organization: UUID | None) -> Clinic | None:
        return None if organization is None else await self.authenticator.clinic(organization)

    async def _answer(
        self,
        request: Request,
        voice: VoiceRequest,
        clinic: Clinic,
        call: ToolCall,
        tool_name: str | None,
        deadline: float,
    ) -> Answer:
        started = time.perf_counter()
        tool = _tool_of(call, tool_name)
        if tool not in TOOLS:
            answer = Answer(refusal(Outcome.UNKNOWN_TOOL), is_error=True)
        elif call.arguments is None:
            answer = Answer(refusal(Outcome.INVALID_ARGUMENTS), is_error=True)
        else:
            answer = await self._run(voice, clinic, call, call.arguments, tool, deadline)
        self._count(request, tool, answer.payload, time.perf_counter() - started)
        return answer

    async def _run(
        self,
        voice: VoiceRequest,
        clinic: Clinic,
        call: ToolCall,
        arguments: dict[str, object],
        tool: str,
        deadline: float,
    ) -> Answer:
        caller = Caller(
            clinic=clinic,
            number=voice.caller,
            call_id=voice.call_id,
            tool_call_id=call.id,
            now=clinic_now(clinic),
            date_correction_days_max=self.date_correction_days_max,
        )
        try:
            async with asyncio.timeout_at(deadline):
                return Answer(await run_tool(tool, self.database, caller, arguments))
        except (DatabaseBusyError, TimeoutError):
            return Answer(refusal(Outcome.BUSY), is_error=True)
        except Exception as error:
            log.error("tool failed", tool=tool, bug=describe(error))
            return Answer(refusal(Outcome.INTERNAL_ERROR), is_error=True)

    def _refuse_all(
        self,
        request: Request,
        voice: VoiceRequest,
        tool_name: str | None,
        outcome: Outcome,
        *,
        is_error: bool,
    ) -> Response:
        """One and the same refusal for every call; a message without calls gets its plain reply."""
        if not _wants_tools(voice):
            if outcome in (Outcome.BUSY, Outcome.INTERNAL_ERROR):
                self.metrics.lost_messages.inc()
            note(request, outcome=outcome)
            return JSONResponse(reply_to(voice.message_type, voice.message))
        answer = Answer(refusal(outcome), is_error=is_error)
        for call in voice.calls:
            self._count(request, _tool_of(call, tool_name), answer.payload, 0.0)
        return JSONResponse(render_results(voice.shape, [(call, answer) for call in voice.calls]))

    async def _record(self, voice: VoiceRequest, clinic: Clinic | None, deadline: float) -> None:
        """Keep the message, secrets redacted. Without a clinic or a call it has no place to go."""
        kind = (voice.message_type or "")[:MESSAGE_TYPE_CHARACTERS_MAX]
        if clinic is None or voice.call_id is None or not kind:
            return
        sent_at = None
        if voice.sent_at_ms is not None:
            sent_at = datetime.fromtimestamp(voice.sent_at_ms / 1000, UTC)
        try:
            async with asyncio.timeout_at(deadline):
                await functions.record_voice_message(
                    self.database,
                    clinic.id,
                    call_id=voice.call_id,
                    kind=kind,
                    payload=redact_secrets(voice.message),
                    sent_at=sent_at,
                )
        except Exception as error:
            # The platform expects a reply all the same, and has nobody to tell of an error.
            self.metrics.lost_messages.inc()
            log.error("message lost", type=kind, call_id=voice.call_id, bug=describe(error))

    def _count(
        self, request: Request, tool: str | None, payload: Mapping[str, object], seconds: float
    ) -> None:
        outcome = SUCCESS if payload["success"] else str(payload["error"])
        label = tool if tool in TOOL_NAMES else "unknown"
        assert outcome in OUTCOMES
        self.metrics.tool_seconds.labels(label, outcome).observe(seconds)
        if tool == "bookClinicAppointment":
            self.metrics.bookings.labels(outcome).inc()
        note(request, tool=label, outcome=outcome)

    def _url(self, request: Request) -> str:
        """The address as the platform called it, which a signature may cover."""
        if self.public_url is None:
            return str(request.url)
        query = f"?{request.url.query}" if request.url.query else ""
        return self.public_url.rstrip("/") + request.url.path + query


def _tool_of(call: ToolCall, tool_name: str | None) -> str | None:
    """A name of ours in the body is what the model asked for; otherwise the URL names the tool,
    since a clinic may call it what it likes at the platform."""
    return call.name if call.name in TOOL_NAMES else tool_name or call.name


def _wants_tools(voice: VoiceRequest) -> bool:
    if voice.calls or voice.shape is not Shape.ENVELOPE:
        return True
    return voice.message_type in _TOOL_CALL_TYPES


def _agrees(voice: VoiceRequest, organization: UUID | None) -> bool:
    return organization is None or all(
        claim.lower() == str(organization) for claim in voice.claimed_organizations
    )


def _claimed(voice: VoiceRequest) -> UUID | None:
    try:
        return UUID(voice.claimed_organizations[0])
    except (IndexError, ValueError):
        return None
