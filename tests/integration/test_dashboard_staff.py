"""`/settings/staff`: an owner adds, changes, removes, and hands out links."""

import re
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.integration.clinics import Api, Clinic
from tests.integration.front_desk import Desk, sign_in
from tests.integration.staff_accounts import EMAIL, Browser, assert_safe, make_account

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDED = {"email": EMAIL, "name": "Ada <b>", "role": "staff"}


def link_of(page: httpx2.Response) -> str:
    found = re.search(r'id="link" readonly value="http://clinic\.test(/[^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


async def member_of(voice: Api, email: str = EMAIL) -> UUID:
    found: UUID = await voice.value("SELECT id FROM staff_accounts WHERE email = $1", email)
    return found


async def actions(voice: Api) -> list[str]:
    return [row["action"] for row in await voice.rows("SELECT action FROM audit_log ORDER BY id")]


async def test_somebody_is_added_and_signs_in(voice: Api) -> None:
    desk = await sign_in(voice)
    page = await desk.post("/settings/staff", ADDED)
    assert page.status_code == 200
    assert "Ada &lt;b&gt;" in page.text
    link = link_of(page)
    assert link.startswith("/sign-in/")
    assert link not in (await desk.get("/settings/staff")).text, "shown once"
    assert_safe(page)
    browser = Browser(voice.http)
    assert (await browser.post(link)).status_code == 303
    assert (await browser.get("/")).headers["location"].endswith("/calendar")
    assert await actions(voice) == ["member_added"]
    (row,) = await voice.rows("SELECT * FROM audit_log")
    assert (row["staff_id"], row["subject_id"]) == (desk.staff_id, str(await member_of(voice)))


async def test_for_scripts(voice: Api) -> None:
    desk = await sign_in(voice)
    answer = await desk.post("/settings/staff", ADDED, json=True)
    assert answer.json()["address"].startswith("http://clinic.test/sign-in/")
    again = await desk.post("/settings/staff", ADDED, json=True)
    assert (again.status_code, again.json()["code"]) == (422, "INVALID_ARGUMENTS")


@pytest.mark.parametrize("role", ["staff", "read_only"])
async def test_it_is_the_owners(voice: Api, role: str) -> None:
    desk = await sign_in(voice, role)
    assert (await desk.get("/settings/staff")).status_code == 403
    assert (await desk.post("/settings/staff", ADDED)).status_code == 403


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "nobody"}, "e-mail address"),
        ({"email": ""}, "e-mail address"),
        ({"email": "owner@clinic.example"}, "works here already"),
        ({"role": "king"}, "not of its kind"),
        ({"name": "x" * 121}, "too long"),
    ],
)
async def test_what_is_wrong_is_said_where_it_is(
    voice: Api, fields: dict[str, str], said: str
) -> None:
    desk = await sign_in(voice, email="owner@clinic.example")
    page = await desk.post("/settings/staff", ADDED | fields)
    assert page.status_code == 422
    assert said in page.text
    assert ('id="email-error"' in page.text) == ("email" in fields)
    assert await actions(voice) == []


async def test_a_role_is_changed(voice: Api) -> None:
    desk = await sign_in(voice)
    other = await sign_in(voice, "staff", email=EMAIL)
    path = f"/settings/staff/{other.staff_id}/role"
    done = await desk.post(path, {"role": "owner"})
    assert done.headers["location"].endswith("/settings/staff?done=role")
    assert "The role is changed." in (await desk.get("/settings/staff", done="role")).text
    assert (await other.get("/settings/staff")).status_code == 200
    own = await desk.post(f"/settings/staff/{desk.staff_id}/role", {"role": "staff"})
    assert own.headers["location"] == "/"
    assert (await desk.get("/settings/staff")).status_code == 403


async def test_the_last_owner_stays(voice: Api) -> None:
    desk = await sign_in(voice)
    for path, fields in (("role", {"role": "staff"}), ("remove", {})):
        page = await desk.post(f"/settings/staff/{desk.staff_id}/{path}", fields)
        assert page.status_code == 409
        assert "The last owner stays one." in page.text
    assert (await desk.get("/settings/staff")).status_code == 200


async def test_somebody_is_removed(voice: Api) -> None:
    desk = await sign_in(voice)
    other = await sign_in(voice, "staff", email=EMAIL)
    done = await desk.post(f"/settings/staff/{other.staff_id}/remove")
    assert done.status_code == 303
    assert (await other.get("/calendar")).status_code == 303
    assert EMAIL not in (await desk.get("/settings/staff")).text
    assert await actions(voice) == ["member_removed"]


async def test_a_new_link_replaces_the_last(voice: Api) -> None:
    desk = await sign_in(voice)
    first = link_of(await desk.post("/settings/staff", ADDED))
    page = await desk.post(f"/settings/staff/{await member_of(voice)}/link")
    assert (await Browser(voice.http).get(first)).status_code == 404
    assert (await Browser(voice.http).get(link_of(page))).status_code == 200


async def test_somebody_is_signed_out_everywhere(voice: Api) -> None:
    desk = await sign_in(voice)
    other = await sign_in(voice, "staff", email=EMAIL)
    assert (await desk.post(f"/settings/staff/{other.staff_id}/sign-out")).status_code == 303
    assert (await other.get("/calendar")).status_code == 303
    assert (await desk.get("/calendar")).status_code == 200


async def shared(voice: Api, other: Clinic) -> Desk:
    """The owner of the API's clinic, which invites somebody who works at the other."""
    await make_account(voice, clinics=(other,))
    await voice.value("UPDATE staff_accounts SET name = 'Ada of Quay'")
    return await sign_in(voice)


async def test_who_works_elsewhere_is_invited_and_nothing_is_told(voice: Api) -> None:
    other = await voice.open_clinic(name="Quay Clinic")
    desk = await shared(voice, other)
    page = await desk.post("/settings/staff", ADDED | {"name": "Ours"})
    link = link_of(page)
    assert link.startswith("/join/")
    assert "sign in as usual" in page.text
    for told in ("Quay", "Ada of Quay", str(other.id)):
        assert told not in page.text
    browser = Browser(voice.http)
    await browser.sign_in()
    fields = {"password": "four dark harbour lights", "new_password": "five pale harbour lights"}
    assert (await browser.post(link, fields)).status_code == 303
    page = await desk.get("/settings/staff")
    assert "works elsewhere too" in page.text
    assert "Quay Clinic" not in page.text
    member = await member_of(voice)
    for path in ("link", "sign-out"):
        refused = await desk.post(f"/settings/staff/{member}/{path}")
        assert refused.status_code == 403
        assert "sign in as usual" in refused.text
        assert "/sign-in/" not in refused.text
    assert (await browser.get(f"/clinic/{other.id}/calendar")).status_code == 200


@pytest.mark.parametrize("path", ["role", "remove", "link", "sign-out"])
async def test_another_clinics_member_is_nobody(voice: Api, path: str) -> None:
    other = await voice.open_clinic(name="Quay Clinic")
    desk = await shared(voice, other)
    for member in (await member_of(voice), uuid4()):
        answer = await desk.post(f"/settings/staff/{member}/{path}", {"role": "staff"})
        assert answer.status_code == 404
    assert await actions(voice) == []
