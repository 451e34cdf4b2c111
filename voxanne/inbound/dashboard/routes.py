"""Every route of the dashboard."""

from itertools import chain
from typing import Final

from starlette.routing import Route

from voxanne.inbound.dashboard import (
    appointments,
    calendar,
    calls,
    deliveries,
    leads,
    live,
    metrics,
    notes,
    privacy,
    signing_in,
)
from voxanne.inbound.dashboard.guard import Guard, Page
from voxanne.inbound.dashboard.pages import serve_asset
from voxanne.inbound.dashboard.settings import (
    clinic,
    connections,
    hooks,
    hours,
    lines,
    members,
    messages,
    overview,
    retention,
    scores,
    service_list,
    special_days,
    staff,
)
from voxanne.inbound.http import get
from voxanne.inbound.v1.security import Services

PAGES: Final[list[Page]] = [
    *chain.from_iterable(
        module.PAGES
        for module in (
            calendar,
            appointments,
            live,
            leads,
            notes,
            calls,
            deliveries,
            metrics,
            privacy,
            overview,
            clinic,
            hours,
            special_days,
            members,
            service_list,
            lines,
            connections,
            messages,
            hooks,
            staff,
            scores,
            retention,
        )
    )
]


def dashboard_routes(services: Services, *, secure: bool) -> list[Route]:
    """`secure`: browsers reach us over TLS."""
    guard = Guard(services, secure)
    return [
        *signing_in.routes(guard),
        *map(guard.route, PAGES),
        *guard.nowhere(),
        get("/static/{version}/{name}", serve_asset),
    ]
