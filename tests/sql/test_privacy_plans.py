"""What belongs to a person is read by index alone: it's read under a clinic's locks."""

import json
from uuid import UUID

import asyncpg
import pytest

from tests.database import Database
from tests.sql.test_leads_plans import MANY, rows_read, scans
from tests.sql.test_plans import EXPLAIN_EVERYTHING, plans_of

# Of each of the 2,000: bookings that lost their lead, a number to be reached at, messages three
# ways, and what the platform reported, of some without a record of the call.
MORE = """
UPDATE appointments SET metadata = jsonb_build_object('patient', jsonb_build_object(
  'name', leads.name, 'phone', leads.phone, 'contact_phone', replace(leads.phone, '+44', '+45')))
FROM leads WHERE leads.org_id = $1 AND appointments.org_id = $1 AND contact_id = leads.id;
UPDATE appointments SET contact_id = NULL
WHERE org_id = $1 AND id IN (SELECT id FROM appointments WHERE org_id = $1 ORDER BY id LIMIT 4000);
INSERT INTO messages (org_id, callback_phone, body)
SELECT $1, phone, 'Hi' FROM leads WHERE org_id = $1;
INSERT INTO messages (org_id, call_id, body)
SELECT $1, 'call-' || id, 'Hi' FROM leads WHERE org_id = $1;
INSERT INTO voice_messages (org_id, call_id, type, payload)
SELECT $1, call_id, 'end-of-call-report', jsonb_build_object('number', caller_phone) FROM calls
WHERE org_id = $1;
INSERT INTO voice_messages (org_id, call_id, type, payload, unrecorded)
SELECT $1, 'older-' || n, 'end-of-call-report', '{}', true FROM generate_series(1, 20) AS n
"""


@pytest.fixture(params=["analyzed", "never analyzed"])
async def busy(database: Database, request: pytest.FixtureRequest) -> tuple[UUID, UUID]:
    """A clinic, and one of its people."""
    org_id = await database.organization()
    owner = await database.owner()
    for statement in (MANY + ";\n" + MORE).split(";\n"):
        await owner.execute(statement, org_id)
    if request.param == "analyzed":
        await owner.execute("ANALYZE")
    found = await owner.fetchval(
        "SELECT leads.id FROM leads JOIN appointments ON contact_id = leads.id "
        "GROUP BY leads.id HAVING count(*) BETWEEN 2 AND 4 LIMIT 1"
    )
    assert isinstance(found, UUID)
    return org_id, found


async def test_what_belongs_to_a_person_is_read_by_index(
    database: Database, busy: tuple[UUID, UUID]
) -> None:
    org_id, lead_id = busy
    superuser: asyncpg.Connection = await database.connect_superuser()
    query = "SELECT erasure_outlook($1, $2)"
    counts = json.loads(await superuser.fetchval(query, org_id, lead_id))["counts"]
    assert counts == {
        "appointments": 5, "calls": 1, "texts": 6, "messages": 3, "notes": 1, "waitlist": 1,
    }  # fmt: skip
    await superuser.execute(EXPLAIN_EVERYTHING)
    await superuser.execute("SET auto_explain.log_analyze = on")

    read = scans(await plans_of(superuser, query, org_id, lead_id))

    tables = {node.get("Relation Name") for node in read}
    assert {"appointments", "calls", "texts", "messages", "voice_messages", "events"} <= tables
    assert not [node for node in read if node["Node Type"] == "Seq Scan"]
    most = max(read, key=rows_read)
    assert rows_read(most) <= 60, (
        most.get("Relation Name"),
        most.get("Index Name"),
        json.dumps(most),
    )
