"""`/v1/score-weights`, and the scores of `/v1/leads`."""

from typing import Any

import pytest
import pytest_asyncio

from tests.integration.clinics import Api
from tests.integration.v1_requests import Client, client
from voxanne.outbox.scores import score_leads

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEIGHTS: dict[str, Any] = {"hot": 60, "warm": 20, "weights": {"start": 30}, "services": {"x": -5}}


@pytest_asyncio.fixture(loop_scope="module")
async def admin(voice: Api) -> Client:
    return await client(voice, "admin")


async def test_a_lead_has_a_score_once_it_was_scored(voice: Api, admin: Client) -> None:
    path = f"leads/{(await admin.book())['lead_id']}"
    lead = await admin.get(path)
    assert (lead["score"], lead["tier"]) == (None, None)
    await voice.database.others_are_done()
    await score_leads(voice.pool)
    lead = await admin.get(path)
    assert (lead["score"], lead["tier"]) == (65, "warm")
    assert (await admin.get("leads"))["items"] == [lead]
    changed = await admin.patch(path, {"name": "Maya O."})
    assert (changed["score"], changed["tier"]) == (65, "warm")


async def test_weights_are_replaced_and_brought_back(admin: Client) -> None:
    held = await admin.get("score-weights")
    assert (held["own"], held["version"], held["weights"]["hot"]) == (False, 1, 80)
    reply = await admin.send("PUT", "score-weights", {"weights": WEIGHTS}, {"If-Match": '"1"'})
    changed = reply.json()
    assert (reply.headers["etag"], changed["own"], changed["version"]) == ('"2"', True, 2)
    assert changed["weights"]["weights"]["start"] == 30
    assert changed["weights"]["weights"]["upcoming"] == 25
    assert await admin.get("score-weights") == changed
    stale = {"weights": None, "version": 1}
    assert await admin.refused("PUT", "score-weights", stale) == (409, "STALE_VERSION")
    reset = await admin.send("PUT", "score-weights", {"weights": None, "version": 2})
    assert reset.json() == held | {"version": 3}


@pytest.mark.parametrize(
    "weights",
    [
        WEIGHTS | {"hot": 20},
        WEIGHTS | {"hot": 101},
        WEIGHTS | {"weights": {"unknown": 1}},
        WEIGHTS | {"weights": {"start": 101}},
        WEIGHTS | {"weights": {"start": "1"}},
        WEIGHTS | {"services": {"": 1}},
        WEIGHTS | {"more": 1},
        [],
        "all",
    ],
)
async def test_what_is_no_weight_is_refused(admin: Client, weights: Any) -> None:
    assert await admin.refused("PUT", "score-weights", {"weights": weights}) == (
        422,
        "INVALID_ARGUMENTS",
    )
    assert (await admin.get("score-weights"))["version"] == 1
