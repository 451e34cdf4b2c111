"""What every request goes through: the body limit, the catch-all, one log line."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.metrics import Metrics

Endpoint = Callable[[Request], Awaitable[Response]]

# Filled in by the endpoint, printed by the log line: ids, tools and outcomes only.
NOTES: Final = "voxanne.notes"
# A body over the limit is read on, and dropped, up to this many times the limit.
BODY_SECONDS_MAX: Final = 30.0
DROPPED_BODIES_MAX: Final = 8
ROUTE: Final = "voxanne.route"

TLS_FOR_A_YEAR: Final = "max-age=31536000"
# Of every answer that says nothing else: it may hold a patient's details, and is no page.
_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_TLS_HEADERS: Final = (*_HEADERS, (b"strict-transport-security", TLS_FOR_A_YEAR.encode()))

log = structlog.get_logger("voxanne.http")


class BodyTooLargeError(Exception):
    """The request's body is over the limit."""


def problem(status: int, code: str, detail: str) -> JSONResponse:
    """An error as RFC 9457 problem details, with the outcome code."""
    return JSONResponse(
        {"type": "about:blank", "status": status, "code": code, "detail": detail},
        status,
        media_type="application/problem+json",
    )


def unauthorized() -> JSONResponse:
    answer = problem(401, Outcome.UNAUTHORIZED, "The credential is missing or wrong.")
    answer.headers["www-authenticate"] = "Bearer"
    return answer


def gone() -> Response:
    """For whoever is there no more, or sends too slowly: the connection is closed."""
    return Response(status_code=499, headers={"connection": "close"})


def rate_limited(seconds: int) -> JSONResponse:
    """`seconds` until it may be asked again."""
    answer = problem(429, Outcome.RATE_LIMITED, "That was too much at once: see Retry-After.")
    answer.headers["retry-after"] = str(seconds)
    return answer


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The whole body, or BodyTooLargeError, with no more than `bytes_max` of it kept.

    A somewhat longer body is read to its end and dropped, since a client that is cut off while it
    sends may never see the answer. Who isn't done within BODY_SECONDS_MAX counts as gone
    (ClientDisconnect).
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > DROPPED_BODIES_MAX * bytes_max:
        raise BodyTooLargeError
    body = bytearray()
    received = 0
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                received += len(chunk)
                if received <= bytes_max:
                    body += chunk
                elif received > DROPPED_BODIES_MAX * bytes_max:
                    break
    except TimeoutError:
        raise ClientDisconnect from None
    if received > bytes_max:
        raise BodyTooLargeError
    return bytes(body)


async def read_fields(request: Request, bytes_max: int, fields_max: int) -> dict[str, list[str]]:
    """The query of a GET, the fields of a POST's form. Raises BodyTooLargeError; ValueError for
    too many fields.
    """
    sent = request.url.query.encode()
    if request.method == "POST":
        sent = await read_body(request, bytes_max)
    text = sent.decode("utf-8", "replace")
    return parse_qs(text, keep_blank_values=True, max_num_fields=fields_max)


def note(request: Request, **facts: object) -> None:
    """Add to this request's log line. Never anything about a patient."""
    request.scope.setdefault(NOTES, {}).update(facts)


@dataclass(slots=True)
class Entrance:
    """The outermost layer: counts and logs each request, and gives each answer the headers that
    keep it from other sites, other types and caches. `secure`: browsers reach us over TLS.
    """

    app: ASGIApp
    metrics: Metrics
    secure: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._with_headers(message.get("headers", ()))
            await send(message)

        notes: dict[str, Any] = scope.setdefault(NOTES, {})
        try:
            await self.app(scope, receive, send_noting_status)
        finally:
            route = scope.get(ROUTE, "unmatched")
            self.metrics.requests.labels(route, status).inc()
            level = log.error if "bug" in notes else log.info
            level(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
                **notes,
            )

    def _with_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        said = list(headers)
        names = {name.lower() for name, _ in said}
        ours = _TLS_HEADERS if self.secure else _HEADERS
        return said + [header for header in ours if header[0] not in names]


def post(path: str, endpoint: Endpoint) -> Route:
    """A POST route that is counted and logged under its pattern, never under a path with an id."""
    return _route(path, endpoint, "POST")


def get(path: str, endpoint: Endpoint) -> Route:
    return _route(path, endpoint, "GET")


def _route(path: str, endpoint: Endpoint, method: str) -> Route:
    async def named(request: Request) -> Response:
        request.scope[ROUTE] = path
        try:
            return await endpoint(request)
        except BodyTooLargeError:
            detail = "The request's body is over the limit."
            answer = problem(413, Outcome.INVALID_ARGUMENTS, detail)
            answer.headers["connection"] = "close"
            return answer
        except ClientDisconnect:
            return gone()
        except Exception as error:
            # Its text may hold a patient's details, so only its type and place are logged.
            note(request, bug=describe(error))
            return problem(500, Outcome.INTERNAL_ERROR, "Something went wrong on our side.")

    return Route(path, named, methods=[method], name=path)


def describe(error: BaseException) -> str:
    """Where a bug is, without what it was about: type, file and line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = ""
    if trace is not None:
        place = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return f"{type(error).__name__}{place}"


def called_address(request: Request, public_url: str | None) -> str:
    """The address as it was called from outside, which a signature may cover. `public_url`: None
    where no proxy stands before us.
    """
    if public_url is None:
        return str(request.url)
    query = f"?{request.url.query}" if request.url.query else ""
    return public_url.rstrip("/") + request.url.path + query


def lower_headers(request: Request) -> Mapping[str, str]:
    """Header names in lower case; of a repeated header the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.raw}
