"""What every request to `/v1` goes through: the body limit, the deadline, the credential and its
scope, unknown parameters, and one way to fail.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from voxanne.inbound.http import ROUTE, read_body
from voxanne.inbound.v1.problems import problem_of
from voxanne.inbound.v1.security import ACCESS, CREDENTIALS, Caller, Services, identify


class _Bounded(Request):
    """A request whose body is read by the project's limit, once."""

    _read: bytes | None = None

    async def body(self) -> bytes:
        if self._read is None:
            services: Services = self.app.state.v1
            self._read = await read_body(self, services.body_bytes_max)
        return self._read

    async def json(self) -> Any:
        return json.loads(await self.body(), parse_constant=_refuse_constant)


class GuardedRoute(APIRoute):
    """A route of the table in `security`, counted and logged under its pattern."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        for method in self.methods or ():
            assert (method, self.path_format) in ACCESS, f"{method} {self.path_format}: for whom?"
        handle = super().get_route_handler()
        known = _query_names(self.dependant)

        async def guarded(request: Request) -> Response:
            request.scope[ROUTE] = self.path_format
            services: Services = request.app.state.v1
            try:
                bounded = _Bounded(request.scope, request.receive)
                await bounded.body()
                async with asyncio.timeout(services.wait_seconds):
                    bounded.state.caller = await identify(services, bounded, self.path_format)
                    _refuse_unknown(bounded, known)
                    return await handle(bounded)
            except Exception as error:
                return problem_of(request, error)

        return guarded


def router(tag: str) -> APIRouter:
    """The routes of one kind of thing."""
    return APIRouter(tags=[tag], route_class=GuardedRoute, dependencies=CREDENTIALS)


async def _caller(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


CallerHere = Annotated[Caller, Depends(_caller)]


def _refuse_constant(name: str) -> object:
    """NaN and Infinity, which Python would read, are no JSON."""
    raise ValueError(f"{name} is not JSON")


def _query_names(dependant: Dependant) -> set[str]:
    names = {field.alias for field in dependant.query_params}
    return names.union(*map(_query_names, dependant.dependencies))


def _refuse_unknown(request: Request, known: set[str]) -> None:
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [{"type": "extra_forbidden", "loc": ("query", name)} for name in unknown]
        )
