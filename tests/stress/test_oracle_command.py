"""`voxanne stress --oracle`: each rule with what it looked at, and 1 when anything is wrong."""

import json

from tests.acceptance.test_validate import Voxanne, voxanne
from tests.database import Database

__all__ = ["voxanne"]


async def test_the_deployments_database_is_judged(database: Database, voxanne: Voxanne) -> None:
    org_id = await database.organization()
    booked = await database.book(await database.connect_api(), org_id)
    assert booked["success"], booked
    code, out, err = await voxanne("stress", "--oracle")
    assert code == 0, out + err
    assert "✓ event_beginning" in out
    assert out.splitlines()[-1].startswith("0 anomalies by ")

    owner = await database.owner()
    await owner.execute("DELETE FROM events WHERE kind = 'booked'")
    code, out, err = await voxanne("stress", "--oracle", "--json")
    assert code == 1, out + err
    told = json.loads(out)
    wrong = [rule for rule in told["rules"] if rule["anomalies"]]
    assert told["anomalies"] == 1
    assert [(rule["rule"], rule["looked_at"]) for rule in wrong] == [("event_beginning", 1)]
    assert booked["appointment_id"] in wrong[0]["first"][0]["what"]
