"""`/openapi.json` says everything of `/v1`, and `/docs` shows it without anybody else's scripts."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.documentation import example_of
from voxanne.inbound.v1.problems import MEDIA_TYPE, STATUS
from voxanne.inbound.v1.security import ACCESS

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "rest.md"
OPERATIONS = [pytest.param(method, path, id=f"{method} {path}") for method, path in ACCESS]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def document(files_api: Api) -> Json:
    reply = await files_api.http.get("/openapi.json")
    assert reply.status_code == 200
    described: Json = reply.json()
    return described


def operation_of(document: Json, method: str, path: str) -> Json:
    operation: Json = document["paths"][path][method.lower()]
    return operation


async def test_it_has_the_routes_of_the_table_and_no_others(document: Json) -> None:
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert described == set(ACCESS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_an_operation_says_what_it_is_and_for_whom(
    document: Json, method: str, path: str
) -> None:
    operation = operation_of(document, method, path)
    assert operation["summary"]
    assert operation["tags"]
    assert operation["security"] == [{"bearer": []}, {"apikey": []}]
    assert operation["x-scopes"] == sorted(ACCESS[method, path])


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_an_operation_has_examples(document: Json, method: str, path: str) -> None:
    operation = operation_of(document, method, path)
    if path.endswith("/stream"):
        assert "event: changed" in str(operation["responses"]["200"]["content"])
        return
    contents = [
        response["content"]["application/json"]
        for status, response in operation["responses"].items()
        if status < "300" and status != "204"
    ]
    if "requestBody" in operation:
        contents.append(operation["requestBody"]["content"]["application/json"])
    assert contents or method == "DELETE"
    for content in contents:
        schema = {**content["schema"], "components": document["components"]}
        jsonschema.validate(example_of(document, content["schema"]), schema)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_an_operation_has_its_problems(document: Json, method: str, path: str) -> None:
    operation = operation_of(document, method, path)
    refused = {
        status: response for status, response in operation["responses"].items() if status >= "300"
    }
    assert refused.keys() >= {"401", "403", "404", "422", "500", "503"}
    for status, response in refused.items():
        content = response["content"][MEDIA_TYPE]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        for code in content["examples"]:
            assert str(STATUS[Outcome(code)]) == status or (status, code) in {
                ("400", "INVALID_ARGUMENTS"),
                ("401", "UNAUTHORIZED"),
                ("412", "STALE_VERSION"),
                ("413", "INVALID_ARGUMENTS"),
            }


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        found = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return found.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


async def test_every_reference_leads_somewhere(document: Json) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known


async def test_a_creating_post_takes_a_key_and_a_change_a_version(document: Json) -> None:
    def headers(method: str, path: str) -> set[str]:
        parameters = operation_of(document, method, path).get("parameters", [])
        return {each["name"] for each in parameters if each["in"] == "header"}

    for path in ("/v1/appointments", "/v1/holds", "/v1/waitlist", "/v1/webhooks"):
        assert headers("POST", path) == {"Idempotency-Key"}
    versioned = {(method, path) for method, path in ACCESS if "If-Match" in headers(method, path)}
    assert versioned == {
        ("PATCH", "/v1/appointments/{appointment_id}"),
        ("PUT", "/v1/score-weights"),
        ("POST", "/v1/appointments/{appointment_id}/cancel"),
        ("POST", "/v1/appointments/{appointment_id}/complete"),
        ("POST", "/v1/appointments/{appointment_id}/no-show"),
        ("POST", "/v1/appointments/{appointment_id}/confirm"),
        ("PATCH", "/v1/leads/{lead_id}"),
        ("DELETE", "/v1/waitlist/{waitlist_id}"),
        ("PUT", "/v1/clinic"),
        ("PATCH", "/v1/clinic"),
        ("PATCH", "/v1/webhooks/{webhook_id}"),
        ("DELETE", "/v1/webhooks/{webhook_id}"),
        ("POST", "/v1/webhooks/{webhook_id}/rotate"),
    }


async def test_the_page_for_people_needs_nobody_else(files_api: Api) -> None:
    reply = await files_api.http.get("/docs")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in reply.text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", reply.text)
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    for method, path in ACCESS:
        assert f"<code>{method} {path}</code>" in reply.text
    for outcome in Outcome:
        assert f'id="{outcome}"' in reply.text


async def test_the_reference_has_every_route_with_its_scopes() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z]+) (/v1/\S+)` \| ([^|]+) \|", page, re.MULTILINE)
    described = {
        (method, path): frozenset(scopes.replace(",", " ").split()) for method, path, scopes in rows
    }
    assert described == dict(ACCESS)
