"""What another tenant tries with the lead scores' functions. No test in here."""

import json

from tests.database import claim
from tests.sql.wall import Scene
from tests.sql.wall_attempts import Attempt, counts_nothing, forbids

LEAD = "SELECT id FROM leads WHERE org_id = $1 LIMIT 1"
WEIGHTS = '{"hot": 9, "warm": 1, "weights": {}, "services": {}}'


async def hears_of_no_scores(scene: Scene) -> None:
    query = "SELECT organizations_with_unscored_leads(100)"
    await scene.database.others_are_done()
    assert await scene.api.fetchval(query) == "[]"
    await claim(scene.api, "")
    assert len(json.loads(await scene.api.fetchval(query))) == 2


SCORE_ATTEMPTS: dict[str, list[Attempt]] = {
    "organizations_with_unscored_leads": [hears_of_no_scores],
    "preview_scores": [forbids("preview_scores", weights=WEIGHTS)],
    "score_changed_leads": [counts_nothing("score_changed_leads")],
    "score_lead": [forbids("score_lead", lead_id=LEAD)],
    "score_weights": [forbids("score_weights")],
    "set_score_weights": [forbids("set_score_weights", weights=WEIGHTS)],
}
