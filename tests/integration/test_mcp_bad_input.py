"""What an agent may send over MCP that it shouldn't: each gets an answer, and none is a bug."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from mcp_types import CallToolResult

from tests.database import Server
from tests.integration.clinics import Api, Json
from tests.integration.mcp_agents import (
    JSON_HEADERS,
    URL,
    calling,
    message,
    post,
    reachable_api,
    said,
    with_one_clinic,
)
from tests.integration.model_arguments import arguments_of
from voxanne.inbound.voice.schemas import TOOL_SCHEMAS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def files_api(server: Server) -> AsyncIterator[Api]:
    async with reachable_api(server) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def served(files_api: Api) -> Api:
    return await with_one_clinic(files_api)


@pytest.mark.parametrize("schema", TOOL_SCHEMAS, ids=lambda schema: schema.name)
async def test_whatever_the_arguments_there_is_a_sentence(served: Api, schema: Any) -> None:
    """Over the schema and beyond it: no bug, and nothing that isn't an answer."""

    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(arguments=arguments_of(schema.parameters))
    def collect(arguments: Json) -> None:
        wished.append(arguments)

    wished: list[Json] = []
    collect()
    for number, arguments in enumerate(wished):
        headers = {"X-Caller": f"+44770090{number % 10_000:04}"}
        reply = await post(served, calling(schema.name, arguments), headers)
        assert reply.status_code == 200, (arguments, reply.text)
        result = reply.json()["result"]
        assert result["isError"] is False, (arguments, result)
        assert said(CallToolResult.model_validate(result))["message"], arguments


async def test_characters_that_no_json_carries_come_back_as_others(served: Api) -> None:
    body = json.dumps(calling("bookClinicAppointment", {"name": "x"})).replace('"x"', r'"\ud800"')
    reply = await post(served, body)
    assert reply.status_code < 500
    reply = await post(served, calling("takeMessage", {"message": "a\u2028b\x00"}))
    assert reply.status_code == 200


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '{"a":1}', "[" * 100_000, "\x00", "1e999", '"x"']
)
async def test_what_is_no_message_is_refused(served: Api, body: str, version: str) -> None:
    reply = await post(served, body, {"MCP-Protocol-Version": version})
    assert 400 <= reply.status_code < 500


async def test_a_call_out_of_shape_is_the_protocols_error(served: Api) -> None:
    for body in (calling("getClinicInfo", ["hours"]), message("tools/call"), message("no/such")):
        reply = await post(served, body)
        assert reply.status_code < 500
        assert reply.json()["error"]["code"] in (-32602, -32601)


async def test_there_is_nothing_to_get_or_delete(served: Api) -> None:
    headers = {**JSON_HEADERS, **served.clinic.bearer}
    for method in ("GET", "DELETE", "PUT"):
        reply = await served.http.request(method, URL, headers=headers)
        assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


async def test_a_request_is_read_up_to_the_limit(served: Api) -> None:
    long = calling("takeMessage", {"message": "x" * (2 * 1024 * 1024)})
    reply = await post(served, long)
    assert reply.status_code == 413
    assert reply.json()["code"] == "INVALID_ARGUMENTS"
