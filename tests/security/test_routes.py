"""Every route is known, and every answer of it has its headers."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.integration.clinics import Api, in_process, settings_for
from tests.integration.front_desk import sign_in
from tests.security.routes import ASKED_BY_SECRET, all_routes, some_path, unconnected_app
from voxanne.app import create_app
from voxanne.deployment import load_fernet
from voxanne.inbound.dashboard.routes import PAGES
from voxanne.inbound.v1.security import ACCESS
from voxanne.postgres.pool import DatabaseBusyError, Pool

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "routes.md"
ROUTES = all_routes(unconnected_app())
# MCP has a life of its own, which an application in a test doesn't begin.
ASKED = [route for route in ROUTES if route[1] != "/mcp"]
PUBLIC_FILES = ("/static/", "/patient.css")
PLANTED = "Zebulon Quartermain +447700900417"


def documented() -> dict[tuple[str, str], str]:
    """Method and path → who may ask."""
    rows = re.findall(r"^\| `([A-Z]+) (\S+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    assert len({row[:2] for row in rows}) == len(rows)
    return {(method, path): who for method, path, who in rows}


async def test_the_application_has_no_route_that_is_not_documented() -> None:
    assert sorted(documented()) == ROUTES


async def test_the_document_says_who_may_ask() -> None:
    told = documented()
    for page in PAGES:
        assert told[page.method, "/clinic/{clinic}" + page.path].startswith(f"{page.role} of the")
    for route, scopes in ACCESS.items():
        assert set(re.findall("`(.+?)`", told[route])) == scopes


async def test_every_route_without_a_credential_is_known_to_limit_guesses() -> None:
    """tests/security/test_limits.py tries each of them."""
    told = re.findall(r"^\| `(\S+) (\S+)` \|.*guesses", PAGE.read_text(), re.MULTILINE)
    assert sorted(told) == ASKED_BY_SECRET
    by_secret = [route for route in ROUTES if "{token}" in route[1] or "/callback" in route[1]]
    assert by_secret == ASKED_BY_SECRET


async def test_nothing_is_there_for_debugging() -> None:
    """By name, whatever the document says."""
    suspicious = re.compile(r"debug|/test\b|admin|console|shell|eval|env|dump|trace|pprof|graphql")
    assert [path for _, path in ROUTES if suspicious.search(path)] == [
        "/clinic/{clinic}/settings/hooks/{webhook}/test",
        "/v1/webhooks/{webhook_id}/test",
    ]


def assert_guarded(answer: httpx2.Response, *, tls: bool = False) -> None:
    """No site may frame it, learn its address, or take it for another type; nobody keeps it."""
    what = f"{answer.request.method} {answer.request.url.path} {answer.status_code}"
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff", what
    assert "frame-ancestors 'none'" in headers["content-security-policy"], what
    assert "default-src 'none'" in headers["content-security-policy"], what
    assert headers["referrer-policy"] in ("no-referrer", "same-origin"), what
    assert headers.get("strict-transport-security") == ("max-age=31536000" if tls else None), what
    kept = headers["cache-control"]
    if not (answer.status_code == 200 and str(answer.request.url.path).startswith(PUBLIC_FILES)):
        assert kept in ("no-store", "private, no-cache"), what
    assert not {"server", "x-powered-by"} & set(headers), what
    assert len(headers.get_list("content-security-policy")) == 1, what
    # A caller's browser must not be made to hand our answers to another site.
    assert "access-control-allow-origin" not in headers, what


async def ask_all(
    http: httpx2.AsyncClient,
    headers: Mapping[str, str],
    *,
    routes: Iterable[tuple[str, str]] = ASKED,
    tls: bool = False,
    **sent: Any,
) -> dict[int, int]:
    """How many answers of each status; each was guarded."""
    counted: dict[int, int] = {}
    for method, pattern in routes:
        if pattern.endswith("/stream"):
            continue  # has no end; tests/integration/test_live.py reads its headers
        answer = await http.request(method, some_path(pattern), headers=headers, **sent)
        assert_guarded(answer, tls=tls)
        counted[answer.status_code] = counted.get(answer.status_code, 0) + 1
    return counted


async def test_of_nobody(voice: Api) -> None:
    statuses = await ask_all(voice.http, {}, content=b"{}")
    # 503: /readyz, where the machine is busy.
    assert set(statuses) <= {200, 303, 400, 401, 403, 404, 422, 503}, statuses
    public = {path for _, path in ROUTES if path.startswith(("/docs", "/openapi", "/health"))}
    assert len(public) == 3


async def test_of_a_clinics_key(voice: Api) -> None:
    admin = await voice.new_key(voice.clinic, "admin")
    statuses = await ask_all(voice.http, admin.bearer, content=b"{")
    assert {400, 404, 422} <= set(statuses), statuses
    assert 500 not in statuses


async def test_of_somebody_who_is_signed_in(voice: Api) -> None:
    desk = await sign_in(voice, "owner")
    here = str(voice.clinic.id)
    pages = [
        (method, path.replace("{clinic}", here)) for method, path in ROUTES if "{clinic}" in path
    ]
    statuses = await ask_all(voice.http, desk.cookies, routes=pages)
    assert {200, 403, 404} <= set(statuses), statuses
    assert 500 not in statuses


async def test_of_another_method_and_of_no_route(voice: Api) -> None:
    for path in sorted({path for _, path in ROUTES}):
        allowed = {method for method, other in ROUTES if other == path}
        wrong = next(m for m in ("PUT", "DELETE", "PATCH", "POST", "GET") if m not in allowed)
        answer = await voice.http.request(wrong, some_path(path), headers=voice.clinic.bearer)
        assert answer.status_code in (401, 404, 405), (wrong, path, answer.status_code)
        assert_guarded(answer)
    for path in ("/nothing", "/api", "/v1", "/.env", "/.git/config", "/static/../app.py"):
        answer = await voice.http.get(path)
        assert answer.status_code == 404, path
        assert_guarded(answer)


async def test_of_a_body_that_is_too_long(voice: Api) -> None:
    announced = {**voice.clinic.bearer, "content-length": str(64 * 1024 * 1024 * 1024)}
    for method, path in ASKED:
        if method in ("POST", "PUT", "PATCH"):
            answer = await voice.http.request(method, some_path(path), headers=announced)
            assert answer.status_code in (400, 401, 403, 404, 413), (path, answer.status_code)
            assert_guarded(answer)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError(PLANTED), {200, 303, 400, 401, 403, 404, 500}),
        (asyncpg.RaiseError(PLANTED), {200, 303, 400, 401, 403, 404, 500}),
        (DatabaseBusyError(PLANTED), {200, 303, 400, 401, 403, 404, 503}),
    ],
)
async def test_of_what_breaks(
    voice: Api, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: set[int]
) -> None:
    """Whatever the database says, nobody hears it."""

    async def fail(*_arguments: object) -> object:
        raise error

    monkeypatch.setattr(Pool, "fetch_value", fail)
    seen: set[int] = set()
    cookies = {"cookie": "voxanne=somebody", **voice.clinic.bearer}
    for method, pattern in ASKED:
        if pattern != "/readyz":
            answer = await voice.http.request(
                method, some_path(pattern), headers=cookies, content=b"{}"
            )
            assert_guarded(answer)
            assert "Quartermain" not in answer.text
            assert "Traceback" not in answer.text
            seen.add(answer.status_code)
    assert seen <= expected, seen
    assert seen & {500, 503}


async def test_over_tls_every_answer_says_so(voice: Api) -> None:
    settings = settings_for(voice.database.owner_url, public_url="https://book.clinic.example")
    app = create_app(settings, voice.pool, load_fernet(settings))
    async with in_process(app) as http:
        await ask_all(http, {}, tls=True)
