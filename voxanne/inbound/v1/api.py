"""The application that `/v1` is served by, with its documentation."""

import asyncio
import json
from functools import lru_cache
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from voxanne.inbound.http import get
from voxanne.inbound.v1 import (
    appointments,
    availability,
    caldav,
    calendar_feeds,
    calendars,
    clinic,
    deliveries,
    events,
    holds,
    leads,
    messages,
    privacy,
    scores,
    texting,
    waitlist,
    webhooks,
)
from voxanne.inbound.v1.documentation import describe, page
from voxanne.inbound.v1.problems import problem_of
from voxanne.inbound.v1.security import ACCESS, Services

_GROUPS = (
    appointments,
    availability,
    holds,
    leads,
    privacy,
    scores,
    waitlist,
    clinic,
    calendar_feeds,
    calendars,
    caldav,
    deliveries,
    messages,
    texting,
    events,
    webhooks,
)


_DOCS_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def create_api(services: Services, version: str) -> FastAPI:
    """The routes of `/v1`, `/openapi.json` and `/docs`; whatever else is asked is a problem."""
    app = FastAPI(
        title="Voxanne",
        version=version,
        description="The system of record behind a clinic's telephone.",
        # FastAPI's own telemetry would log request bodies, and so patients.
        telemetry={"logs": False, "tracing": False, "metrics": False},
        # Its own pages load a stranger's scripts.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _refuse, RequestValidationError: _refuse},
    )
    app.state.v1 = services
    for group in _GROUPS:
        app.include_router(group.routes)

    @lru_cache(maxsize=1)
    def documents() -> tuple[bytes, str]:
        document = describe(app)
        return json.dumps(document).encode(), page(document)

    # Making them takes a quarter of a second, in which no call must wait.
    async def show_document(_request: Request) -> Response:
        document, _ = await asyncio.to_thread(documents)
        return Response(document, media_type="application/json")

    async def show_page(_request: Request) -> Response:
        _, text = await asyncio.to_thread(documents)
        return HTMLResponse(text, headers={"Content-Security-Policy": _DOCS_POLICY})

    app.router.routes += [get("/openapi.json", show_document), get("/docs", show_page)]
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    answer = problem_of(request, error)
    route = request.scope.get("route")
    if answer.status_code == 405 and isinstance(route, APIRoute):
        # The framework knows one route's methods, not its path's.
        methods = [method for method, path in ACCESS if path == route.path_format]
        answer.headers["Allow"] = ", ".join(methods)
    return answer
