"""What another tenant tries with the functions of staff and their accounts. No test in here."""

import json

from tests.database import claim
from tests.sql.wall import ACCOUNT_TABLES, Scene
from tests.sql.wall_attempts import Attempt, forbids, rows_of

MEMBER = "SELECT staff_id FROM memberships WHERE org_id = $1 LIMIT 1"


async def account_rows(scene: Scene) -> list[str]:
    superuser = await scene.database.connect_superuser()
    return [
        str(row[0])
        for table in sorted(ACCOUNT_TABLES)
        for row in await superuser.fetch(f"SELECT {table}::text FROM {table} ORDER BY 1")
    ]


def needs_no_claim(query: str, nothing: object) -> Attempt:
    """A tenant's session gets nothing and changes nothing, with every secret in hand; the API's own
    gets what it is for. `$1`: the victim's account, `$2`: the hash of each of their secrets, `$3`:
    their session's id.
    """

    async def attempt(scene: Scene) -> None:
        superuser = await scene.database.connect_superuser()
        row = await superuser.fetchrow(
            "SELECT staff_id, token_hash, id FROM sessions JOIN memberships USING (staff_id) "
            "WHERE org_id = $1",
            scene.org_id,
        )
        assert row is not None
        used = [value for number, value in enumerate(row, 1) if f"${number}" in query]
        numbered = query
        for place, number in enumerate([n for n in (1, 2, 3) if f"${n}" in query], 1):
            numbered = numbered.replace(f"${number}", f"${place}")
        before = [await account_rows(scene), await rows_of(scene)]
        for org_id in (scene.other_org_id, scene.org_id):
            await claim(scene.api, json.dumps({"org_id": str(org_id)}))
            assert await scene.api.fetchval(numbered, *used) == nothing
        assert [await account_rows(scene), await rows_of(scene)] == before
        await claim(scene.api, "")
        assert await scene.api.fetchval(numbered, *used) != nothing

    attempt.__name__ = query.partition("(")[0].removeprefix("SELECT ") + "_needs_no_claim"
    return attempt


def invited(attempt: Attempt) -> Attempt:
    """The same, of somebody whom the victim invites."""

    async def tried(scene: Scene) -> None:
        await (await scene.database.owner()).execute(
            "UPDATE memberships SET invitation_hash = token_hash FROM sessions "
            "WHERE memberships.org_id = $1 AND sessions.staff_id = memberships.staff_id",
            scene.org_id,
        )
        await attempt(scene)

    tried.__name__ = attempt.__name__
    return tried


async def audits_nothing(scene: Scene) -> None:
    before = await rows_of(scene)
    done = "SELECT audited($1, NULL, 'm', 'read', 'lead', '1', '{}')"
    answer = json.loads(await scene.api.fetchval(done, scene.org_id))
    assert answer["error"] == "FORBIDDEN_ORGANIZATION"
    noted = "SELECT note_viewing($1, NULL, 'm', 'lead', '1')"
    assert await scene.api.fetchval(noted, scene.org_id) is False
    assert await rows_of(scene) == before


async def lists_no_members(scene: Scene) -> None:
    answer = await scene.database.call(scene.api, "list_members", scene.org_id)
    assert answer["error"] == "FORBIDDEN_ORGANIZATION"
    own = await scene.database.call(scene.api, "list_members", scene.other_org_id)
    assert [one["email"] for one in own["items"]] == ["elsewhere@clinic.example"]


STAFF_ATTEMPTS: dict[str, list[Attempt]] = {
    "accept_invitation": [
        needs_no_claim(
            "SELECT accept_invitation($1, $3, $2, NULL, 'h')::jsonb ->> 'error'",
            "FORBIDDEN_ORGANIZATION",
        )
    ],
    "add_member": [
        forbids("add_member", email="m@x.example", name="", role="owner", token_hash=b"mine")
    ],
    "audited": [audits_nothing],
    "change_member_role": [forbids("change_member_role", member_id=MEMBER, role="staff")],
    "change_password": [needs_no_claim("SELECT change_password($1, $3, 'h', 'mine')", False)],
    "end_member_sessions": [forbids("end_member_sessions", member_id=MEMBER)],
    "end_sessions": [needs_no_claim("SELECT end_sessions($1)", 0)],
    "find_invitation": [invited(needs_no_claim("SELECT find_invitation($1, $2)", None))],
    "find_sign_in_link": [needs_no_claim("SELECT find_sign_in_link($2)", None)],
    "find_staff_account": [
        needs_no_claim("SELECT find_staff_account('here@clinic.example')", None)
    ],
    "list_members": [lists_no_members],
    "list_sessions": [needs_no_claim("SELECT list_sessions($1)", "[]")],
    "note_sign_in_attempt": [needs_no_claim("SELECT note_sign_in_attempt($2, 'x')", None)],
    "note_viewing": [audits_nothing],
    "open_session": [needs_no_claim("SELECT open_session($1, 'h', $2, 'new', '')", False)],
    "open_visit": [needs_no_claim("SELECT open_visit($2)", None)],
    "rehash_password": [needs_no_claim("SELECT rehash_password($1, 'h', 'mine')", False)],
    "remove_member": [forbids("remove_member", member_id=MEMBER)],
    "renew_member_link": [forbids("renew_member_link", member_id=MEMBER, token_hash=b"mine")],
    "save_staff_name": [needs_no_claim("SELECT save_staff_name($1, 'Mine')", False)],
    "sweep_sign_ins": [needs_no_claim("SELECT sweep_sign_ins()", 0)],
    "take_sign_in_link": [needs_no_claim("SELECT take_sign_in_link($2, 'new', '')", False)],
}
