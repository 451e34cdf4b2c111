"""What another tenant tries with the leads' functions. No test in here."""

from uuid import uuid4

from tests.sql.wall_attempts import Attempt, forbids, lists_nothing

LEAD = "SELECT id FROM leads WHERE org_id = $1 ORDER BY id LIMIT 1"
OTHER = "SELECT id FROM leads WHERE org_id = $1 ORDER BY id DESC LIMIT 1"
NOTE = "SELECT id FROM notes WHERE org_id = $1 LIMIT 1"
CHANGE = "SELECT id FROM lead_changes WHERE org_id = $1 LIMIT 1"
STAFF = {"staff_id": uuid4()}

LEAD_ATTEMPTS: dict[str, list[Attempt]] = {
    "add_note": [forbids("add_note", lead_id=LEAD, body="Mine", author="Mallory", **STAFF)],
    "delete_note": [forbids("delete_note", lead_id=LEAD, note_id=NOTE, **STAFF)],
    "lead_timeline": [forbids("lead_timeline", lead_id=LEAD)],
    "lead_view": [forbids("lead_view", lead_id=LEAD)],
    "merge_leads": [forbids("merge_leads", lead_id=LEAD, other_id=OTHER, **STAFF)],
    "search_leads": [lists_nothing("search_leads", after_id=LEAD)],
    "split_lead": [forbids("split_lead", lead_id=LEAD, name="Amy", appointments=[], **STAFF)],
    "undo_lead_change": [forbids("undo_lead_change", change_id=CHANGE, **STAFF)],
}
