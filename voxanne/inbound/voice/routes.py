"""The voice endpoints: verify, find the clinic, run the tools, answer in the shape that was asked.

Whatever happens to a tool call, the platform gets HTTP 200 and a sentence: it ignores every other
status, and the caller would hear nothing.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    called_address,
    describe,
    lower_headers,
    note,
    post,
    problem,
    read_body,
    unauthorized,
)
from voxanne.inbound.metrics import OUTCOMES, SUCCESS, Metrics
from voxanne.inbound.rates import RequestRate
from voxanne.inbound.voice.calendar_wait import CalendarWait
from voxanne.inbound.voice.call_rate import CallRate
from voxanne.inbound.voice.call_reports import read_report
from voxanne.inbound.voice.caller_language import ChangedLanguages, reported_language
from voxanne.inbound.voice.messages import QUESTIONS, answer_question, plain_reply
from voxanne.inbound.voice.redact import redact_secrets
from voxanne.inbound.voice.tools import (
    TOOLS,
    Caller,
    clinic_now,
    is_emergency,
    refusal,
    run_tool,
)
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

_TOOL_CALL_TYPES: Final = (None, "tool-calls", "function-call")
MESSAGE_TYPE_CHARACTERS_MAX: Final = 100
# A caller hears nothing until these are answered, and Vapi waits 7.5 s for an assistant.
QUESTION_WAIT_SECONDS: Final = 0.9

log = structlog.get_logger("voxanne.voice")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: until when (the event loop's time) the database may keep it waiting, in which
    language it is answered, as far as the platform says, and how often its clinic may ask."""

    request: Request
    voice: VoiceRequest
    tool_name: str | None
    deadline: float
    language: str
    rate: RequestRate
    source: str = "voice"

    def refuse(self, outcome: Outcome) -> Answer:
        return Answer(refusal(outcome, self.language), is_error=True)


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
    call_rate: CallRate
    request_rate: RequestRate
    calendar: CalendarWait
    languages: ChangedLanguages = field(default_factory=ChangedLanguages)

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
        visit = self._visit(request, voice, tool_name, headers)
        signed = SignedRequest(headers, body, request.method, lambda: self.url(request))
        try:
            async with asyncio.timeout_at(visit.deadline):
                organization = await self.find_organization(voice, signed)
                clinic = await self._clinic(organization)
                note(request, org_id=str(organization), call_id=voice.call_id)
        except UnauthorizedError:
            return unauthorized()
        except (DatabaseBusyError, TimeoutError):
            return self._refuse_all(visit, Outcome.BUSY, is_error=True)
        except Exception as error:
            note(request, bug=describe(error))
            return self._refuse_all(visit, Outcome.INTERNAL_ERROR, is_error=True)
        if not agrees(voice, organization):
            return self._refuse_all(visit, Outcome.FORBIDDEN_ORGANIZATION, is_error=False)
        if not _wants_tools(voice):
            return await self._hear(visit, clinic)
        if clinic is None:
            return self._refuse_all(visit, Outcome.INVALID_ORGANIZATION, is_error=True)
        answers = [(call, await self.answer(visit, clinic, call)) for call in voice.calls]
        return JSONResponse(render_results(voice.shape, answers))

    def _visit(
        self,
        request: Request,
        voice: VoiceRequest,
        tool_name: str | None,
        headers: Mapping[str, str],
    ) -> Visit:
        """One wait for everything this request needs of the database."""
        wait = self.wait_seconds
        if voice.message_type in QUESTIONS:
            wait = min(wait, QUESTION_WAIT_SECONDS)
        deadline = asyncio.get_running_loop().time() + wait
        language = reported_language(voice, headers)
        return Visit(request, voice, tool_name, deadline, language, self.request_rate)

    async def find_organization(self, voice: VoiceRequest, signed: SignedRequest) -> UUID | None:
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

    async def answer(self, visit: Visit, clinic: Clinic, call: ToolCall) -> Answer:
        started = time.perf_counter()
        tool = _tool_of(call, visit.tool_name)
        if tool not in TOOLS:
            answer = visit.refuse(Outcome.UNKNOWN_TOOL)
        elif call.arguments is None:
            answer = visit.refuse(Outcome.INVALID_ARGUMENTS)
        else:
            answer = await self._run(visit, clinic, call, call.arguments, tool)
        self.count(visit.request, tool, answer.payload, time.perf_counter() - started)
        if tool == "bookClinicAppointment" and answer.payload["success"]:
            return await self._with_calendar(visit, clinic, answer)
        return answer

    async def _with_calendar(self, visit: Visit, clinic: Clinic, booked: Answer) -> Answer:
        """The wait for a vendor is measured apart from our own answer."""
        language = self._caller(visit, clinic).language
        started = time.perf_counter()
        payload = await self.calendar.complete(clinic.id, language, dict(booked.payload))
        status = str(payload["calendarStatus"])
        self.metrics.calendar_wait_seconds.labels(status).observe(time.perf_counter() - started)
        return Answer(payload)

    async def _run(
        self,
        visit: Visit,
        clinic: Clinic,
        call: ToolCall,
        arguments: dict[str, object],
        tool: str,
    ) -> Answer:
        caller = self._caller(visit, clinic, call.id)
        try:
            if not self._may_call(visit, caller) and not is_emergency(tool, caller, arguments):
                return Answer(refusal(Outcome.RATE_LIMITED, caller.language))
            async with asyncio.timeout_at(visit.deadline):
                return Answer(await run_tool(tool, self.database, caller, arguments))
        except (DatabaseBusyError, TimeoutError):
            return Answer(refusal(Outcome.BUSY, caller.language), is_error=True)
        except Exception as error:
            log.error("tool failed", tool=tool, bug=describe(error))
            return Answer(refusal(Outcome.INTERNAL_ERROR, caller.language), is_error=True)

    def _refuse_all(self, visit: Visit, outcome: Outcome, *, is_error: bool) -> Response:
        """One and the same refusal for every call; a message without calls gets its plain reply."""
        voice = visit.voice
        if not _wants_tools(voice):
            if outcome in (Outcome.BUSY, Outcome.INTERNAL_ERROR):
                self.metrics.lost_messages.inc()
            note(visit.request, outcome=outcome)
            return JSONResponse(plain_reply(voice.message_type, visit.language))
        answer = Answer(refusal(outcome, visit.language), is_error=is_error)
        for call in voice.calls:
            self.count(visit.request, _tool_of(call, visit.tool_name), answer.payload, 0.0)
        return JSONResponse(render_results(voice.shape, [(call, answer) for call in voice.calls]))

    async def _hear(self, visit: Visit, clinic: Clinic | None) -> Response:
        """A message that runs no tool: answered first, since somebody may be waiting; then kept."""
        reply = plain_reply(visit.voice.message_type, visit.language)
        if clinic is not None and visit.rate.take(clinic.id):
            self.metrics.lost_messages.inc()
            note(visit.request, outcome=Outcome.RATE_LIMITED)
            return JSONResponse(reply)
        if clinic is not None:
            self.languages.hear(clinic.id, visit.voice)
            if visit.voice.message_type in QUESTIONS:
                reply = await self._reply(visit, clinic, visit.voice.message_type)
        await self._record(visit, clinic)
        return JSONResponse(reply)

    async def _reply(self, visit: Visit, clinic: Clinic, kind: str) -> dict[str, object]:
        caller = self._caller(visit, clinic)
        try:
            async with asyncio.timeout_at(visit.deadline):
                return await answer_question(self.database, caller, kind, visit.voice.message)
        except Exception as error:
            log.error("question not answered", type=kind, bug=describe(error))
            return plain_reply(kind, caller.language)

    def _caller(self, visit: Visit, clinic: Clinic, tool_call_id: str | None = None) -> Caller:
        voice = visit.voice
        return Caller(
            clinic=clinic,
            number=voice.caller,
            call_id=voice.call_id,
            tool_call_id=tool_call_id,
            now=clinic_now(clinic),
            date_correction_days_max=self.date_correction_days_max,
            language=self.languages.of(clinic.id, voice.call_id) or visit.language,
            source=visit.source,
        )

    def _may_call(self, visit: Visit, caller: Caller) -> bool:
        """By the clinic; by the caller's number, where a withheld one is known by its call."""
        if visit.rate.take(caller.clinic.id):
            return False
        who = caller.phone.e164 if caller.phone else caller.call_id
        return who is None or self.call_rate.allows((caller.clinic.id, who), time.monotonic())

    async def _record(self, visit: Visit, clinic: Clinic | None) -> None:
        """Keep the message, secrets redacted, and what it says of its call. Without a clinic or a
        call it has no place to go."""
        voice = visit.voice
        kind = (voice.message_type or "")[:MESSAGE_TYPE_CHARACTERS_MAX]
        if clinic is None or voice.call_id is None or not kind:
            return
        sent_at = None
        if voice.sent_at_ms is not None:
            sent_at = datetime.fromtimestamp(voice.sent_at_ms / 1000, UTC)
        try:
            async with asyncio.timeout_at(visit.deadline):
                message = redact_secrets(voice.message)
                region = self._caller(visit, clinic).region
                language = self.languages.of(clinic.id, voice.call_id) or visit.language
                await functions.record_voice_message(
                    self.database,
                    clinic.id,
                    call_id=voice.call_id,
                    kind=kind,
                    payload=message,
                    sent_at=sent_at,
                    report=read_report(voice, message, region=region, language=language),
                )
        except Exception as error:
            # The platform expects a reply all the same, and has nobody to tell of an error.
            self.metrics.lost_messages.inc()
            log.error("message lost", type=kind, call_id=voice.call_id, bug=describe(error))

    def count(
        self, request: Request, tool: str | None, payload: Mapping[str, object], seconds: float
    ) -> None:
        outcome = SUCCESS if payload["success"] else str(payload["error"])
        label = tool if tool in TOOLS else "unknown"
        assert outcome in OUTCOMES
        self.metrics.tool_seconds.labels(label, outcome).observe(seconds)
        if tool == "bookClinicAppointment":
            self.metrics.bookings.labels(outcome).inc()
        note(request, tool=label, outcome=outcome)

    def url(self, request: Request) -> str:
        return called_address(request, self.public_url)


def _tool_of(call: ToolCall, tool_name: str | None) -> str | None:
    """A name of ours in the body is what the model asked for; otherwise the URL names the tool,
    since a clinic may call it what it likes at the platform."""
    return call.name if call.name in TOOLS else tool_name or call.name


def _wants_tools(voice: VoiceRequest) -> bool:
    if voice.calls or voice.shape is not Shape.ENVELOPE:
        return True
    return voice.message_type in _TOOL_CALL_TYPES


def agrees(voice: VoiceRequest, organization: UUID | None) -> bool:
    return organization is None or all(
        claim.lower() == str(organization) for claim in voice.claimed_organizations
    )


def _claimed(voice: VoiceRequest) -> UUID | None:
    try:
        return UUID(voice.claimed_organizations[0])
    except (IndexError, ValueError):
        return None
