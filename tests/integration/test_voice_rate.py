"""How many tool calls one caller may make: by number, or by call where the number is withheld."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.database import Server
from tests.integration.clinics import Api, running_api
from tests.integration.tool_calls import use

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOL = "getClinicInfo"
CALLS_MAX = 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def files_api(server: Server) -> AsyncIterator[Api]:
    async with (
        server.database() as database,
        running_api(database, calls_per_caller_per_minute=CALLS_MAX) as api,
    ):
        yield api


async def outcomes(api: Api, number: int, **call: object) -> list[str | None]:
    answers = [await use(api, TOOL, **call) for _ in range(number)]  # type: ignore[arg-type]
    return [answer.get("error") for answer in answers]


async def test_a_caller_over_the_limit_is_refused(voice: Api) -> None:
    assert await outcomes(voice, CALLS_MAX) == [None] * CALLS_MAX
    refused = await use(voice, TOOL, call_id="another-call")
    assert (refused["success"], refused["error"]) == (False, "RATE_LIMITED")
    assert refused["message"].strip()


async def test_a_number_is_one_however_it_is_written(voice: Api) -> None:
    written = ("+447700900123", "07700 900123", "+44 7700 900123")
    for caller in written:
        assert await outcomes(voice, 1, caller=caller) == [None]
    assert await outcomes(voice, 1, caller=written[0]) == ["RATE_LIMITED"]


async def test_other_callers_and_other_clinics_are_counted_apart(voice: Api) -> None:
    other = await voice.open_clinic()
    assert await outcomes(voice, CALLS_MAX) == [None] * CALLS_MAX
    assert await outcomes(voice, 1, caller="+447700900999") == [None]
    assert await outcomes(voice, 1, headers=other.bearer) == [None]
    assert await outcomes(voice, 1) == ["RATE_LIMITED"]


async def test_withheld_numbers_are_counted_by_call(voice: Api) -> None:
    assert await outcomes(voice, CALLS_MAX + 1, caller=None) == [None] * CALLS_MAX + [
        "RATE_LIMITED"
    ]
    assert await outcomes(voice, 1, caller="anonymous", call_id="another-call") == [None]


async def test_a_refusal_books_nothing(voice: Api) -> None:
    await outcomes(voice, CALLS_MAX)
    assert (await voice.book())["error"] == "RATE_LIMITED"
    assert (await voice.counts())["appointments"] == 0
