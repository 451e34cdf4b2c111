"""`/v1/leads/{id}/export` and DELETE: a person's data out, or gone, by an admin's key."""

from uuid import UUID

import pytest

from tests.integration.clinics import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_person_out_and_gone(voice: Api) -> None:
    booked = await voice.book(caller="+447700900123", call_id="call-1")
    path = f"/v1/leads/{booked['contactId']}"
    admin = (await voice.new_key(voice.clinic, "admin")).bearer

    exported = await voice.http.get(f"{path}/export", headers=admin)
    assert exported.status_code == 200
    assert exported.json()["schema"] == "voxanne.person-export"
    assert exported.json()["people"][0]["name"] == "Maya Okafor"
    refused = await voice.http.delete(path, headers=admin)
    assert refused.status_code == 409
    assert (refused.json()["code"], refused.json()["upcoming"]) == ("NEEDS_CONFIRMATION", 1)
    erased = await voice.http.delete(f"{path}?cancel_appointments=true", headers=admin)
    assert erased.status_code == 200
    assert UUID(erased.json()["erasure_id"])
    assert erased.json()["outside"]["voice_platform"]["ids"] == ["call-1"]
    assert (await voice.http.get(path, headers=admin)).status_code == 404
    assert (await voice.http.delete(path, headers=admin)).status_code == 404

    rows = await voice.rows("SELECT action, actor, staff_id FROM audit_log ORDER BY id")
    assert [row["action"] for row in rows] == ["person_exported", "person_erased"]
    assert all(row["actor"].startswith("REST ") and row["staff_id"] is None for row in rows)


@pytest.mark.parametrize("scope", ["staff", "agent", "read_only"])
async def test_only_an_admin_may(voice: Api, scope: str) -> None:
    booked = await voice.book(caller="+447700900123", call_id="call-1")
    path = f"/v1/leads/{booked['contactId']}"
    key = (await voice.new_key(voice.clinic, scope)).bearer
    assert (await voice.http.get(f"{path}/export", headers=key)).status_code == 403
    assert (await voice.http.delete(path, headers=key)).status_code == 403
    assert await voice.value("SELECT count(*) FROM audit_log") == 0
