"""Export, erasure, receipts, retention and the audit log, as an owner uses them in a browser."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.integration.clinics import NOW, Api
from tests.integration.front_desk import Desk, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROW = '<tr><th scope="row">'
NAME = "Maya <b>Okafor</b> 'X"


async def person(api: Api) -> UUID:
    booked = await api.book(caller="+447700900123", call_id="call-1")
    assert booked["success"], booked
    return UUID(booked["contactId"])


async def test_an_export_is_a_file_and_audited(voice: Api) -> None:
    desk, lead = await sign_in(voice), await person(voice)
    answer = await desk.post(f"/leads/{lead}/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == f'attachment; filename="person-{lead}.json"'
    document = answer.json()
    assert (document["schema"], document["schema_version"]) == ("voxanne.person-export", 1)
    assert document["people"][0]["name"] == "Maya Okafor"
    assert [call["call_id"] for call in document["calls"]] == ["call-1"]
    assert not {"success", "next_call"} & document.keys()
    (row,) = await voice.rows("SELECT * FROM audit_log")
    assert (row["action"], row["subject_kind"], row["subject_id"]) == (
        "person_exported",
        "lead",
        str(lead),
    )
    assert (row["staff_id"], row["actor"]) == (desk.staff_id, await email(voice, desk))


async def email(api: Api, desk: Desk) -> str:
    said: str = await api.value("SELECT email FROM staff_accounts WHERE id = $1", desk.staff_id)
    return said


async def test_many_calls_are_all_in_it(voice: Api) -> None:
    desk, lead = await sign_in(voice), await person(voice)
    owner = await voice.database.owner()
    await owner.executemany(
        "INSERT INTO calls (org_id, call_id, lead_id, started_at) VALUES ($1, $2, $3, $4)",
        [(voice.clinic.id, f"many-{n:03}", lead, NOW) for n in range(50)],
    )
    document = (await desk.post(f"/leads/{lead}/export")).json()
    assert len(document["calls"]) == 51
    assert len(await voice.rows("SELECT * FROM audit_log")) == 1


@pytest.mark.parametrize("role", ["staff", "read_only"])
async def test_only_an_owner_may(voice: Api, role: str) -> None:
    desk, lead = await sign_in(voice, role), await person(voice)
    assert (await desk.post(f"/leads/{lead}/export")).status_code == 403
    for path in (
        f"/leads/{lead}/erase",
        "/erasures",
        f"/erasures/{uuid4()}",
        "/audit",
        "/settings/retention",
    ):
        assert (await desk.get(path)).status_code == 403, path
    assert (await desk.post(f"/leads/{lead}/erase", {"name": "Maya Okafor"})).status_code == 403
    assert (await desk.post("/settings/retention", {"version": 1})).status_code == 403
    assert await voice.value("SELECT count(*) FROM leads") == 1


async def test_another_clinics_people_arent_there(voice: Api) -> None:
    other = await voice.open_clinic(name="Elsewhere")
    desk, lead = await sign_in(voice, clinic=other), await person(voice)
    assert (await desk.post(f"/leads/{lead}/export")).status_code == 404
    for path in (f"/leads/{lead}/erase", f"/erasures/{uuid4()}"):
        assert (await desk.get(path)).status_code == 404
    assert (await desk.post(f"/leads/{lead}/erase", {"name": "Maya Okafor"})).status_code == 404
    assert await voice.value("SELECT count(*) FROM leads") == 1


async def test_an_erasure_needs_the_name_and_word_about_what_is_to_come(voice: Api) -> None:
    desk, lead = await sign_in(voice), await person(voice)
    path = f"/leads/{lead}/erase"
    page = await desk.get(path)
    assert page.status_code == 200
    assert "Maya Okafor" in page.text
    assert "Thu 26 Nov" in page.text
    viewed = "SELECT count(*) FROM audit_log WHERE action = 'lead_viewed'"
    assert await voice.value(viewed) == 1

    wrong = await desk.post(path, {"name": "Somebody", "cancel": "yes"})
    assert wrong.status_code == 422
    assert "Write the name as it stands" in wrong.text
    unasked = await desk.post(path, {"name": "maya  OKAFOR"})
    assert unasked.status_code == 422
    assert "must be cancelled first" in unasked.text
    assert await voice.value("SELECT count(*) FROM leads") == 1

    done = await desk.post(path, {"name": "maya  OKAFOR", "cancel": "yes"})
    assert done.status_code == 303
    assert await voice.value("SELECT count(*) FROM leads") == 0
    receipt = await voice.http.get(done.headers["location"], headers=desk.cookies)
    assert receipt.status_code == 200
    assert "The person is erased" in receipt.text
    assert "recording and transcript" in receipt.text
    assert "Backups" in receipt.text
    assert "Maya" not in receipt.text
    assert "Maya" not in (await desk.get("/erasures")).text
    audited = await voice.rows("SELECT * FROM audit_log WHERE action = 'person_erased'")
    assert [row["subject_id"] for row in audited] == [str(lead)]
    assert (await desk.post(path, {"name": "maya okafor", "cancel": "yes"})).status_code == 404


async def test_a_script_erases_too(voice: Api) -> None:
    desk, lead = await sign_in(voice), await person(voice)
    answer = await desk.post(
        f"/leads/{lead}/erase", {"name": "Maya Okafor", "cancel": "yes"}, json=True
    )
    erasure = UUID(answer.json()["erasure_id"])
    assert await voice.value("SELECT id FROM erasures") == erasure


async def test_markup_in_a_name_is_text(voice: Api) -> None:
    desk, lead = await sign_in(voice), await person(voice)
    await (await voice.database.owner()).execute("UPDATE leads SET name = $1", NAME)
    page = await desk.get(f"/leads/{lead}/erase")
    assert "<b>Okafor" not in page.text
    assert "&lt;b&gt;Okafor" in page.text


async def test_the_audit_log_is_filtered_and_paged(voice: Api) -> None:
    desk = await sign_in(voice)
    owner = await voice.database.owner()
    await owner.executemany(
        "INSERT INTO audit_log (org_id, actor, action, subject_kind, subject_id, created_at) "
        "VALUES ($1, $2, $3, 'lead', $4, $5)",
        [
            (
                voice.clinic.id,
                "amy@clinic.example" if n % 2 else "command line",
                "lead_viewed" if n % 3 else "note_added",
                f"id-{n:03}",
                NOW - timedelta(days=n // 30),
            )
            for n in range(120)
        ],
    )
    first = await desk.get("/audit")
    assert first.text.count(ROW) == 50
    assert "amy@clinic.example" in first.text
    older = await desk.get("/audit", before=first.text.split("before=")[1].split('"')[0])
    assert older.text.count(ROW) == 50
    one = await desk.get("/audit", actor="command line", action="note_added", subject="id-000")
    assert one.text.count(ROW) == 1
    day = await desk.get("/audit", day="2026-11-01", kind="lead")
    assert day.text.count(ROW) == 30
    assert "Nothing of that kind" in (await desk.get("/audit", day="2020-01-01")).text
    wrong = await desk.get("/audit", day="2026-02-30", before="x" * 30)
    assert "no such day" in wrong.text
    assert (await desk.get("/audit", before="9" * 30, day="9999-12-31")).status_code == 200


async def test_receipts_are_paged(voice: Api) -> None:
    desk = await sign_in(voice)
    counts = json.dumps({"appointments": 1, "calls": 2, "texts": 3})
    await (await voice.database.owner()).executemany(
        "INSERT INTO erasures (org_id, lead_id, actor, counts, created_at) "
        "VALUES ($1, $2, 'retention', $3, $4)",
        [(voice.clinic.id, uuid4(), counts, NOW - timedelta(hours=n)) for n in range(60)],
    )
    first = await desk.get("/erasures")
    assert first.text.count(ROW) == 50
    link = first.text.split('href="?')[1].split('"')[0]
    rest = await voice.http.get(desk.url(f"/erasures?{link}"), headers=desk.cookies)
    assert rest.text.count(ROW) == 10
    assert (await desk.get("/erasures", after="nonsense")).status_code == 404


async def test_retention_is_set_as_days(voice: Api) -> None:
    desk = await sign_in(voice)
    page = await desk.get("/settings/retention")
    assert page.status_code == 200
    assert 'value="365"' in page.text
    version = await voice.value("SELECT version FROM organizations WHERE id = $1", voice.clinic.id)
    fields = {
        "version": version,
        "call_retention_days": "90",
        "text_retention_days": "180",
        "person_retention_days": "",
    }
    wrong = await desk.post("/settings/retention", {**fields, "call_retention_days": "never"})
    assert wrong.status_code == 422
    assert "1 to 3660 days" in wrong.text
    saved = await desk.post("/settings/retention", {**fields, "person_retention_days": "3650"})
    assert saved.status_code == 303
    (row,) = await voice.rows(
        "SELECT call_retention_days, text_retention_days, person_retention_days "
        "FROM organizations WHERE id = $1",
        voice.clinic.id,
    )
    assert list(row.values()) == [90, 180, 3650]
    stale = await desk.post("/settings/retention", fields)
    assert stale.status_code == 409
    fields["version"] = version + 1
    assert (await desk.post("/settings/retention", fields)).status_code == 303
    kept = "SELECT person_retention_days FROM organizations WHERE id = $1"
    assert await voice.value(kept, voice.clinic.id) is None
    log = await voice.rows("SELECT action FROM audit_log")
    assert {row["action"] for row in log} == {"clinic_configured"}


async def test_every_page_still_opens_when_somebody_is_erased(voice: Api) -> None:
    """The appointment and the call are without anybody now."""
    desk, lead = await sign_in(voice), await person(voice)
    owner = await voice.database.owner()
    await owner.execute(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, started_at, transcript) "
        "VALUES ($1, 'call-1', $2, '+447700900123', $3, 'Maya speaks')",
        voice.clinic.id,
        lead,
        NOW,
    )
    booked = await voice.value("SELECT id FROM appointments")
    await owner.execute(
        "UPDATE appointments SET scheduled_at = $1, ends_at = $2, blocked_from = NULL, "
        "blocked_until = NULL",
        NOW - timedelta(hours=1),
        NOW,
    )
    erased = await desk.post(f"/leads/{lead}/erase", {"name": "Maya Okafor"}, json=True)
    assert erased.status_code == 200
    for path in (
        f"/appointments/{booked}",
        "/calendar?day=2026-11-02",
        "/calendar?day=2026-11-02&view=week",
        "/calls",
        "/calls/call-1",
        "/leads",
        "/delivery",
        "/metrics",
        "/audit",
    ):
        page = await voice.http.get(desk.url(path), headers=desk.cookies)
        assert page.status_code == 200, path
        assert "Maya" not in page.text, path
        assert "00900123" not in page.text.replace(" ", ""), path
    assert (await desk.get(f"/leads/{lead}")).status_code == 404
