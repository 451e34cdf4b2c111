"""Criterion 3: of all who want a time one gets it, and the others learn nothing but that."""

import asyncio
import json
import re
from collections.abc import Awaitable
from datetime import timedelta

import asyncpg

from voxanne.stress.endpoint import Answer
from voxanne.stress.evidence import Criterion, outcome, outcome_of
from voxanne.stress.people import Person
from voxanne.stress.scene import HOUR, RACERS, Scene, race

RIVAL_SECONDS_MAX = 10
INSERT_SHIFT = timedelta(days=100)
ONE_WINNER = f"1 booked, {RACERS - 1} SLOT_UNAVAILABLE"
COPY = (
    "INSERT INTO appointments (org_id, practitioner_id, service_type, scheduled_at, ends_at, "
    "blocked_from, blocked_until) SELECT org_id, practitioner_id, service_type, scheduled_at + $2, "
    "ends_at + $2, blocked_from + $2, blocked_until + $2 FROM appointments "
    "WHERE org_id = $3 AND id = $1::text::uuid RETURNING id"
)
MOVE = (
    "UPDATE appointments SET scheduled_at = scheduled_at + $2, ends_at = ends_at + $2, "
    "blocked_from = blocked_from + $2, blocked_until = blocked_until + $2 "
    "WHERE org_id = $3 AND id = $1::text::uuid RETURNING id"
)


async def check_conflicts(scene: Scene, criterion: Criterion) -> None:
    at = scene.free_slot()
    holder = scene.new_person()
    taken = await scene.book(at, name=holder.name, phone=holder.phone, email="holder@example.com")
    for name, shift in (
        ("the same time", timedelta()),
        ("half an hour later", HOUR / 2),
        ("half an hour earlier", -HOUR / 2),
    ):
        await criterion.check(
            name,
            "SLOT_UNAVAILABLE, nothing stored",
            scene.outcome_and_rows(scene.book(at + shift)),
        )
    await criterion.check("right after it", "booked", outcome_of(scene.book(at + HOUR)))
    await criterion.check(
        "the refusal tells nothing about the holder",
        "SLOT_UNAVAILABLE: This time slot is already booked "
        "(alternatives, created_at, error, message, success)",
        _told_by_refusal(scene.book(at), taken, holder),
    )
    await criterion.check(
        f"{RACERS} callers at once",
        ONE_WINNER,
        _race(scene),
    )
    await criterion.check(
        "a rival while the first isn't committed yet",
        "booked, then SLOT_UNAVAILABLE",
        _rival_of_uncommitted(scene),
    )
    await criterion.check(
        "a rival at REPEATABLE READ, who can't see the first",
        "booked, then SLOT_UNAVAILABLE",
        _rival_with_old_snapshot(scene),
    )
    await _check_constraints(scene, criterion)
    if scene.api is not None:
        await _check_over_http(scene, criterion)


async def _check_constraints(scene: Scene, criterion: Criterion) -> None:
    """Writers who never heard of the function."""
    later = scene.free_slot()
    first, second = await scene.book(later), await scene.book(later + HOUR)
    half = HOUR / 2
    for name, statement, answer, shift in (
        ("a plain INSERT at a taken time", COPY, first, timedelta()),
        ("a plain INSERT into a taken time", COPY, first, half),
        ("a plain UPDATE into a taken time", MOVE, second, -half),
    ):
        await criterion.check(name, "refused (23P01)", _write(scene, statement, answer, shift))
    await criterion.check(
        "the function after a plain INSERT",
        "stored, then SLOT_UNAVAILABLE",
        _book_after_insert(scene),
    )


async def _check_over_http(scene: Scene, criterion: Criterion) -> None:
    at = scene.free_slot()
    await criterion.check(f"HTTP: {RACERS} callers at once", ONE_WINNER, _race_over_http(scene))
    holder = scene.new_person()
    taken = await scene.book(at, name=holder.name, phone=holder.phone, email="holder@example.com")
    refused = scene.tell(scheduledAt=at.isoformat())
    await criterion.check(
        "HTTP: the refusal tells nothing about the holder",
        "SLOT_UNAVAILABLE (alternatives, error, message, success)",
        _told_by_endpoint(refused, taken, holder),
    )


_TIME_OR_ID = re.compile(r'"(\d{4}-\d\d-\d\dT[^"]*|[0-9a-f]{8}-[0-9a-f-]{27})"')


async def _told_by_refusal(refused: Awaitable[Answer], taken: Answer, holder: Person) -> str:
    answer = await refused
    return f"{answer.get('message')} {_fields(answer, taken, holder)}"


async def _told_by_endpoint(refused: Awaitable[Answer], taken: Answer, holder: Person) -> str:
    answer = await refused
    return f"{outcome(answer)} {_fields(answer, taken, holder)}"


def _fields(answer: Answer, taken: Answer, holder: Person) -> str:
    """The names of the fields, and whatever of the holder is in them."""
    told = json.dumps(answer, ensure_ascii=False)
    secrets = (
        *holder.name.split(),
        holder.phone,
        holder.phone[-4:],
        "holder@example.com",
        *(str(taken.get(field)) for field in ("appointment_id", "contact_id")),
    )
    # Four digits are found in any time and any practitioner's id.
    words = _TIME_OR_ID.sub("", told)
    leaked = [secret for secret in secrets if secret in (words if len(secret) == 4 else told)]
    return f"({', '.join(sorted(answer))})" + (f", and tells {leaked}" if leaked else "")


async def _race(scene: Scene) -> str:
    at = scene.free_slot()
    return await race([scene.book(at) for _ in range(RACERS)])


async def _race_over_http(scene: Scene) -> str:
    at = scene.free_slot().isoformat()
    return await race([scene.tell(scheduledAt=at) for _ in range(RACERS)])


async def _rival_of_uncommitted(scene: Scene) -> str:
    """A forced interleaving: the rival is seen to wait before the first one commits."""
    at = scene.free_slot()
    sessions = scene.pool.connections
    async with sessions.acquire() as first, sessions.acquire() as second:
        async with first.transaction():
            winner = await scene.book(at, session=first)
            rival = asyncio.create_task(scene.book(at, session=second))
            await _wait_until_blocked(scene, second.get_server_pid(), rival)
        return f"{outcome(winner)}, then {outcome(await rival)}"


async def _wait_until_blocked(scene: Scene, pid: int, rival: "asyncio.Task[Answer]") -> None:
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)"
    async with asyncio.timeout(RIVAL_SECONDS_MAX):
        while not rival.done() and not await scene.owner.fetchval(waits, pid):
            await asyncio.wait([rival], timeout=0.01)


async def _rival_with_old_snapshot(scene: Scene) -> str:
    at = scene.free_slot()
    async with (
        scene.pool.connections.acquire() as rival,
        rival.transaction(isolation="repeatable_read"),
    ):
        await rival.fetchval("SELECT count(*) FROM appointments")  # from here on it sees no more
        winner = await scene.book(at)
        return f"{outcome(winner)}, then {outcome(await scene.book(at, session=rival))}"


async def _write(scene: Scene, statement: str, answer: Answer, shift: timedelta) -> str:
    """Run a plain write in the clinic, and take it back."""
    transaction = scene.owner.transaction()
    await transaction.start()
    try:
        row = await scene.owner.fetchval(
            statement, answer.get("appointment_id"), shift, scene.clinic
        )
    except asyncpg.ExclusionViolationError as error:
        return f"refused ({error.sqlstate})"
    else:
        return "stored" if row else "nothing was there to copy"
    finally:
        await transaction.rollback()


async def _book_after_insert(scene: Scene) -> str:
    booked = await scene.book(scene.free_slot())
    inserted = await scene.owner.fetchval(
        COPY, booked.get("appointment_id"), INSERT_SHIFT, scene.clinic
    )
    at = (await scene.appointment(booked))["scheduled_at"] + INSERT_SHIFT
    return f"{'stored' if inserted else 'not stored'}, then {outcome(await scene.book(at))}"
