"""What another tenant tries with the functions of privacy and metrics. No test in here."""

import json

from tests.database import claim
from tests.sql.wall import Scene
from tests.sql.wall_attempts import Attempt, counts_nothing, forbids, lists_nothing

LEAD = "SELECT id FROM leads WHERE org_id = $1 LIMIT 1"
ERASURE = "SELECT id FROM erasures WHERE org_id = $1 LIMIT 1"


async def hears_of_no_old_records(scene: Scene) -> None:
    await (await scene.database.owner()).execute(
        "UPDATE calls SET started_at = now() - interval '2 years'; "
        "UPDATE leads SET created_at = '2020-01-01', updated_at = '2020-01-01'; "
        "UPDATE organizations SET person_retention_days = 30"
    )
    await (await scene.database.owner()).execute(
        "DELETE FROM waitlist_offers; DELETE FROM waitlist; DELETE FROM texts; "
        "UPDATE appointments SET contact_id = NULL"
    )
    for whose in ("old_records", "idle_people"):
        query = f"SELECT organizations_with_{whose}(100)"
        await claim(scene.api, json.dumps({"org_id": str(scene.other_org_id)}))
        assert await scene.api.fetchval(query) == "[]"
        await claim(scene.api, "")
        assert len(json.loads(await scene.api.fetchval(query))) == 2


async def audits_nothing(scene: Scene) -> None:
    answer = await scene.database.call(scene.api, "list_audit", scene.org_id)
    assert answer["error"] == "FORBIDDEN_ORGANIZATION"
    own = await scene.database.call(scene.api, "list_audit", scene.other_org_id)
    assert {item["actor"] for item in own["items"]} == {"a"}
    assert len(own["items"]) == 1


PRIVACY_ATTEMPTS: dict[str, list[Attempt]] = {
    "clinic_metrics": [forbids("clinic_metrics", days=7)],
    "erase_person": [forbids("erase_person", lead_id=LEAD, actor="mine", cancel_appointments=True)],
    "erasure_outlook": [forbids("erasure_outlook", lead_id=LEAD)],
    "export_person": [forbids("export_person", lead_id=LEAD)],
    "list_audit": [audits_nothing],
    "list_erasures": [
        forbids("list_erasures", erasure_id=ERASURE),
        lists_nothing("list_erasures"),
    ],
    "organizations_with_idle_people": [hears_of_no_old_records],
    "organizations_with_old_records": [hears_of_no_old_records],
    "retention_outlook": [forbids("retention_outlook")],
    "sweep_idle_people": [counts_nothing("sweep_idle_people")],
    "sweep_old_records": [counts_nothing("sweep_old_records")],
}
