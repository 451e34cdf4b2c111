"""Every route of the application, as it is composed. No test in here."""

import re
from collections.abc import Iterator
from uuid import UUID

from fastapi.routing import APIRoute
from starlette.routing import Route, Router

from tests.integration.clinics import settings_for
from voxanne.app import create_app
from voxanne.deployment import load_fernet
from voxanne.inbound.http import Entrance
from voxanne.inbound.v1 import api
from voxanne.postgres.pool import Pool

SOMETHING = UUID("b0000000-0000-4000-8000-000000000009")

# Nothing else is asked for: the address, or a vendor's signature, is the credential.
ASKED_BY_SECRET = [
    ("GET", "/a/{token}"),
    ("GET", "/a/{token}/appointment.ics"),
    ("GET", "/a/{token}/cancel"),
    ("GET", "/a/{token}/move"),
    ("GET", "/calendar/{token}.ics"),
    ("GET", "/join/{token}"),
    ("GET", "/oauth/google/callback"),
    ("GET", "/sign-in/{token}"),
    ("POST", "/a/{token}/accept"),
    ("POST", "/a/{token}/cancel"),
    ("POST", "/a/{token}/confirm"),
    ("POST", "/a/{token}/decline"),
    ("POST", "/a/{token}/move"),
    ("POST", "/callbacks/google/calendar/{connection}"),
    ("POST", "/callbacks/twilio/{org_id}/message"),
    ("POST", "/callbacks/twilio/{org_id}/status"),
    ("POST", "/join/{token}"),
    ("POST", "/sign-in/{token}"),
]


def unconnected_app() -> Entrance:
    """The application with no database behind it: for looking at."""
    settings = settings_for("postgresql://nobody@127.0.0.1:1/nothing")
    pool: Pool = None  # type: ignore[assignment]
    return create_app(settings, pool, load_fernet(settings))


def all_routes(app: Entrance) -> list[tuple[str, str]]:
    """Method and pattern of each; HEAD goes with GET."""
    return sorted(set(_routes(app)))


def _routes(app: Entrance) -> Iterator[tuple[str, str]]:
    assert isinstance(app.app, Router)
    beneath = app.app.default.router.routes  # type: ignore[attr-defined]
    included = [route for group in api._GROUPS for route in group.routes.routes]
    # What FastAPI includes it keeps as routers of its own, one for each group.
    plain = [route for route in beneath if isinstance(route, Route)]
    assert len(beneath) == len(plain) + len(api._GROUPS)
    for route in [*app.app.routes, *plain, *included]:
        assert isinstance(route, Route | APIRoute), route
        path = route.path_format if isinstance(route, APIRoute) else route.path
        for method in (route.methods or set()) - {"HEAD"}:
            yield method, path


def some_path(pattern: str) -> str:
    """With an id that nothing has in each place."""
    return re.sub(r"\{[^}]+\}", str(SOMETHING), pattern)
