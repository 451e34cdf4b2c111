"""Criterion 4: a tenant neither sees nor touches another's rows, whoever asks and however."""

import json
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg

from voxanne.stress.evidence import Criterion, outcome, outcome_of
from voxanne.stress.scene import Scene, Session

UNGUARDED = """
SELECT coalesce(string_agg(DISTINCT t.relname, ', ' ORDER BY t.relname), 'none')
FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p')
  AND (a.attname = 'org_id' OR t.relname = 'organizations')
  AND NOT (t.relrowsecurity AND t.relforcerowsecurity)
"""
READABLE = """
SELECT DISTINCT t.relname
FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p', 'v', 'm')
  AND a.attname = 'org_id' AND has_table_privilege(t.oid, 'SELECT')
"""
BOOKING_FUNCTIONS = r"""
SELECT count(*) || ' function(s), for everyone: '
  || bool_or(has_function_privilege('public', oid, 'EXECUTE'))
FROM pg_proc WHERE proname LIKE '%book%appointment%'
"""
WRITES = {
    "INSERT": "INSERT INTO practitioners (org_id, name) VALUES ($1, 'Dr Nobody')",
    "UPDATE": "UPDATE appointments SET status = 'cancelled' WHERE org_id = $1",
    "DELETE": "DELETE FROM appointments WHERE org_id = $1",
}


async def check_tenants(scene: Scene, criterion: Criterion) -> None:
    # The same person at the same time in both, so that a leak has something to show.
    at, somebody = scene.free_slot(), scene.new_person()
    for organization, whose in ((scene.clinic, "one clinic"), (scene.other, "the other")):
        booking = scene.book(
            at, organization=organization, name=somebody.name, phone=somebody.phone
        )
        await criterion.check(f"the same caller and time at {whose}", "booked", outcome_of(booking))
    await criterion.check(
        "tables without enabled and forced row security", "none", _fetch(scene, UNGUARDED)
    )
    await criterion.check(
        "one booking function, for the API alone",
        "1 function(s), for everyone: false",
        _fetch(scene, BOOKING_FUNCTIONS),
    )
    await criterion.check("rows seen without a claim", "none", _seen(scene, None))
    await criterion.check(
        "rows seen with a clinic's claim", "the clinic's", _seen(scene, scene.clinic)
    )
    await criterion.check(
        "rows seen with the other's claim", "the other's", _seen(scene, scene.other)
    )
    for name, claims in (
        ("the other's claim", _claim(scene.other)),
        ("a claim of nobody", "{}"),
        ("a claim that can't be read", "nonsense"),
    ):
        await criterion.check(
            f"the function with {name}",
            "FORBIDDEN_ORGANIZATION, nothing stored",
            _book_with_claim(scene, claims),
        )
    for name, statement in WRITES.items():
        await criterion.check(f"a plain {name} as the API", "refused", _write(scene, statement))
    if scene.api is not None:
        await _check_over_http(scene, criterion)


async def _check_over_http(scene: Scene, criterion: Criterion) -> None:
    assert scene.api is not None
    key, other_key = scene.api.key, scene.other_key
    mismatch = str(scene.clinic)
    for name, shown, headers, metadata, expected in (
        ("no key", None, {}, {}, "HTTP 401, nothing stored"),
        ("a wrong key", "vox_wrong", {}, {}, "HTTP 401, nothing stored"),
        (
            "the other's key with the clinic's X-Org-Id",
            other_key,
            {"x-org-id": mismatch},
            {},
            "FORBIDDEN_ORGANIZATION, nothing stored",
        ),
        (
            "the other's key with the clinic in the body",
            other_key,
            {},
            {"org_id": mismatch},
            "FORBIDDEN_ORGANIZATION, nothing stored",
        ),
    ):
        somebody = scene.new_person()
        booking = scene.api.with_key(shown).book(
            {"name": somebody.name, "scheduledAt": scene.free_slot().isoformat()},
            caller=somebody.phone,
            headers=headers,
            metadata=metadata,
        )
        await criterion.check(f"HTTP: {name}", expected, scene.outcome_and_rows(booking))
    for name, shown, organization in (
        ("the clinic's key books at the clinic", key, scene.clinic),
        ("the other's key books at the other", other_key, scene.other),
    ):
        await criterion.check(f"HTTP: {name}", str(organization), _booked_at(scene, shown))


def _claim(organization: UUID) -> str:
    return json.dumps({"org_id": str(organization)})


async def _fetch(scene: Scene, query: str) -> str:
    return str(await scene.owner.fetchval(query))


async def _as_api(
    scene: Scene, claims: str | None, work: Callable[[Session], Awaitable[str]]
) -> str:
    """Work in the API's role with this claim, and take it back."""
    async with scene.pool.connections.acquire() as session:
        transaction = session.transaction()
        await transaction.start()
        try:
            if claims is not None:
                await session.execute("SELECT set_config('request.jwt.claims', $1, true)", claims)
            return await work(session)
        finally:
            await transaction.rollback()


async def _seen(scene: Scene, claimed: UUID | None) -> str:
    """Whose rows a session sees, in all tables it may read."""

    async def look(session: Session) -> str:
        tables = [row["relname"] for row in await session.fetch(READABLE)]
        everything = " UNION ALL ".join(f'SELECT org_id FROM "{table}"' for table in tables)  # noqa: S608
        rows = await session.fetch(f"SELECT DISTINCT org_id FROM ({everything}) AS seen")  # noqa: S608
        names = {scene.clinic: "the clinic's", scene.other: "the other's"}
        found = sorted({names.get(row["org_id"], "a stranger's") for row in rows})
        return " and ".join(found) or "none"

    return await _as_api(scene, None if claimed is None else _claim(claimed), look)


async def _book_with_claim(scene: Scene, claims: str) -> str:
    async def book(session: Session) -> str:
        answer = await scene.book(scene.free_slot(), session=session)
        return f"{outcome(answer)}, {'something' if answer.get('success') else 'nothing'} stored"

    return await _as_api(scene, claims, book)


async def _write(scene: Scene, statement: str) -> str:
    async def write(session: Session) -> str:
        try:
            return await session.execute(statement, scene.clinic)
        except asyncpg.InsufficientPrivilegeError:
            return "refused"

    return await _as_api(scene, _claim(scene.clinic), write)


async def _booked_at(scene: Scene, key: str | None) -> str:
    assert scene.api is not None
    somebody = scene.new_person()
    answer = await scene.api.with_key(key).book(
        {"name": somebody.name, "scheduledAt": scene.free_slot().isoformat()},
        caller=somebody.phone,
    )
    return str((await scene.appointment(answer))["org_id"])
