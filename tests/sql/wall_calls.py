"""What another tenant tries with the functions of calls. No test in here."""

import json
from datetime import UTC, datetime

from tests.database import claim
from tests.sql.wall import Scene
from tests.sql.wall_attempts import Attempt, counts_nothing, forbids, lists_nothing, rows_of

MADE_AT = datetime(2020, 1, 1, tzinfo=UTC)


async def sees_no_call(scene: Scene) -> None:
    """The victim's call has an id that one's own has, too."""
    for org_id in (scene.org_id, None):
        answer = await scene.database.call(scene.api, "call_view", org_id, call_id="c")
        assert answer["error"] == "FORBIDDEN_ORGANIZATION"
        assert answer.keys() == {"success", "error", "message", "created_at"}
    await (await scene.database.owner()).execute(
        "UPDATE calls SET transcript = 'secret' WHERE org_id = $1", scene.org_id
    )
    own = await scene.database.call(scene.api, "call_view", scene.other_org_id, call_id="c")
    assert own["success"]
    assert "secret" not in json.dumps(own)


async def takes_no_call(scene: Scene) -> None:
    before = await rows_of(scene)
    for org_id in (scene.org_id, None):
        answer = await scene.database.call(scene.api, "calls_to_check", org_id)
        assert answer["error"] == "FORBIDDEN_ORGANIZATION"
    assert await rows_of(scene) == before


async def settles_no_call(scene: Scene) -> None:
    await (await scene.database.owner()).execute("UPDATE calls SET reported_at = $1", MADE_AT)
    before = await rows_of(scene)
    query = "SELECT finish_promise_check($1, 'c', $2, 'mismatch', '[]')"
    for org_id in (scene.org_id, None):
        assert await scene.api.fetchval(query, org_id, MADE_AT) is False
    assert await rows_of(scene) == before


async def hears_of_no_calls(scene: Scene) -> None:
    await (await scene.database.owner()).execute(
        "UPDATE calls SET lead_id = NULL; UPDATE leads SET created_at = current_moment()"
    )
    for whose in ("check", "link"):
        query = f"SELECT organizations_with_calls_to_{whose}(100)"
        await claim(scene.api, json.dumps({"org_id": str(scene.other_org_id)}))
        assert await scene.api.fetchval(query) == "[]"
        await claim(scene.api, "")
        assert len(json.loads(await scene.api.fetchval(query))) == 2


CALL_ATTEMPTS: dict[str, list[Attempt]] = {
    "call_view": [forbids("call_view", call_id="c"), sees_no_call],
    "calls_to_check": [takes_no_call],
    "finish_promise_check": [settles_no_call],
    "link_calls": [counts_nothing("link_calls")],
    "list_calls": [lists_nothing("list_calls")],
    "organizations_with_calls_to_check": [hears_of_no_calls],
    "organizations_with_calls_to_link": [hears_of_no_calls],
}
