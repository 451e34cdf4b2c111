"""Holds, cancellations and the waitlist: each order of two sessions is forced.

The rival's snapshot is older than what the holder does, at every isolation level. It may then be
refused with what was true before, or told to run again; it may never be in two places.
"""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest

from tests.concurrency.diary import (
    ELSEWHERE,
    LATER,
    RUN_AGAIN,
    Clinic,
    clinic_of,
    race,
    refused_or_again,
    run_again,
    second_behind_first,
    told,
)
from tests.concurrency.sessions import (
    ISOLATIONS,
    TAKEN,
    Isolation,
    begin,
    double_bookings,
    wait_until_waiting,
)
from tests.database import START, Database

CALLERS = 6
every_isolation = pytest.mark.parametrize("isolation", ISOLATIONS)


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """Of one doctor; there are several where a test needs them."""
    return await clinic_of(database, 1)


@every_isolation
@pytest.mark.parametrize("first", ["holds", "books"])
@pytest.mark.parametrize("second", ["holds", "books"])
async def test_a_time_is_held_or_booked_once(
    clinic: Clinic, isolation: Isolation, first: str, second: str
) -> None:
    ways = {"holds": clinic.holds, "books": lambda: clinic.books(1)}
    others = {"holds": lambda: clinic.holds(call_id="other"), "books": lambda: clinic.books(2)}

    done, heard, answer = await second_behind_first(
        clinic, ways[first](), others[second](), isolation
    )

    assert done == "success"
    assert refused_or_again(heard, isolation)
    assert answer["error"] == TAKEN
    assert len(await clinic.live()) == 1


@pytest.mark.parametrize("second", ["holds", "books"])
async def test_what_was_held_and_rolled_back_is_free(clinic: Clinic, second: str) -> None:
    rival = clinic.holds() if second == "holds" else clinic.books(2)

    _, heard, _ = await second_behind_first(clinic, clinic.holds(), rival, commit=False)

    assert heard == "success"


@every_isolation
async def test_a_released_time_goes_to_the_one_who_waited(
    clinic: Clinic, isolation: Isolation
) -> None:
    held = await clinic.does(clinic.holds(call_id="call"))
    release = clinic.calls("release_hold", hold_id=held["hold_id"], call_id="call")

    done, heard, answer = await second_behind_first(clinic, release, clinic.books(2), isolation)

    assert done == "success"
    if isolation == "read_committed":
        assert heard == "success"
    assert told(answer) in ("success", TAKEN)


@every_isolation
async def test_the_end_of_the_call_does_not_take_back_what_it_booked(
    clinic: Clinic, isolation: Isolation
) -> None:
    held = await clinic.does(clinic.holds(call_id="call"))
    booking = clinic.books(1, call_id="call", hold_id=held["hold_id"])

    done, _, _ = await second_behind_first(
        clinic, booking, clinic.calls("release_holds", call_id="call"), isolation
    )

    assert done == "success"
    assert await clinic.live() == {(START, clinic.doctors[0]): "confirmed"}


async def test_a_hold_that_lapses_under_two_rivals_goes_to_one(clinic: Clinic) -> None:
    """Both wait for a third when it lapses. (Above READ COMMITTED a clock that is moved is not
    seen: it is in a table.)
    """
    held = await clinic.does(clinic.holds())
    blocker, observer = (
        await clinic.database.connect_api(),
        await clinic.database.connect_owner(),
    )
    rivals = [await clinic.database.connect_api() for _ in range(2)]
    blocking = begin(blocker)
    await blocking.start()
    await clinic.books(0, LATER)(blocker)
    tries = [
        asyncio.ensure_future(run_again(clinic.books(n + 1), rival, "read_committed"))
        for n, rival in enumerate(rivals)
    ]
    for rival in rivals:
        await wait_until_waiting(observer, rival)
    await clinic.passes(datetime.fromisoformat(held["expires_at"]))
    await blocking.commit()

    assert Counter([told(await one) for one in tries]) == {"success": 1, TAKEN: 1}
    assert await double_bookings(observer) == 0
    assert await clinic.live() == {
        (START, clinic.doctors[0]): "confirmed",
        (LATER, clinic.doctors[0]): "confirmed",
    }


@every_isolation
async def test_a_lapsed_hold_is_taken_over_once(clinic: Clinic, isolation: Isolation) -> None:
    held = await clinic.does(clinic.holds())
    await clinic.passes(datetime.fromisoformat(held["expires_at"]))

    done, heard, answer = await second_behind_first(
        clinic, clinic.books(1), clinic.books(2), isolation
    )

    assert done == "success"
    assert refused_or_again(heard, isolation)
    assert answer["error"] == TAKEN


@every_isolation
async def test_a_hold_that_is_extended_as_it_lapses_is_not_taken_over(
    clinic: Clinic, isolation: Isolation
) -> None:
    """The rival sees it lapsed; the extension commits first."""
    held = await clinic.does(clinic.holds(call_id="call"))
    lapses = datetime.fromisoformat(held["expires_at"])
    await clinic.passes(lapses - timedelta(minutes=1))
    holder, rival = [await clinic.database.connect_api() for _ in range(2)]
    observer = await clinic.database.connect_owner()
    transaction = begin(holder)
    await transaction.start()
    await clinic.calls("extend_holds", call_id="call")(holder)
    await clinic.passes(lapses)
    waiting = asyncio.ensure_future(run_again(clinic.books(2), rival, isolation))
    await wait_until_waiting(observer, rival)
    await transaction.commit()

    assert told(await waiting) == TAKEN
    assert await clinic.live() == {(START, clinic.doctors[0]): "held"}


@every_isolation
@pytest.mark.parametrize("doctors", [1, 2])
async def test_of_many_holds_for_one_time_each_doctor_has_one(
    database: Database, isolation: Isolation, doctors: int
) -> None:
    clinic = await clinic_of(database, doctors)

    outcomes, answers = await race(
        clinic, isolation, [clinic.holds(call_id=f"call-{n}") for n in range(CALLERS)]
    )

    assert outcomes == {"success": doctors, TAKEN: CALLERS - doctors}
    assert len({one["practitioner_id"] for one in answers if one["success"]}) == doctors


async def test_a_call_that_asks_in_parallel_holds_three(database: Database) -> None:
    clinic = await clinic_of(database, CALLERS)
    sessions = [await database.connect_api() for _ in clinic.doctors]

    answers = await asyncio.gather(
        *(
            clinic.holds(START, practitioner_id=doctor, call_id="call")(session)
            for doctor, session in zip(clinic.doctors, sessions, strict=True)
        )
    )

    assert Counter(answer.get("error") for answer in answers) == {None: 3, "LIMIT_REACHED": 3}


@every_isolation
async def test_a_cancelled_time_goes_to_the_one_who_waited(
    clinic: Clinic, isolation: Isolation
) -> None:
    booked = await clinic.does(clinic.books(1))

    done, heard, answer = await second_behind_first(
        clinic, clinic.cancels(booked), clinic.holds(), isolation
    )

    assert done == "success"
    if isolation == "read_committed":
        assert heard == "success"
    assert told(answer) in ("success", TAKEN)


async def test_a_cancellation_that_is_rolled_back_frees_nothing(clinic: Clinic) -> None:
    booked = await clinic.does(clinic.books(1))

    _, heard, _ = await second_behind_first(
        clinic, clinic.cancels(booked), clinic.holds(), commit=False
    )

    assert heard == TAKEN


@pytest.mark.parametrize("what", ["cancels", "moves"])
async def test_nobody_who_books_queues_for_a_time_that_is_still_taken(
    clinic: Clinic, what: str
) -> None:
    """Until the other transaction commits it is; who holds waits and sees."""
    booked = await clinic.does(clinic.books(1))
    frees = clinic.cancels(booked) if what == "cancels" else clinic.moves(booked, ELSEWHERE)
    holder = await clinic.database.connect_api()

    async with begin(holder), asyncio.timeout(5):
        await frees(holder)
        assert told(await clinic.does(clinic.books(2))) == TAKEN
    assert told(await clinic.does(clinic.books(2))) == "success"


@every_isolation
async def test_a_cancelled_time_goes_to_the_waitlist_before_the_one_who_waited_for_a_lock(
    clinic: Clinic, isolation: Isolation
) -> None:
    booked = await clinic.does(clinic.books(1))
    wish = {"name": "Wanda Waits", "phone": "+442079460777", "service_type": "consultation"}
    entry = await clinic.does(clinic.calls("join_waitlist", **wish))

    done, heard, answer = await second_behind_first(
        clinic, clinic.cancels(booked), clinic.holds(), isolation
    )

    assert done == "success"
    assert refused_or_again(heard, isolation)
    assert answer["error"] == TAKEN
    assert await clinic.live() == {(START, clinic.doctors[0]): "held"}
    accept = clinic.calls(
        "accept_offer", waitlist_id=entry["waitlist_id"], caller_phone=wish["phone"]
    )
    assert told(await clinic.does(accept)) == "success"
    assert await clinic.live() == {(START, clinic.doctors[0]): "confirmed"}


@every_isolation
async def test_an_offer_that_is_accepted_twice_at_once_is_one_booking(
    clinic: Clinic, isolation: Isolation
) -> None:
    booked = await clinic.does(clinic.books(1))
    wish = {"name": "Wanda Waits", "phone": "+442079460777", "service_type": "consultation"}
    entry = await clinic.does(clinic.calls("join_waitlist", **wish))
    await clinic.does(clinic.cancels(booked))
    accept = clinic.calls(
        "accept_offer", waitlist_id=entry["waitlist_id"], caller_phone=wish["phone"]
    )

    done, _, answer = await second_behind_first(clinic, accept, accept, isolation)

    assert (done, told(answer), answer["replayed"]) == ("success", "success", True)
    assert await clinic.live() == {(START, clinic.doctors[0]): "confirmed"}


@every_isolation
async def test_moved_then_cancelled_is_cancelled(clinic: Clinic, isolation: Isolation) -> None:
    booked = await clinic.does(clinic.books(1))

    done, heard, answer = await second_behind_first(
        clinic, clinic.moves(booked, ELSEWHERE), clinic.cancels(booked), isolation
    )

    assert (done, told(answer)) == ("success", "success")
    assert heard == ("success" if isolation == "read_committed" else RUN_AGAIN)
    assert await clinic.live() == {}


@every_isolation
async def test_cancelled_then_moved_is_not_found(clinic: Clinic, isolation: Isolation) -> None:
    booked = await clinic.does(clinic.books(1))

    done, _, answer = await second_behind_first(
        clinic, clinic.cancels(booked), clinic.moves(booked, ELSEWHERE), isolation
    )

    assert (done, answer["error"]) == ("success", "NOT_FOUND")
    assert await clinic.live() == {}


@every_isolation
async def test_two_cancellations_are_one(clinic: Clinic, isolation: Isolation) -> None:
    booked = await clinic.does(clinic.books(1))

    done, _, answer = await second_behind_first(
        clinic, clinic.cancels(booked), clinic.cancels(booked), isolation
    )

    assert (done, answer["replayed"], answer["version"]) == ("success", True, 2)


@every_isolation
async def test_who_comes_after_all_finds_the_rest_of_the_time_given_away(
    clinic: Clinic, isolation: Isolation
) -> None:
    """Staff take a no-show back while another is booked into what was left of it."""
    booked = await clinic.does(clinic.books(1))
    await clinic.passes(START + timedelta(minutes=5))
    await clinic.does(clinic.marks(booked, "no_show"))
    rest = clinic.books(2, START + timedelta(minutes=15))

    done, heard, answer = await second_behind_first(
        clinic, clinic.marks(booked, "confirmed"), rest, isolation
    )

    assert done == "success"
    assert refused_or_again(heard, isolation)
    assert answer["error"] == TAKEN
