"""Every page of the dashboard: as nobody, from another clinic, with too small a role, with another
clinic's ids, with nonsense, without its form's token. A new page joins by itself.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID, uuid4

import httpx2
import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Clinic
from tests.integration.front_desk import Desk, sign_in
from tests.integration.staff_accounts import assert_safe
from tests.sql.wall import TENANT_TABLES, tenant
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.routes import PAGES
from voxanne.inbound.dashboard.visit import RANK, Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "Ann Taylor"  # the other clinic's patient
STREAMS: Final = {"/stream"}  # never ends by itself
# What an id in the address is of, where it isn't `{name}s.id`. The first column of one row.
ODD_IDS: Final[Mapping[str, str]] = {
    "member": "SELECT staff_id FROM memberships WHERE org_id = $1",
    "subject": "SELECT subject_id FROM deliveries WHERE org_id = $1",
    "kind_text": "SELECT kind FROM message_templates WHERE org_id = $1",
    "language_text": "SELECT language FROM message_templates WHERE org_id = $1",
    "call_text": "SELECT call_id FROM calls WHERE org_id = $1",
    "calendar": "SELECT id FROM calendar_connections WHERE org_id = $1",
    "connection": "SELECT id FROM calendar_connections WHERE org_id = $1",
    "key": "SELECT credential_id(secret_hash) FROM credentials WHERE org_id = $1",
}
# What a form may need to get as far as the id. Others are refused for what they lack: 422.
FIELDS: Final = {
    "version": "1",
    "day": "2026-11-25",
    "time": "09:45",
    "name": "Wanda",
    "phone": "+442079460123",
    "email": "wanda@x.example",
    "role": "staff",
    "body": "Hello",
    "reason": "Because",
    "status": "done",
    "confirm": "yes",
}
NO_OBJECTS: Final = {"kind_text", "language_text"}  # words that are the same for every clinic
BOTH: Final = {"text/html", "application/json"}


def named(page: Page) -> str:
    return f"{page.method} {page.path}"


def path_of(page: Page, ids: Mapping[str, object]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: str(ids[found[1]]), page.path)


def parameters(page: Page) -> list[str]:
    return re.findall(r"\{(\w+)\}", page.path)


NAMES: Final = sorted({name for page in PAGES for name in parameters(page)})
NO_IDS: Final = dict.fromkeys(NAMES, "00000000-0000-4000-8000-000000000000")


async def ask(
    voice: Api,
    page: Page,
    path: str,
    *,
    clinic: object,
    headers: Mapping[str, str],
    fields: Mapping[str, str] | None = None,
) -> httpx2.Response:
    address = f"/clinic/{clinic}{path}"
    if page.method == "GET":
        return await voice.http.get(address, headers=headers)
    return await voice.http.post(address, data=dict(fields or {}), headers=headers)


async def rows_of(voice: Api, clinic: UUID) -> dict[str, list[str]]:
    """Everything a clinic has, but when somebody was last there."""
    found = {}
    for table, column in TENANT_TABLES.items():
        if table not in ("memberships", "audit_log"):
            query = f"SELECT {table}::text AS row FROM {table} WHERE {column} = $1 ORDER BY 1"
            found[table] = [row["row"] for row in await voice.rows(query, clinic)]
    members = "SELECT staff_id::text || role AS row FROM memberships WHERE org_id = $1 ORDER BY 1"
    found["memberships"] = [row["row"] for row in await voice.rows(members, clinic)]
    return found


async def ids_of(voice: Api, clinic: UUID) -> dict[str, object]:
    """One of that clinic's for every name that stands in an address."""
    tables = {
        row["table_name"]
        for row in await voice.rows(
            "SELECT table_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_name = 'id'"
        )
    }
    found: dict[str, object] = {}
    for name in NAMES:
        table = next((one for one in sorted(tables) if re.fullmatch(rf"(\w+_)?{name}e?s", one)), "")
        query = ODD_IDS.get(name) or f"SELECT id FROM {table} WHERE org_id = $1"
        assert table or name in ODD_IDS, f"What is {{{name}}}? Name its rows in ODD_IDS."
        found[name] = await voice.value(f"{query} LIMIT 1", clinic)
        assert found[name] is not None, f"The scene has no {{{name}}}: see tests/sql/wall.py."
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def other(voice: Api) -> Clinic:
    """Another clinic, with rows in every table."""
    return Clinic(await tenant(voice.database, "Elsewhere"), "")


def shape(answer: httpx2.Response) -> tuple[int, str]:
    """What can be told of an answer, whatever its nonce."""
    return answer.status_code, re.sub(r'nonce="[^"]+"', "", answer.text)


def as_desk(desk: Desk, accept: str = "text/html", **more: str) -> dict[str, str]:
    return {**desk.cookies, "Accept": accept, **more}


def posting() -> Iterator[Page]:
    return (page for page in PAGES if page.method == "POST")


async def test_nobody_gets_anything(voice: Api, other: Clinic) -> None:
    wrong: dict[str, object] = {}
    before = await rows_of(voice, other.id)
    ids = await ids_of(voice, other.id)
    for page in PAGES:
        for cookie in ({}, {"Cookie": "voxanne=forged"}):
            for accept in BOTH:
                answer = await ask(
                    voice,
                    page,
                    path_of(page, ids),
                    clinic=other.id,
                    headers={"Accept": accept, **cookie},
                    fields=FIELDS,
                )
                shown = page.method == "GET" and accept == "text/html"
                if answer.status_code != (303 if shown else 401) or SECRET in answer.text:
                    wrong[named(page)] = answer.status_code
                elif shown and not answer.headers["location"].startswith("/sign-in?next=%2Fclinic"):
                    wrong[named(page)] = answer.headers["location"]
                assert_safe(answer)
    assert wrong == {}
    assert await rows_of(voice, other.id) == before


async def test_another_clinic_looks_like_none(voice: Api, other: Clinic) -> None:
    wrong = {}
    desk = await sign_in(voice, "owner")
    before = await rows_of(voice, other.id)
    ids = await ids_of(voice, other.id)
    for page in PAGES:
        for accept in BOTH:
            theirs, nobodys = [
                await ask(
                    voice,
                    page,
                    path_of(page, ids),
                    clinic=clinic,
                    headers=as_desk(desk, accept),
                    fields={**FIELDS, "csrf": desk.csrf},
                )
                for clinic in (other.id, uuid4())
            ]
            if theirs.status_code != 404 or shape(theirs) != shape(nobodys):
                wrong[named(page)] = theirs.status_code
            assert_safe(theirs)
    assert wrong == {}
    assert await rows_of(voice, other.id) == before


async def test_a_role_does_what_it_may_and_no_more(voice: Api, other: Clinic) -> None:
    """At the clinic with rows in every table, so that there is something to be done."""
    wrong = {}
    ids = await ids_of(voice, other.id)
    before = await rows_of(voice, other.id)
    for role in ("read_only", "staff"):
        desk = await sign_in(voice, role, clinic=other)
        before["memberships"] = (await rows_of(voice, other.id))["memberships"]
        for page in (page for page in PAGES if RANK[page.role] > RANK[desk_role(role)]):
            for accept in BOTH:
                answer = await ask(
                    voice,
                    page,
                    path_of(page, ids),
                    clinic=other.id,
                    headers=as_desk(desk, accept),
                    fields={**FIELDS, "csrf": desk.csrf},
                )
                if answer.status_code != 403 or SECRET in answer.text:
                    wrong[f"{named(page)} as {role}"] = answer.status_code
                assert_safe(answer)
    assert wrong == {}
    assert await rows_of(voice, other.id) == before


def desk_role(role: str) -> Role:
    assert role in RANK
    return role  # type: ignore[return-value]


async def test_no_post_is_for_who_only_reads() -> None:
    assert [named(page) for page in posting() if page.role == "read_only"] == []


async def test_another_clinics_ids_lead_nowhere(voice: Api, other: Clinic) -> None:
    wrong = {}
    desk = await sign_in(voice, "owner")
    before = await rows_of(voice, other.id)
    theirs = await ids_of(voice, other.id)
    for page in (page for page in PAGES if set(parameters(page)) - NO_OBJECTS):
        for accept in BOTH:
            answers = [
                await ask(
                    voice,
                    page,
                    path_of(page, ids),
                    clinic=desk.clinic.id,
                    headers=as_desk(desk, accept),
                    fields={**FIELDS, "csrf": desk.csrf},
                )
                for ids in (
                    theirs,
                    {**theirs, **dict.fromkeys(theirs.keys() - NO_OBJECTS, uuid4())},
                )
            ]
            told = [SECRET in answer.text for answer in answers]
            statuses = [answer.status_code for answer in answers]
            allowed = [404] if page.method == "GET" else [404, 422]
            if any(told) or statuses[0] not in allowed or shape(answers[0]) != shape(answers[1]):
                wrong[named(page)] = statuses
            assert_safe(answers[0])
    assert wrong == {}
    assert await rows_of(voice, other.id) == before


@pytest.mark.parametrize("said", ["nonsense", "0", "%00", "'", "..%2F..", "-1", "null"])
async def test_nonsense_is_no_id(voice: Api, said: str) -> None:
    wrong = {}
    desk = await sign_in(voice, "owner")
    for page in PAGES:
        for name in parameters(page):
            if name.endswith("_text"):
                continue
            answer = await ask(
                voice,
                page,
                path_of(page, {**NO_IDS, name: said}),
                clinic=desk.clinic.id,
                headers=as_desk(desk),
                fields={**FIELDS, "csrf": desk.csrf},
            )
            if answer.status_code != 404:
                wrong[named(page)] = answer.status_code
    assert wrong == {}
    assert (await voice.http.get(f"/clinic/{said}/calendar", headers=desk.cookies)).status_code in (
        404,
        405,
    )


async def test_no_form_without_its_token(voice: Api, other: Clinic) -> None:
    """At the clinic with rows in every table, by somebody who may do it all."""
    wrong = {}
    desk = await sign_in(voice, "owner", clinic=other)
    another = await sign_in(voice, "owner", clinic=other)
    ids = await ids_of(voice, other.id)
    before = await rows_of(voice, other.id)
    attempts: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"csrf": ""}, {}),
        ({"csrf": "x" * 43}, {}),
        ({"csrf": another.csrf}, {}),
        ({}, {"X-CSRF-Token": another.csrf}),
        ({"csrf": desk.csrf}, {"Sec-Fetch-Site": "cross-site"}),
        ({"csrf": desk.csrf}, {"Sec-Fetch-Site": "same-site"}),
        ({"csrf": desk.csrf}, {"Origin": "https://evil.example"}),
    ]
    for page in posting():
        for fields, headers in attempts:
            answer = await ask(
                voice,
                page,
                path_of(page, ids),
                clinic=other.id,
                headers=as_desk(desk, **headers),
                fields={**FIELDS, **fields},
            )
            if answer.status_code != 403:
                wrong[named(page)] = (answer.status_code, fields, headers)
            assert_safe(answer)
    assert wrong == {}
    assert await rows_of(voice, other.id) == before


@pytest.mark.parametrize("filled", [False, True])
async def test_every_page_reads_for_its_role_and_leaves_no_way_in(
    voice: Api, other: Clinic, filled: bool
) -> None:
    wrong = {}
    clinic = other if filled else voice.clinic
    for role in RANK:
        desk = await sign_in(voice, role, clinic=clinic)
        for page in PAGES:
            if page.method == "POST" or page.path in STREAMS or RANK[page.role] > RANK[role]:
                continue
            if parameters(page) and not filled:
                continue
            ids = await ids_of(voice, clinic.id) if parameters(page) else {}
            answer = await ask(
                voice, page, path_of(page, ids), clinic=clinic.id, headers=as_desk(desk)
            )
            if answer.status_code not in (200, 422):
                wrong[f"{named(page)} as {role}"] = answer.status_code
            assert_safe(answer)
    assert wrong == {}
