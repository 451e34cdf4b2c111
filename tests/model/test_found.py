"""What the machine found, or reading led to, each as its shortest story."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.database import Server
from tests.model.agreement import Json
from tests.model.naive_hours import Clinic, Practitioner, Room, Schedule, Service
from tests.model.stored_diary import StoredDiary, stored_diary

NOW = datetime(2027, 3, 1, tzinfo=UTC)
TEN, ELEVEN = (NOW + timedelta(days=1, hours=hour) for hour in (10, 11))
HOUR = timedelta(hours=1)
LONDON = Clinic("Europe/London", practitioners=(Practitioner(1), Practitioner(2)))


@pytest.fixture(scope="module")
def stored(server: Server) -> Iterator[StoredDiary]:
    with stored_diary(server) as stored:
        yield stored


def opened(stored: StoredDiary, clinic: Clinic, now: datetime = NOW) -> None:
    stored.make(clinic)
    stored.set_clock(now)


def books(stored: StoredDiary, at: datetime, number: int | None = None, **more: object) -> Json:
    answer: Json = stored.call(
        "book_appointment_atomic",
        **{
            "patient_name": "Ann Taylor",
            "patient_email": None,
            "patient_phone": "+442079460958",
            "service_type": "check",
            "scheduled_at": at,
            "duration_minutes": None,
            "practitioner_id": stored.practitioner_id(number),
            **more,
        },
    )
    return answer


def holds(stored: StoredDiary, at: datetime, number: int | None = None, **more: object) -> Json:
    answer: Json = stored.call(
        "hold_slot",
        **{
            "service_type": "check",
            "scheduled_at": at,
            "practitioner_id": stored.practitioner_id(number),
            **more,
        },
    )
    return answer


def looks(stored: StoredDiary, first: datetime, until: datetime, **more: object) -> Json:
    answer: Json = stored.call(
        "check_availability",
        **{"from": first, "until": until, "service_type": "check", "spread": False, **more},
    )
    return answer


def test_a_hold_with_one_practitioner_hides_no_other(stored: StoredDiary) -> None:
    """Held for a check with Dr 1, who has no time for a clean then; Dr 2 has."""
    both = (Service("check", 30), Service("clean", 120))
    opened(stored, Clinic("Europe/London", practitioners=LONDON.practitioners, services=both))
    books(stored, ELEVEN, 1, patient_name="Eve Jones", patient_phone="+442079460111")
    holds(stored, TEN, 1, call_id="call")
    clean: Json = {"service_type": "clean", "call_id": "call"}

    offered = looks(stored, TEN, TEN + timedelta(minutes=1), **clean)["slots"]
    answer = books(stored, TEN, **clean)

    assert [slot["practitioner_id"] for slot in offered] == [str(stored.practitioner_id(2))]
    assert answer.get("practitioner_id") == str(stored.practitioner_id(2)), answer


def test_a_hold_of_one_service_gives_no_room_to_another(stored: StoredDiary) -> None:
    """Held for a scan, which needs a room; booked for a talk, which needs none."""
    scan = Service("scan", 30, rooms=(1,))
    rooms = Clinic("Europe/London", rooms=(Room(1),), services=(scan, Service("talk", 30)))
    opened(stored, rooms)
    hold = holds(stored, TEN, service_type="scan", call_id="call")

    answer = books(stored, TEN, service_type="talk", call_id="call", hold_id=hold["hold_id"])

    assert (answer["success"], answer["room_id"]) == (True, None)


def test_a_hold_of_one_service_spares_no_other_its_notice(stored: StoredDiary) -> None:
    """A talk can be had at once, a scan must be known a day before."""
    scan, talk = Service("scan", 30, notice=24 * 60), Service("talk", 30, notice=0)
    opened(stored, Clinic("Europe/London", services=(scan, talk)))
    soon = NOW + HOUR
    holds(stored, soon, service_type="talk", call_id="call")

    assert books(stored, soon, service_type="scan", call_id="call").get("error") == "TOO_SOON"


def test_what_is_held_can_be_booked_within_the_notice(stored: StoredDiary) -> None:
    """The notice was kept when it was held, a minute ago."""
    opened(stored, Clinic("Europe/London", notice=60))
    hold = holds(stored, NOW + HOUR, call_id="call")
    stored.set_clock(NOW + timedelta(minutes=1))

    assert hold["success"] is True
    assert books(stored, NOW + HOUR)["error"] == "TOO_SOON"
    assert books(stored, NOW + HOUR, call_id="call")["success"] is True


def test_a_lapsed_hold_does_not_keep_staff_from_taking_a_no_show_back(stored: StoredDiary) -> None:
    opened(stored, LONDON)
    marked = {"appointment_id": books(stored, TEN, 1)["appointment_id"], "source": "staff"}
    stored.set_clock(TEN + timedelta(minutes=1))
    stored.call("mark_appointment", **marked, status="no_show")
    lapses = holds(stored, TEN + HOUR / 2, 1)["expires_at"]
    stored.set_clock(datetime.fromisoformat(lapses))

    assert stored.call("mark_appointment", **marked, status="confirmed")["success"] is True


def test_a_lapsed_hold_does_not_make_a_practitioner_busy(stored: StoredDiary) -> None:
    opened(stored, LONDON)
    lapses = holds(stored, ELEVEN, 1)["expires_at"]
    stored.set_clock(datetime.fromisoformat(lapses))

    assert books(stored, TEN)["practitioner_id"] == str(stored.practitioner_id(1))


@pytest.mark.parametrize(
    ("hours", "start"),
    [
        (("01:05", "02:05"), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),  # 02:00, as 01:00 is skipped
        (("01:00", "01:30"), datetime(2027, 10, 31, 0, 0, tzinfo=UTC)),  # the first 01:00 of two
        (("01:00", "01:30"), datetime(2027, 10, 31, 1, 0, tzinfo=UTC)),  # and the second
    ],
)
def test_a_start_is_in_the_part_of_the_day_its_wall_time_is_in(
    stored: StoredDiary, hours: tuple[str, str], start: datetime
) -> None:
    opened(stored, LONDON, start - timedelta(days=3))
    part = dict(zip(("time_from", "time_until"), hours, strict=True))

    found = looks(stored, start, start + timedelta(minutes=1), **part)["slots"]

    assert {datetime.fromisoformat(slot["starts_at"]) for slot in found} == {start}


@pytest.mark.parametrize("session_zone", ["UTC", "America/New_York"])
def test_how_far_ahead_is_no_matter_of_the_sessions_zone(
    stored: StoredDiary, session_zone: str
) -> None:
    """New York's clocks change meanwhile, London's too."""
    now = datetime(2027, 3, 10, 12, tzinfo=UTC)
    opened(stored, Clinic("Europe/London", horizon_days=30), now)
    stored.runner.run(stored.api.execute(f"SET TimeZone = '{session_zone}'"))
    try:
        answer = books(stored, now + timedelta(days=30))
    finally:
        stored.runner.run(stored.api.execute("RESET TimeZone"))

    assert answer["success"] is True


def test_the_asked_practitioners_alternatives_come_before_all_others(stored: StoredDiary) -> None:
    """Free 8 and 13 hours from now, and not for two days then: both are told, then the other's."""
    away = (
        (TEN - timedelta(days=3), TEN + 8 * HOUR),
        (TEN + 9 * HOUR, TEN + 13 * HOUR),
        (TEN + 14 * HOUR, TEN + timedelta(days=9)),
    )
    doctors = (Practitioner(1, Schedule(absences=away)), Practitioner(2))
    opened(stored, Clinic("Europe/London", practitioners=doctors))

    told = books(stored, TEN, 1)["alternatives"]

    first, second = (stored.practitioner_id(number) for number in (1, 2))
    assert [slot["practitioner_id"] for slot in told] == [str(first), str(first), str(second)]
