"""Moves, crossed and otherwise: each order of two sessions is forced.

As in test_diary_interleavings, the rival's snapshot is older than what the holder does.
"""

from datetime import datetime
from uuid import UUID

import pytest

from tests.concurrency.diary import (
    ELSEWHERE,
    LATER,
    RUN_AGAIN,
    Clinic,
    Operation,
    clinic_of,
    race,
    refused_or_again,
    second_behind_first,
    told,
)
from tests.concurrency.sessions import (
    ISOLATIONS,
    TAKEN,
    Isolation,
    begin,
    double_bookings,
)
from tests.concurrency.test_negative_control import NO_CONSTRAINTS, NO_LOCK
from tests.database import HOUR, START, Booking, Database

CALLERS = 6
every_isolation = pytest.mark.parametrize("isolation", ISOLATIONS)


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """Of one doctor; there are several where a test needs them."""
    return await clinic_of(database, 1)


@every_isolation
@pytest.mark.parametrize("second", ["holds", "books"])
async def test_a_moves_target_is_taken(clinic: Clinic, isolation: Isolation, second: str) -> None:
    booked = await clinic.does(clinic.books(1))
    rival = clinic.holds(ELSEWHERE) if second == "holds" else clinic.books(2, ELSEWHERE)

    done, heard, answer = await second_behind_first(
        clinic, clinic.moves(booked, ELSEWHERE), rival, isolation
    )

    assert done == "success"
    assert refused_or_again(heard, isolation)
    assert answer["error"] == TAKEN
    assert await clinic.live() == {(ELSEWHERE, clinic.doctors[0]): "confirmed"}


@every_isolation
@pytest.mark.parametrize("first", ["holds", "books"])
async def test_a_move_into_a_time_just_taken_stays_where_it_was(
    clinic: Clinic, isolation: Isolation, first: str
) -> None:
    booked = await clinic.does(clinic.books(1))
    taking = clinic.holds(ELSEWHERE) if first == "holds" else clinic.books(2, ELSEWHERE)

    done, heard, answer = await second_behind_first(
        clinic, taking, clinic.moves(booked, ELSEWHERE), isolation
    )

    assert done == "success"
    assert refused_or_again(heard, isolation)
    assert answer["error"] == TAKEN
    assert (START, clinic.doctors[0]) in await clinic.live()


@every_isolation
async def test_the_time_a_move_frees_goes_to_the_one_who_waited(
    clinic: Clinic, isolation: Isolation
) -> None:
    booked = await clinic.does(clinic.books(1))

    done, heard, answer = await second_behind_first(
        clinic, clinic.moves(booked, ELSEWHERE), clinic.holds(), isolation
    )

    assert done == "success"
    if isolation == "read_committed":
        assert heard == "success"
    assert told(answer) in ("success", TAKEN)


async def test_a_move_that_is_rolled_back_frees_nothing(clinic: Clinic) -> None:
    booked = await clinic.does(clinic.books(1))

    _, heard, _ = await second_behind_first(
        clinic, clinic.moves(booked, ELSEWHERE), clinic.holds(), commit=False
    )

    assert heard == TAKEN
    assert await clinic.live() == {(START, clinic.doctors[0]): "confirmed"}


def crossed(clinic: Clinic, one: Booking, other: Booking) -> list[Operation]:
    """Each to where the other is."""
    return [
        clinic.moves(
            mine,
            datetime.fromisoformat(theirs["scheduled_at"]),
            practitioner_id=UUID(theirs["practitioner_id"]),
        )
        for mine, theirs in ((one, other), (other, one))
    ]


@every_isolation
@pytest.mark.parametrize("doctors", [1, 2])
async def test_crossed_moves_are_both_refused(
    database: Database, isolation: Isolation, doctors: int
) -> None:
    clinic = await clinic_of(database, doctors)
    one = await clinic.does(clinic.books(1, practitioner_id=clinic.doctors[0]))
    other = await clinic.does(clinic.books(2, ELSEWHERE, practitioner_id=clinic.doctors[-1]))
    before = await clinic.live()

    first, second = crossed(clinic, one, other)
    done, heard, answer = await second_behind_first(clinic, first, second, isolation)

    assert done == TAKEN
    assert refused_or_again(heard, isolation)
    assert answer["error"] == TAKEN
    assert await clinic.live() == before


@every_isolation
@pytest.mark.parametrize("doctors", [1, 2])
async def test_crossed_moves_at_once_do_not_deadlock(
    database: Database, isolation: Isolation, doctors: int
) -> None:
    """Unforced, and often: a deadlock isn't run again here, it fails the test."""
    clinic = await clinic_of(database, doctors)
    one = await clinic.does(clinic.books(1, practitioner_id=clinic.doctors[0]))
    other = await clinic.does(clinic.books(2, ELSEWHERE, practitioner_id=clinic.doctors[-1]))

    outcomes, _ = await race(clinic, isolation, crossed(clinic, one, other) * 5)

    assert outcomes == {TAKEN: 10}


@every_isolation
async def test_two_who_pass_each_other_both_arrive(
    database: Database, isolation: Isolation
) -> None:
    """From one doctor to the other and the other way round, to times that are free."""
    clinic = await clinic_of(database, 2)
    grey, shaw = clinic.doctors
    one = await clinic.does(clinic.books(1, practitioner_id=grey))
    other = await clinic.does(clinic.books(2, practitioner_id=shaw))

    done, _, answer = await second_behind_first(
        clinic,
        clinic.moves(one, LATER, practitioner_id=shaw),
        clinic.moves(other, LATER, practitioner_id=grey),
        isolation,
    )

    assert (done, told(answer)) == ("success", "success")
    assert set(await clinic.live()) == {(LATER, grey), (LATER, shaw)}


@every_isolation
async def test_of_two_moves_of_one_appointment_the_last_decides(
    clinic: Clinic, isolation: Isolation
) -> None:
    booked = await clinic.does(clinic.books(1))

    done, heard, answer = await second_behind_first(
        clinic, clinic.moves(booked, ELSEWHERE), clinic.moves(booked, LATER), isolation
    )

    assert (done, told(answer), answer["version"]) == ("success", "success", 3)
    assert heard == ("success" if isolation == "read_committed" else RUN_AGAIN)
    assert answer["previous"]["scheduled_at"] == ELSEWHERE.isoformat()
    assert await clinic.live() == {(LATER, clinic.doctors[0]): "confirmed"}


@every_isolation
async def test_a_move_of_what_somebody_moved_meanwhile_is_stale(
    clinic: Clinic, isolation: Isolation
) -> None:
    booked = await clinic.does(clinic.books(1))

    _, _, answer = await second_behind_first(
        clinic,
        clinic.moves(booked, ELSEWHERE, version=1),
        clinic.moves(booked, LATER, version=1),
        isolation,
    )

    assert (answer["error"], answer["version"]) == ("STALE_VERSION", 2)
    assert await clinic.live() == {(ELSEWHERE, clinic.doctors[0]): "confirmed"}


@every_isolation
async def test_a_move_of_what_went_to_another_doctor_meanwhile_is_run_again(
    database: Database, isolation: Isolation
) -> None:
    """It waited for the wrong doctor's lock."""
    clinic = await clinic_of(database, 2)
    grey, shaw = clinic.doctors
    booked = await clinic.does(clinic.books(1, practitioner_id=grey))

    _, heard, answer = await second_behind_first(
        clinic,
        clinic.moves(booked, START, practitioner_id=shaw),
        clinic.moves(booked, LATER),
        isolation,
    )

    assert (heard, told(answer)) == (RUN_AGAIN, "success")
    assert await clinic.live() == {(LATER, shaw): "confirmed"}


@every_isolation
@pytest.mark.parametrize("doctors", [1, 2])
async def test_of_many_who_move_into_one_time_one_does(
    database: Database, isolation: Isolation, doctors: int
) -> None:
    """Of one doctor and of two, all to the first's."""
    clinic = await clinic_of(database, doctors)
    booked = [
        await clinic.does(
            clinic.books(n, START + n * HOUR, practitioner_id=clinic.doctors[n % doctors])
        )
        for n in range(CALLERS)
    ]
    target = START + CALLERS * HOUR

    outcomes, _ = await race(
        clinic,
        isolation,
        [clinic.moves(one, target, practitioner_id=clinic.doctors[0]) for one in booked],
    )

    assert outcomes == {"success": 1, TAKEN: CALLERS - 1}
    assert len(await clinic.live()) == CALLERS


async def test_with_neither_guard_a_move_and_a_hold_share_a_time(clinic: Clinic) -> None:
    """Or the tests above prove nothing."""
    owner = await clinic.database.owner()
    for guard in (NO_LOCK, NO_CONSTRAINTS):
        await owner.execute(guard)
    booked = await clinic.does(clinic.books(1))
    holder = await clinic.database.connect_api()

    async with begin(holder):
        assert told(await clinic.moves(booked, ELSEWHERE)(holder)) == "success"
        assert told(await clinic.does(clinic.holds(ELSEWHERE))) == "success"

    assert await double_bookings(owner) == 1
