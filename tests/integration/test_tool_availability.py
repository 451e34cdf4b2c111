"""`checkAvailability`: what it offers can be booked, and when there is nothing it says why."""

from datetime import UTC, datetime, time

import pytest

from tests.integration.clinics import NOW, Api, Json
from tests.integration.tool_calls import (
    NONSENSE,
    SOMEBODY_ELSE,
    add_practitioner,
    all_rows,
    booked,
    set_clinic,
    use,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOL = "checkAvailability"
REFUSED: list[tuple[str, Json, str]] = [
    ("reversed", {"date": "2026-11-05", "dateTo": "2026-11-04"}, "INVALID_DATE"),
    ("past", {"date": "2026-11-01", "dateTo": "2026-11-04"}, "DATE_IN_PAST"),
    ("no such day", {"date": "2027-02-30"}, "INVALID_DATE"),
    ("words", {"date": "when the moon is full"}, "INVALID_DATE"),
    ("today or in a week", {"date": "Monday"}, "NEEDS_CONFIRMATION"),
    ("over 90 days", {"dateTo": "2027-02-15"}, "INVALID_ARGUMENTS"),
    ("the end of the calendar", {"date": "9999-12-31"}, "TOO_FAR_AHEAD"),
    ("no part of a day", {"timeOfDay": "whenever Mars is up"}, "INVALID_ARGUMENTS"),
    ("a service it hasn't", {"serviceType": "surgery"}, "UNKNOWN_SERVICE"),
    ("nobody", {"practitioner": "Dr Nobody"}, "UNKNOWN_PRACTITIONER"),
    ("no duration", {"durationMinutes": "long"}, "INVALID_DURATION"),
    ("too long a duration", {"durationMinutes": 2_000}, "INVALID_DURATION"),
]


def starts(payload: Json) -> list[datetime]:
    assert payload["success"] is True, payload
    return [datetime.fromisoformat(slot["startsAt"]) for slot in payload["slots"]]


async def test_six_times_spread_over_two_weeks(voice: Api) -> None:
    payload = await use(voice, TOOL)
    assert payload.keys() == {"success", "message", "slots"}
    found = starts(payload)
    assert len(found) == 6
    assert found == sorted(set(found))
    assert found[0] == datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert {start.date().day for start in found} >= {2, 12}
    assert payload["slots"][0] == {
        "startsAt": "2026-11-02T09:00:00+00:00",
        "practitioner": "Harbor Dental",
        "spoken": "Monday 2 November at 9 am",
    }
    assert await all_rows(voice) == dict.fromkeys(await all_rows(voice), 0)


async def test_three_are_spoken_and_the_rest_is_mentioned(voice: Api) -> None:
    payload = await use(voice, TOOL, {"date": "2026-11-03"})
    message = payload["message"]
    assert sum(slot["spoken"] in message for slot in payload["slots"]) == 3
    assert message.endswith("There are other times as well.")


async def test_what_is_offered_can_be_booked(voice: Api) -> None:
    payload = await use(voice, TOOL, {"dateTo": "2026-11-20"})
    for number, slot in enumerate(payload["slots"]):
        arguments = {"name": "Maya Okafor", "scheduledAt": slot["startsAt"]}
        answered = await use(voice, "bookClinicAppointment", arguments, call_id=f"call-{number}")
        assert answered["success"] is True, slot


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("morning", time(9), time(11, 45)),
        ("in the afternoon", time(12), time(16)),
        ("after 3", time(15), time(16)),
        ("before half past ten", time(9), time(10, 15)),
        ("any time", time(9), time(16)),
    ],
)
async def test_a_part_of_the_day(voice: Api, said: str, first: time, last: time) -> None:
    days = {"date": "tomorrow", "dateTo": "2026-11-20"}
    payload = await use(voice, TOOL, days | {"timeOfDay": said})
    found = starts(payload)
    assert len(found) == 6
    assert all(first <= start.time() <= last for start in found)


async def test_the_evening_begins_at_five(voice: Api) -> None:
    payload = await use(voice, TOOL, {"timeOfDay": "evening"})
    assert (payload["success"], payload["slots"], payload["reason"]) == (True, [], "closed")


async def test_one_day_is_that_day_in_the_clinics_zone(voice: Api) -> None:
    there = await voice.open_clinic(timezone="America/New_York", country="US")
    payload = await use(voice, TOOL, {"date": "2026-11-24"}, headers=there.bearer)
    assert {start.date().isoformat() for start in starts(payload)} == {"2026-11-24"}
    assert payload["slots"][0]["startsAt"] == "2026-11-24T09:00:00-05:00"
    assert payload["slots"][0]["spoken"] == "Tuesday, November 24 at 9 am"


async def test_today_is_from_now_on(voice: Api) -> None:
    await voice.database.set_clock(datetime(2026, 11, 2, 13, 7, tzinfo=UTC))
    found = starts(await use(voice, TOOL, {"date": "today"}))
    assert found[0] == datetime(2026, 11, 2, 13, 15, tzinfo=UTC)


async def test_a_moment_stands_for_its_day(voice: Api) -> None:
    found = starts(await use(voice, TOOL, {"date": "2026-11-24T00:00:00Z"}))
    assert {start.date().isoformat() for start in found} == {"2026-11-24"}


HOLIDAY = """INSERT INTO date_exceptions (org_id, day, reason, source)
SELECT id, '2026-11-03', 'Secret Day', 'holiday' FROM organizations"""
BREAK = """INSERT INTO breaks (org_id, weekday, starts, ends, label)
SELECT id, 2, '09:00', '17:00', 'Secret Day' FROM organizations"""
ABSENCE = """INSERT INTO absences (org_id, practitioner_id, starts_at, ends_at, reason)
SELECT org_id, id, '2026-11-03', '2026-11-04', 'Secret Day' FROM practitioners"""


@pytest.mark.parametrize(
    ("change", "day", "reason"),
    [
        ("SELECT 1", "2026-11-08", "closed"),
        (HOLIDAY, "2026-11-03", "holiday"),
        (BREAK, "2026-11-03", "break"),
        (ABSENCE, "2026-11-03", "away"),
        ("UPDATE services SET duration_minutes = 600", "2026-11-03", "too_long"),
        ("UPDATE organizations SET notice_minutes = 2880", "2026-11-03", "too_soon"),
        ("UPDATE organizations SET horizon_days = 7", "2026-11-24", "too_far"),
    ],
)
async def test_nothing_is_explained_and_no_more(
    voice: Api, change: str, day: str, reason: str
) -> None:
    await voice.value(change)
    payload = await use(voice, TOOL, {"date": day})
    assert payload.keys() == {"success", "message", "slots", "reason"}
    assert (payload["success"], payload["slots"], payload["reason"]) == (True, [], reason)
    assert payload["message"].endswith("Which other time would suit you?")
    assert "Secret Day" not in str(payload)


async def test_fully_booked(voice: Api) -> None:
    await voice.value("UPDATE opening_hours SET closes = '10:00' WHERE weekday = 2")
    await booked(voice, "2026-11-03T09:00")
    payload = await use(voice, TOOL, {"date": "2026-11-03"})
    assert (payload["slots"], payload["reason"]) == ([], "fully_booked")
    assert "Maya" not in str(payload)


async def test_the_calls_own_hold_is_free_to_it_and_to_nobody_else(voice: Api) -> None:
    await voice.value("UPDATE opening_hours SET closes = '10:00' WHERE weekday = 2")
    await use(voice, "holdSlot", {"scheduledAt": "2026-11-03T09:00"})
    assert len(starts(await use(voice, TOOL, {"date": "2026-11-03"}))) == 1
    other = await use(voice, TOOL, {"date": "2026-11-03"}, **SOMEBODY_ELSE)
    assert other["reason"] == "fully_booked"


async def test_practitioners_are_named_where_it_matters(voice: Api) -> None:
    await add_practitioner(voice, "Dr Grey")
    asked = await use(voice, TOOL, {"date": "2026-11-03", "practitioner": "Grey"})
    assert {slot["practitioner"] for slot in asked["slots"]} == {"Dr Grey"}
    assert "with" not in asked["message"]
    await booked(voice, "2026-11-03T09:00", practitioner="Grey")
    await booked(voice, "2026-11-04T09:00", practitioner="Harbor Dental")
    anybody = {"date": "2026-11-03", "dateTo": "2026-11-04", "practitioner": "no preference"}
    nobody = await use(voice, TOOL, anybody)
    named = {slot["practitioner"] for slot in nobody["slots"]}
    assert named == {"Dr Grey", "Harbor Dental"}
    assert all(slot["spoken"].endswith(slot["practitioner"]) for slot in nobody["slots"])


async def test_a_name_that_two_have_is_asked_about(voice: Api) -> None:
    await add_practitioner(voice, "Dr Mary Chen")
    await add_practitioner(voice, "Dr Paul Chen")
    payload = await use(voice, TOOL, {"practitioner": "Dr Chen"})
    assert payload["error"] == "NEEDS_CONFIRMATION"
    assert payload["message"] == "Do you mean Dr Mary Chen or Dr Paul Chen?"


async def test_another_clinics_practitioner_is_nobody_here(voice: Api) -> None:
    other = await voice.open_clinic()
    theirs = await voice.value("SELECT id::text FROM practitioners WHERE org_id = $1", other.id)
    payload = await use(voice, TOOL, {"practitioner": theirs})
    assert payload["error"] == "UNKNOWN_PRACTITIONER"


async def test_a_weekday_said_on_that_weekday_is_asked_about(voice: Api) -> None:
    payload = await use(voice, TOOL, {"date": "Monday"})
    assert payload["candidates"] == ["2026-11-02", "2026-11-09"]


@pytest.mark.parametrize(
    ("arguments", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_a_bad_argument_is_refused_with_its_code(
    voice: Api, arguments: Json, code: str
) -> None:
    payload = await use(voice, TOOL, arguments)
    assert (payload["success"], payload["error"]) == (False, code)
    assert payload["message"].strip()


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
async def test_nonsense_gets_an_answer(voice: Api, value: object) -> None:
    names = ("serviceType", "date", "dateTo", "timeOfDay", "practitioner", "durationMinutes")
    for name in names:
        payload = await use(voice, TOOL, {name: value})
        assert payload.get("error") not in ("INTERNAL_ERROR", "BUSY"), name


async def test_a_clinic_is_asked_nothing_about_another(voice: Api) -> None:
    other = await voice.open_clinic()
    await booked(voice, "2026-11-03T09:00", headers=other.bearer)
    found = starts(await use(voice, TOOL, {"date": "2026-11-03", "timeOfDay": "before 9:15"}))
    assert found == [datetime(2026, 11, 3, 9, tzinfo=UTC)]
    assert found[0] > NOW


async def test_a_caller_check_does_not_stand_in_the_way_of_looking(voice: Api) -> None:
    await set_clinic(voice, caller_check="name_and_birth_date")
    assert len(starts(await use(voice, TOOL))) == 6
