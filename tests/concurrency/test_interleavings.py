"""One session holds, a rival is seen waiting, the first goes on: each order is forced."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.concurrency.sessions import TAKEN, begin, caller, double_bookings, wait_until_waiting
from tests.database import HOUR, START, Booking, Database

HALF_AN_HOUR = timedelta(minutes=30)


async def second_behind_first(
    database: Database,
    org_id: UUID,
    first: dict[str, object],
    second: dict[str, object],
    *,
    commit: bool = True,
) -> tuple[Booking, Booking]:
    """The first books and holds its transaction; the second waits; then the first ends."""
    holder, rival = await database.connect_api(), await database.connect_api()
    observer = await database.connect_owner()
    transaction = begin(holder)
    await transaction.start()
    booked = await database.book(holder, org_id, **first)
    waiting = asyncio.create_task(database.book(rival, org_id, **second))
    await wait_until_waiting(observer, rival)
    await (transaction.commit() if commit else transaction.rollback())
    answer = await waiting
    assert await double_bookings(observer) == 0
    return booked, answer


@pytest.mark.parametrize(
    "second",
    [
        {},
        {"scheduled_at": START + HALF_AN_HOUR},
        {"scheduled_at": START - HALF_AN_HOUR},
        {"scheduled_at": START - HALF_AN_HOUR, "duration_minutes": 120},
        {"scheduled_at": START + HALF_AN_HOUR, "duration_minutes": 10},
        {"service_type": "hygiene"},
    ],
    ids=["same", "overlapping end", "overlapping start", "around", "inside", "other service"],
)
async def test_the_second_of_two_waits_and_is_refused(
    database: Database, organization: UUID, second: dict[str, object]
) -> None:
    booked, answer = await second_behind_first(
        database, organization, caller(1), caller(2) | second
    )

    assert booked["success"] is True
    assert answer["error"] == TAKEN


async def test_the_second_waits_and_has_the_time_right_after(
    database: Database, organization: UUID
) -> None:
    _, answer = await second_behind_first(
        database, organization, caller(1), caller(2) | {"scheduled_at": START + HOUR}
    )

    assert answer["success"] is True


async def test_when_the_holder_rolls_back_the_waiter_has_the_slot(
    database: Database, organization: UUID
) -> None:
    _, answer = await second_behind_first(
        database, organization, caller(1), caller(2), commit=False
    )

    assert answer["success"] is True
    assert answer["replayed"] is False


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "call:tool"}], ids=["no key", "key"])
async def test_a_retry_that_overtakes_waits_and_is_the_same_booking(
    database: Database, organization: UUID, key: dict[str, object]
) -> None:
    booked, answer = await second_behind_first(
        database, organization, caller(1) | key, caller(1) | key
    )

    assert answer == {**booked, "replayed": True}


async def test_a_retry_gets_the_slot_when_the_first_try_was_rolled_back(
    database: Database, organization: UUID
) -> None:
    key = {"idempotency_key": "call:tool"}
    booked, answer = await second_behind_first(
        database, organization, caller(1) | key, caller(1) | key, commit=False
    )

    assert (answer["success"], answer["replayed"]) == (True, False)
    assert answer["appointment_id"] != booked["appointment_id"]


async def test_a_key_used_by_two_callers_at_once_is_a_mismatch(
    database: Database, organization: UUID
) -> None:
    key = {"idempotency_key": "call:tool"}
    _, answer = await second_behind_first(
        database, organization, caller(1) | key, caller(2) | key | {"scheduled_at": START + HOUR}
    )

    assert answer["error"] == "IDEMPOTENCY_MISMATCH"


async def test_a_caller_who_wants_anyone_is_given_the_other(
    database: Database, organization: UUID
) -> None:
    for _ in range(2):
        await database.practitioner(organization)

    booked, answer = await second_behind_first(database, organization, caller(1), caller(2))

    assert answer["success"] is True
    assert answer["practitioner_id"] != booked["practitioner_id"]


async def test_two_practitioners_rivals_for_one_room(
    database: Database, organization: UUID
) -> None:
    one, two = [await database.practitioner(organization) for _ in range(2)]
    room = {"room_id": await database.room(organization)}

    _, answer = await second_behind_first(
        database,
        organization,
        caller(1) | room | {"practitioner_id": one},
        caller(2) | room | {"practitioner_id": two},
    )

    assert answer["error"] == TAKEN


async def test_different_practitioners_do_not_wait_for_each_other(
    database: Database, organization: UUID
) -> None:
    one, two = [await database.practitioner(organization) for _ in range(2)]
    holder, rival = await database.connect_api(), await database.connect_api()

    async with begin(holder), asyncio.timeout(5):
        await database.book(holder, organization, **caller(1), practitioner_id=one)
        answer = await database.book(rival, organization, **caller(2), practitioner_id=two)

    assert answer["success"] is True


async def test_a_taken_slot_is_refused_without_queueing(
    database: Database, organization: UUID
) -> None:
    """The practitioner's lock is held for another time; the committed booking is seen past it."""
    holder, rival = await database.connect_api(), await database.connect_api()
    await database.book(rival, organization, **caller(1))

    async with begin(holder), asyncio.timeout(5):
        await database.book(holder, organization, **caller(2), scheduled_at=START + 3 * HOUR)
        refusal = await database.book(rival, organization, **caller(3))
        assert refusal["error"] == TAKEN


async def test_a_replay_of_the_callers_own_is_never_called_taken(
    database: Database, organization: UUID
) -> None:
    """As above, but it is the caller's own: they wait rather than hear that it is taken."""
    observer = await database.connect_owner()
    holder, rival = await database.connect_api(), await database.connect_api()
    first = await database.book(rival, organization, **caller(1))

    transaction = begin(holder)
    await transaction.start()
    await database.book(holder, organization, **caller(2), scheduled_at=START + 3 * HOUR)
    again = asyncio.create_task(database.book(rival, organization, **caller(1)))
    await wait_until_waiting(observer, rival)
    await transaction.commit()

    assert await again == {**first, "replayed": True}


PLAIN_INSERT = """
INSERT INTO appointments (org_id, practitioner_id, service_type, scheduled_at, ends_at,
  blocked_from, blocked_until)
VALUES ($1, $2, 'by hand', $3, $3::timestamptz + interval '1 hour', $3,
  $3::timestamptz + interval '1 hour')
"""


@pytest.mark.parametrize("commit", [True, False], ids=["commits", "rolls back"])
async def test_the_function_waits_for_a_plain_insert(
    database: Database, organization: UUID, commit: bool
) -> None:
    """Nobody holds the advisory lock; the constraint makes it wait."""
    grey = await database.practitioner(organization)
    writer, observer = await database.connect_owner(), await database.connect_owner()
    api = await database.connect_api()

    transaction = begin(writer)
    await transaction.start()
    await writer.execute(PLAIN_INSERT, organization, grey, START)
    booking = asyncio.create_task(database.book(api, organization))
    await wait_until_waiting(observer, api)
    await (transaction.commit() if commit else transaction.rollback())

    assert (await booking).get("error") == (TAKEN if commit else None)
    assert await double_bookings(observer) == 0
    if commit:
        assert await observer.fetchval("SELECT count(*) FROM leads") == 0


async def test_a_plain_insert_waits_for_the_function(
    database: Database, organization: UUID
) -> None:
    grey = await database.practitioner(organization)
    writer, observer = await database.connect_owner(), await database.connect_owner()
    api = await database.connect_api()

    transaction = begin(api)
    await transaction.start()
    await database.book(api, organization)
    insert = asyncio.create_task(writer.execute(PLAIN_INSERT, organization, grey, START))
    await wait_until_waiting(observer, writer)
    await transaction.commit()

    with pytest.raises(asyncpg.ExclusionViolationError):
        await insert
