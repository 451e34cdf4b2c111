"""What availability offers, booking accepts; what it does not offer, booking refuses.

No model is asked, but for wall times, and those are proved to be as PostgreSQL reads them.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.database import Server
from tests.model.agreement import Json
from tests.model.clinics import CALLERS, CHANGES, HOUR, Scene, minutes_of_start, scenes, ticks
from tests.model.naive_hours import DAY_MINUTES, instant_of
from tests.model.profiles import profile
from tests.model.stored_diary import StoredDiary, stored_diary

TICK = timedelta(minutes=5)
Slot = tuple[datetime, int]


@pytest.mark.parametrize(("zone", "change"), CHANGES)
async def test_the_model_reads_wall_time_as_postgresql_does(
    reader: asyncpg.Connection, zone: str, change: date
) -> None:
    """Skipped hours and doubled ones too."""
    midnight = datetime.combine(change, datetime.min.time())
    query = "SELECT ($1::timestamp + $2 * interval '1 minute') AT TIME ZONE $3"
    for minutes in range(-HOUR, DAY_MINUTES + HOUR, 5):
        read = await reader.fetchval(query, midnight, minutes, zone)
        assert read == instant_of(zone, change, minutes), minutes


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_the_clocks_change_where_the_tests_think(zone: str, change: date) -> None:
    """A new edition of the zones could make all of this prove nothing."""
    offsets = {
        instant_of(zone, change, minutes).astimezone(ZoneInfo(zone)).utcoffset()
        for minutes in (0, DAY_MINUTES - 1)
    }
    assert len(offsets) == 2


def numbers(stored: StoredDiary, slots: list[Json]) -> set[Slot]:
    return {
        (
            datetime.fromisoformat(slot["starts_at"]),
            next(n for n in range(4) if str(stored.practitioner_id(n)) == slot["practitioner_id"]),
        )
        for slot in slots
    }


def offered(stored: StoredDiary, first: datetime, until: datetime, **parameters: object) -> Json:
    answer: Json = stored.call(
        "check_availability",
        until=until,
        limit=500,
        spread=False,
        **{"from": first, "service_type": "check", **parameters},
    )
    return answer


def booked(stored: StoredDiary, start: datetime, number: int, **parameters: object) -> Json:
    """What a caller with no other appointment is told."""
    answer: Json = stored.call(
        "book_appointment_atomic",
        patient_name="Zoe New",
        patient_email=None,
        patient_phone="+442079460999",
        service_type="check",
        scheduled_at=start,
        duration_minutes=None,
        practitioner_id=stored.practitioner_id(number),
        **parameters,
    )
    return answer


def held(stored: StoredDiary, start: datetime, number: int) -> Json:
    answer: Json = stored.call(
        "hold_slot",
        service_type="check",
        scheduled_at=start,
        practitioner_id=stored.practitioner_id(number),
    )
    return answer


def fill(stored: StoredDiary, scene: Scene, starts: list[int]) -> None:
    """A few appointments of others, and holds."""
    for n, start in enumerate(starts):
        if n % 3 == 2:
            stored.call("hold_slot", service_type="check", scheduled_at=scene.instant(start))
            continue
        stored.call(
            "book_appointment_atomic",
            patient_name=CALLERS[0].name,
            patient_email=None,
            patient_phone=f"+44207946{n:04}",
            service_type="check",
            scheduled_at=scene.instant(start),
            duration_minutes=30,
        )


def open_clinic(stored: StoredDiary, scene: Scene, now: int, starts: list[int]) -> None:
    stored.make(scene.clinic)
    stored.set_clock(scene.instant(now))
    fill(stored, scene, starts)


some_starts = st.lists(minutes_of_start, min_size=2, max_size=6)
clocks = ticks(-DAY_MINUTES, 2 * HOUR)


def test_what_is_offered_is_accepted_and_nothing_else(server: Server) -> None:
    """Each start of the grid, each practitioner, both directions, by booking and by holding."""

    @profile(12)
    @given(scene=scenes(), now=clocks, starts=some_starts, first=ticks(0, 6 * HOUR, HOUR))
    def both_directions(scene: Scene, now: int, starts: list[int], first: int) -> None:
        open_clinic(stored, scene, now, starts)
        begins, ends = scene.instant(first), scene.instant(first + 3 * HOUR)
        answer = offered(stored, begins, ends)
        found = numbers(stored, answer.get("slots", []))
        midnight = scene.instant(0)
        practitioners = [one.number for one in scene.clinic.practitioners] or [0]
        start = begins
        while start < ends:
            if (start - midnight) % timedelta(minutes=scene.clinic.slot) == timedelta(0):
                for number in practitioners:
                    for accept in (booked, held):
                        with stored.undone():
                            accepted = accept(stored, start, number)
                        assert accepted["success"] is ((start, number) in found), accepted
            start += TICK

    with stored_diary(server) as stored:
        both_directions()


def test_every_alternative_can_be_had(server: Server) -> None:
    """At that moment, by the caller who was told of it."""

    @profile(25)
    @given(scene=scenes(), now=clocks, starts=some_starts, number=st.sampled_from([0, 1, 2]))
    def each(scene: Scene, now: int, starts: list[int], number: int) -> None:
        open_clinic(stored, scene, now, starts)
        for start in starts:
            with stored.undone():
                refused = booked(stored, scene.instant(start), number)
            for slot, practitioner in numbers(stored, refused.get("alternatives", [])):
                with stored.undone():
                    assert booked(stored, slot, practitioner)["success"]

    with stored_diary(server) as stored:
        each()


def test_a_moved_appointment_may_go_wherever_its_time_was_the_only_hindrance(
    server: Server,
) -> None:
    """Moving by one tick, it stands in its own way no more than a hold of its own call would."""

    @profile(25)
    @given(scene=scenes(), now=clocks, starts=some_starts, by=st.sampled_from([-10, -5, 5, 10]))
    def each(scene: Scene, now: int, starts: list[int], by: int) -> None:
        open_clinic(stored, scene, now, starts[1:])
        first = booked(stored, scene.instant(starts[0]), 0 if not scene.clinic.practitioners else 1)
        if not first["success"]:
            return
        there = scene.instant(starts[0] + by)
        number = next(iter(numbers(stored, [{**first, "starts_at": first["scheduled_at"]}])))[1]
        with stored.undone():
            moved = stored.call(
                "reschedule_appointment", appointment_id=first["appointment_id"], scheduled_at=there
            )
        with stored.undone():
            stored.call("cancel_appointment", appointment_id=first["appointment_id"])
            instead = booked(stored, there, number)
        assert moved["success"] is instead["success"], (moved, instead)

    with stored_diary(server) as stored:
        each()
