"""Accounts, sessions, links, members: the rules that hold whoever asks, and under races."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.concurrency.sessions import wait_until_waiting
from tests.database import Database
from tests.sql.diary import NOW

EMAIL = "ada@clinic.example"
LINK, TOKEN = b"l" * 32, b"t" * 32


class People:
    """Two clinics, and what is done to who works there."""

    def __init__(
        self, database: Database, api: asyncpg.Connection, here: UUID, there: UUID
    ) -> None:
        self.database, self.api, self.here, self.there = database, api, here, there

    async def add(
        self, email: str = EMAIL, role: str = "owner", *, at: UUID | None = None, link: bytes = LINK
    ) -> dict[str, Any]:
        answer: dict[str, Any] = await self.database.call(
            self.api,
            "add_member",
            at or self.here,
            email=email,
            name="Ada",
            role=role,
            token_hash=link,
        )
        return answer

    async def member(self, email: str, role: str = "owner", *, at: UUID | None = None) -> UUID:
        """Who has joined, with a password."""
        added = await self.add(email, role, at=at, link=uuid4().bytes)
        assert added["success"], added
        await (await self.database.owner()).execute(
            "UPDATE staff_accounts SET password_hash = 'h' WHERE email = $1", email
        )
        await (await self.database.owner()).execute("UPDATE memberships SET invitation_hash = NULL")
        return UUID(added["member_id"])

    async def call(self, function: str, *arguments: object) -> Any:
        places = ", ".join(f"${n}" for n in range(1, len(arguments) + 1))
        answer = await self.api.fetchval(f"SELECT {function}({places})", *arguments)
        return json.loads(answer) if isinstance(answer, str) else answer

    async def count(self, table: str) -> int:
        counted: int = await (await self.database.owner()).fetchval(f"SELECT count(*) FROM {table}")
        return counted

    async def value(self, query: str, *arguments: object) -> Any:
        return await (await self.database.owner()).fetchval(query, *arguments)

    async def sessions(self, staff_id: UUID, *tokens: bytes) -> None:
        for token in tokens:
            await self.call("open_session", staff_id, "h", b"e", token, "Here")


@pytest.fixture
async def people(database: Database) -> People:
    await database.set_clock(NOW)
    here, there = await database.organization(), await database.organization(name="There")
    return People(database, await database.connect_api(), here, there)


# Members


async def test_a_new_member_gets_a_link(people: People) -> None:
    added = await people.add()
    assert (added["success"], added["link"]) == (True, "sign_in")
    assert await people.call("find_sign_in_link", LINK) == {"email": EMAIL, "has_password": False}
    listed = await people.database.call(people.api, "list_members", people.here)
    assert listed["items"] == [
        {
            "member_id": added["member_id"],
            "email": EMAIL,
            "name": "Ada",
            "role": "owner",
            "invited": False,
            "shared": False,
            "last_seen_at": None,
        }
    ]


@pytest.mark.parametrize(
    ("email", "role", "error"),
    [
        ("", "staff", "INVALID_EMAIL"),
        ("nobody", "staff", "INVALID_EMAIL"),
        ("a b@x.example", "staff", "INVALID_EMAIL"),
        ("x" * 250 + "@x.example", "staff", "INVALID_EMAIL"),
        (EMAIL, "king", "INVALID_ARGUMENTS"),
        (EMAIL, "", "INVALID_ARGUMENTS"),
    ],
)
async def test_what_is_no_member(people: People, email: str, role: str, error: str) -> None:
    assert (await people.add(email, role))["error"] == error
    assert await people.count("staff_accounts") == 0
    assert (await people.add(at=uuid4()))["error"] == "INVALID_ORGANIZATION"


async def test_nobody_is_added_twice(people: People) -> None:
    await people.add()
    again = await people.add(EMAIL.upper(), link=b"other")
    assert (again["error"], again["reason"]) == ("INVALID_ARGUMENTS", "member")
    assert await people.call("find_sign_in_link", b"other") is None


async def test_a_clinic_has_so_many_members_at_most(people: People) -> None:
    await people.value(
        "WITH made AS (INSERT INTO staff_accounts (email) "
        "  SELECT n || '@x.example' FROM generate_series(1, 200) AS n RETURNING id) "
        "INSERT INTO memberships (org_id, staff_id, role) SELECT $1, id, 'staff' FROM made",
        people.here,
    )
    assert (await people.add())["error"] == "LIMIT_REACHED"


async def test_an_account_that_works_elsewhere_is_invited(people: People) -> None:
    staff_id = await people.member(EMAIL, at=people.there)
    await people.sessions(staff_id, TOKEN)
    added = await people.add("ada@clinic.example", "staff")
    assert added["link"] == "invitation"
    assert await people.call("find_sign_in_link", LINK) is None
    listed = await people.database.call(people.api, "list_members", people.here)
    (member,) = listed["items"]
    assert (member["invited"], member["name"], member["last_seen_at"]) == (True, "", None)
    visit = await people.call("open_visit", TOKEN, people.here)
    assert visit["clinic"] is None
    assert [clinic["id"] for clinic in visit["clinics"]] == [str(people.there)]
    again = await people.call("renew_member_link", people.here, staff_id, b"newer")
    assert again["link"] == "invitation"
    assert await people.call("find_invitation", staff_id, LINK) is None
    assert (await people.call("find_invitation", staff_id, b"newer"))["role"] == "staff"


async def test_an_account_that_works_nowhere_begins_anew(people: People) -> None:
    """Whoever had it knows its password, and may still be signed in."""
    staff_id = await people.member(EMAIL, at=people.there)
    await people.sessions(staff_id, TOKEN)
    await people.value("DELETE FROM memberships")
    added = await people.add()
    assert (added["member_id"], added["link"]) == (str(staff_id), "sign_in")
    assert await people.call("open_visit", TOKEN) is None
    account = await people.call("find_staff_account", EMAIL)
    assert account["password_hash"] is None


async def test_joining_needs_the_password_and_ends_what_else_was_open(people: People) -> None:
    staff_id = await people.member(EMAIL, at=people.there)
    await people.sessions(staff_id, TOKEN, b"other")
    session = await people.value("SELECT id FROM sessions WHERE token_hash = $1", TOKEN)
    await people.call("renew_member_link", people.there, staff_id, b"link")
    await people.add()
    for old, new in (("wrong", "new"), ("h", None), ("h", "h"), (None, None), (None, "new")):
        refused = await people.call("accept_invitation", staff_id, session, LINK, old, new)
        assert refused["error"] == "NOT_FOUND"
    other = await people.member("eve@clinic.example")
    refused = await people.call("accept_invitation", other, session, LINK, "h", "new")
    assert refused["error"] == "NOT_FOUND"
    await people.value(
        "UPDATE memberships SET invitation_hash = $1 WHERE org_id = $2 AND staff_id = $3",
        LINK,
        people.here,
        staff_id,
    )

    joined = await people.call("accept_invitation", staff_id, session, LINK, "h", "new")
    assert joined == {"success": True, "org_id": str(people.here)}
    assert await people.value("SELECT array_agg(token_hash) FROM sessions") == [TOKEN]
    assert await people.call("find_sign_in_link", b"link") is None
    assert (await people.call("open_visit", TOKEN, people.here))["clinic"] is not None


async def test_a_shared_account_is_no_one_clinics(people: People) -> None:
    staff_id = await people.member(EMAIL, at=people.there)
    await people.member(EMAIL)
    await people.sessions(staff_id, TOKEN)
    for refused in (
        await people.call("renew_member_link", people.here, staff_id, b"link"),
        await people.call("end_member_sessions", people.here, staff_id),
    ):
        assert refused["error"] == "NOT_YOURS"
    assert await people.call("open_visit", TOKEN) is not None
    assert await people.call("find_sign_in_link", b"link") is None


async def test_one_clinics_account_is_its_to_look_after(people: People) -> None:
    staff_id = await people.member(EMAIL)
    await people.sessions(staff_id, TOKEN, b"other")
    assert (await people.call("renew_member_link", people.here, staff_id, b"x"))["success"]
    ended = await people.call("end_member_sessions", people.here, staff_id)
    assert ended["ended"] == 2
    assert await people.call("find_sign_in_link", b"x") is None


async def test_where_somebody_was_seen_is_told_to_that_clinic_alone(people: People) -> None:
    staff_id = await people.member(EMAIL, at=people.there)
    await people.member(EMAIL)
    await people.sessions(staff_id, TOKEN)
    await people.call("open_visit", TOKEN, people.there)
    seen = {
        org_id: (await people.database.call(people.api, "list_members", org_id))["items"][0]
        for org_id in (people.here, people.there)
    }
    assert seen[people.here]["last_seen_at"] is None
    assert seen[people.there]["last_seen_at"] is not None


async def test_the_last_owner_stays(people: People) -> None:
    owner = await people.member(EMAIL)
    await people.member("staff@clinic.example", "staff")
    elsewhere = await people.member("boss@clinic.example", at=people.there)
    await people.add("boss@clinic.example", link=b"invited")  # an invited owner is none yet
    for refused in (
        await people.call("change_member_role", people.here, owner, "staff"),
        await people.call("remove_member", people.here, owner),
    ):
        assert (refused["error"], refused["reason"]) == ("LIMIT_REACHED", "last_owner")
    assert (await people.call("change_member_role", people.here, owner, "owner"))["success"]
    await people.value("UPDATE memberships SET invitation_hash = NULL")
    assert (await people.call("remove_member", people.here, owner))["success"]
    refused = await people.call("remove_member", people.here, elsewhere)
    assert refused["error"] == "LIMIT_REACHED"


@pytest.mark.parametrize("function", ["change_member_role", "remove_member"])
async def test_two_owners_do_not_take_each_other_away(people: People, function: str) -> None:
    first, second = await people.member(EMAIL), await people.member("second@clinic.example")
    rest = ["staff"] if function == "change_member_role" else []
    one, two = await people.database.connect_api(), await people.database.connect_api()
    places = ", ".join(f"${n}" for n in range(1, 3 + len(rest)))
    query = f"SELECT {function}({places}) ->> 'error'"
    await one.execute("BEGIN")
    assert await one.fetchval(query, people.here, first, *rest) is None
    rival = asyncio.create_task(two.fetchval(query, people.here, second, *rest))
    await wait_until_waiting(await people.database.connect_superuser(), two)
    await one.execute("COMMIT")
    assert await rival == "LIMIT_REACHED"
    owners = "SELECT count(*) FROM memberships WHERE role = 'owner'"
    assert await people.value(owners) == 1


async def test_who_leaves_the_last_clinic_is_forgotten(people: People) -> None:
    staff_id = await people.member(EMAIL, at=people.there)
    await people.member(EMAIL)
    await people.member("second@clinic.example")
    await people.member("third@clinic.example", at=people.there)
    await people.sessions(staff_id, TOKEN)
    assert (await people.call("remove_member", people.here, staff_id))["success"]
    assert (await people.call("open_visit", TOKEN, people.here))["clinic"] is None
    assert (await people.call("open_visit", TOKEN, people.there))["clinic"] is not None
    assert (await people.call("remove_member", people.there, staff_id))["success"]
    assert await people.call("open_visit", TOKEN) is None
    assert await people.call("find_staff_account", EMAIL) is None


@pytest.mark.parametrize(
    ("function", "rest"),
    [
        ("change_member_role", ("staff",)),
        ("remove_member", ()),
        ("renew_member_link", (b"x",)),
        ("end_member_sessions", ()),
    ],
)
async def test_another_clinics_member_is_nobody(
    people: People, function: str, rest: tuple[object, ...]
) -> None:
    staff_id = await people.member(EMAIL, at=people.there)
    await people.sessions(staff_id, TOKEN)
    for member in (staff_id, uuid4()):
        refused = await people.call(function, people.here, member, *rest)
        assert refused["error"] == "NOT_FOUND"
    assert (await people.call("open_visit", TOKEN, people.there))["clinic"]["role"] == "owner"


# Signing in


async def test_a_password_that_was_changed_meanwhile_opens_nothing(people: People) -> None:
    staff_id = await people.member(EMAIL)
    assert await people.call("open_session", staff_id, "older", b"e", TOKEN, "") is False
    assert await people.call("change_password", staff_id, None, "older", "new") is False
    assert await people.call("rehash_password", staff_id, "older", "new") is False
    assert await people.count("sessions") == 0


async def test_a_change_waits_for_who_is_signing_in_and_ends_it(people: People) -> None:
    staff_id = await people.member(EMAIL)
    one, two = await people.database.connect_api(), await people.database.connect_api()
    await one.execute("BEGIN")
    assert await one.fetchval("SELECT open_session($1, 'h', 'e', $2, '')", staff_id, TOKEN)
    change = "SELECT change_password($1, NULL, 'h', 'new')"
    rival = asyncio.create_task(two.fetchval(change, staff_id))
    await wait_until_waiting(await people.database.connect_superuser(), two)
    await one.execute("COMMIT")
    assert await rival is True
    assert await people.call("open_visit", TOKEN) is None


async def test_a_link_is_taken_once_also_at_once(people: People) -> None:
    await people.add()
    one, two = await people.database.connect_api(), await people.database.connect_api()
    take = "SELECT take_sign_in_link($1, $2, 'Here')"
    await one.execute("BEGIN")
    assert await one.fetchval(take, LINK, b"first") is True
    rival = asyncio.create_task(two.fetchval(take, LINK, b"second"))
    await wait_until_waiting(await people.database.connect_superuser(), two)
    await one.execute("COMMIT")
    assert await rival is False
    assert await people.count("sessions") == 1


async def test_a_link_that_was_not_taken_after_all_still_works(people: People) -> None:
    await people.add()
    one = await people.database.connect_api()
    await one.execute("BEGIN")
    assert await one.fetchval("SELECT take_sign_in_link($1, $2, '')", LINK, TOKEN) is True
    await one.execute("ROLLBACK")
    assert await people.call("take_sign_in_link", LINK, TOKEN, "") is True


async def test_nobody_has_more_than_fifty_sessions(people: People) -> None:
    staff_id = await people.member(EMAIL)
    for number in range(52):
        await people.database.set_clock(NOW + timedelta(minutes=number))
        await people.sessions(staff_id, b"%d" % number)
    assert await people.count("sessions") == 50
    assert await people.call("open_visit", b"1") is None
    assert await people.call("open_visit", b"2") is not None


async def test_the_operator_makes_a_link_and_the_api_does_not(people: People) -> None:
    await people.member(EMAIL)
    assert await people.value("SELECT make_sign_in_link($1, $2)", EMAIL, b"op") is True
    assert await people.value("SELECT make_sign_in_link('x@x.example', $1)", b"op") is False
    for inner in (
        "make_sign_in_link('ada@clinic.example', 'x')",
        "store_session(gen_random_uuid(), 'x', '', NULL)",
        "store_password(gen_random_uuid(), NULL, 'x')",
        "store_sign_in_link(gen_random_uuid(), 'x')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await people.api.execute(f"SELECT {inner}")


async def test_attempts_are_counted_by_the_minute_and_forgotten_after_fifteen(
    people: People,
) -> None:
    for minute in (0, 4, 9):
        await people.database.set_clock(NOW + timedelta(minutes=minute))
        for _ in range(3):
            assert (await people.call("note_sign_in_attempt", b"e", b"a"))["allowed"]
    await people.call("note_sign_in_attempt", b"e", b"a")
    refused = await people.call("note_sign_in_attempt", b"e", b"a")
    assert refused["allowed"] is False
    assert 355 <= refused["retry_after"] <= 360
    assert (await people.call("note_sign_in_attempt", b"other", b"a"))["allowed"]
    # The first three are forgotten then: three more, and no more.
    await people.database.set_clock(NOW + timedelta(minutes=15, seconds=1))
    answers = [await people.call("note_sign_in_attempt", b"e", b"a") for _ in range(4)]
    assert [answer["allowed"] for answer in answers] == [True, True, True, False]


async def test_attempts_at_once_are_counted_one_after_the_other(people: People) -> None:
    for _ in range(9):
        assert (await people.call("note_sign_in_attempt", b"e", b"a"))["allowed"]
    one, two = await people.database.connect_api(), await people.database.connect_api()
    note = "SELECT note_sign_in_attempt($1, $2) ->> 'allowed'"
    await one.execute("BEGIN")
    assert await one.fetchval(note, b"e", b"a") == "true"
    rival = asyncio.create_task(two.fetchval(note, b"e", b"b"))
    await wait_until_waiting(await people.database.connect_superuser(), two)
    await one.execute("COMMIT")
    assert await rival == "false"


async def test_what_is_over_is_swept(people: People) -> None:
    staff_id = await people.member(EMAIL)
    await people.sessions(staff_id, TOKEN, b"idle")
    await people.call("note_sign_in_attempt", b"e", b"a")
    assert await people.count("sign_in_links") == 1
    assert await people.call("sweep_sign_ins") == 0
    await people.database.set_clock(NOW + timedelta(hours=11))
    await people.call("open_visit", TOKEN)
    await people.database.set_clock(NOW + timedelta(hours=12, minutes=1))
    assert await people.call("sweep_sign_ins") == 3  # the idle session, two counts
    await people.database.set_clock(NOW + timedelta(days=15))
    assert await people.call("sweep_sign_ins") == 2  # the other, the link
    assert await people.call("sweep_sign_ins") == 0
