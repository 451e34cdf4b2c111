"""Figures of a clinic: what is counted, in which days, and what isn't."""

import json
from datetime import timedelta
from uuid import UUID

import pytest

from tests.sql.diary import ANN, BOB, EVE, NOW, Diary, at, code

DAY = timedelta(days=1)


async def call(diary: Diary, call_id: str, age: timedelta = timedelta(), **columns: object) -> None:
    tools = json.dumps(columns.pop("tools", []))
    row = {"source": "inbound", "promise": "none", **columns}
    await diary.owner.execute(
        "INSERT INTO calls (org_id, call_id, started_at, tools, source, promise) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        diary.org_id, call_id, NOW - age, tools, row["source"], row["promise"],
    )  # fmt: skip


async def metrics(diary: Diary, days: int = 7) -> dict[str, dict[str, object]]:
    found = await diary.call("clinic_metrics", days=days)
    assert found["success"], found
    return found


async def test_an_empty_clinic_has_zeros_and_no_division(diary: Diary) -> None:
    for days in (1, 7, 14, 90):
        found = await metrics(diary, days)
        assert found["calls"]["answered"] == found["bookings"]["by_agent"] == 0
        assert found["calls"]["offer_ms_p95"] is None
        assert found["deliveries"] == {"calendar_ms": {"p50": None, "p95": None}}


@pytest.mark.parametrize("days", [0, 91, None, -1])
async def test_no_more_than_a_quarter(diary: Diary, days: int | None) -> None:
    assert code(await diary.call("clinic_metrics", days=days)) == "INVALID_ARGUMENTS"


async def test_calls_count_by_the_clinics_days(diary: Diary) -> None:
    """It is Monday 7 June, 08:00 in London (07:00 UTC); the seven days began on Tuesday, 1 June."""
    await call(diary, "today")
    await call(diary, "first", 5 * DAY + timedelta(hours=32))  # Tuesday, 00:00 in London
    await call(diary, "before", 5 * DAY + timedelta(hours=32, minutes=1))
    await call(diary, "longer", 14 * DAY)  # Monday: of neither time
    await call(diary, "ours", source="outbound")
    found = (await metrics(diary))["calls"]
    assert (found["answered"], found["before"]) == (2, 1)
    assert found["per_day"] == {"2027-06-01": 1, "2027-06-07": 1}


async def test_attempts_are_told_apart_by_whose_fault_it_was(diary: Diary) -> None:
    outcomes = ["SUCCESS"] * 3 + ["SLOT_UNAVAILABLE", "OUTSIDE_HOURS", "BUSY", "NO_RESULT", "ERROR"]
    tools: list[dict[str, object]] = [
        {"tool": "bookClinicAppointment", "outcome": each} for each in [*outcomes, None]
    ]
    tools += [
        {"tool": "checkAvailability", "outcome": "SUCCESS", "duration_ms": took}
        for took in (50, 100, None)
    ]
    tools += [{"tool": "cancelAppointment", "outcome": "NOT_FOUND"}, {"tool": "x"}]
    await call(diary, "c", tools=tools, promise="mismatch")
    await call(diary, "k", promise="kept")
    found = (await metrics(diary))["calls"]
    assert (found["attempts"], found["succeeded"], found["ours"], found["callers"]) == (8, 3, 3, 2)
    assert found["refusals"] == {
        "BUSY": 1, "ERROR": 1, "NOT_FOUND": 1, "NO_RESULT": 1, "OUTSIDE_HOURS": 1,
        "SLOT_UNAVAILABLE": 1,
    }  # fmt: skip
    assert found["offer_ms_p95"] == 97.5
    assert (found["mismatches"], found["checked"]) == (1, 2)


async def test_bookings_by_source(diary: Diary) -> None:
    await diary.book(at("10:00"), ANN, source="voice", call_id="c")
    await diary.book(at("11:00"), BOB, source="staff")
    cancelled = await diary.book(at("12:00"), EVE, source="voice")
    await diary.cancel(cancelled)
    await diary.book(at("13:00"), EVE, source="import")
    await diary.hold(at("14:00"))
    found = (await metrics(diary))["bookings"]
    assert found["sources"] == {"voice": 2, "staff": 1}
    assert (found["by_agent"], found["per_day"]) == (2, {"2027-06-07": 2})
    await diary.set_clock(NOW + 7 * DAY)
    later = (await metrics(diary))["bookings"]
    assert (later["by_agent"], later["before"], later["due"]) == (0, 2, 3)


async def test_no_shows(diary: Diary) -> None:
    came = await diary.book(at("10:00"), ANN)
    missed = await diary.book(at("11:00"), BOB)
    await diary.set_clock(at("18:00"))
    await diary.mark(came, "completed")
    await diary.mark(missed, "no_show")
    found = (await metrics(diary))["bookings"]
    assert (found["due"], found["no_shows"]) == (2, 1)


async def test_deliveries_and_how_long_they_took(diary: Diary) -> None:
    booked = [
        await diary.book(at(f"{hour}:00"), who) for hour, who in ((10, ANN), (11, BOB), (12, EVE))
    ]
    for answer, status, seconds in zip(
        booked, ("delivered", "delivered", "failed"), (0.5, 1.5, 9), strict=True
    ):
        await diary.owner.execute(
            "UPDATE deliveries SET status = $2, updated_at = created_at + $3 "
            "WHERE subject_id = $1 AND kind = 'calendar'",
            UUID(answer["appointment_id"]),
            status,
            timedelta(seconds=seconds),
        )
    await diary.owner.execute(
        "UPDATE deliveries SET due_at = 'infinity' WHERE channel = 'sms' AND subject_id = $1",
        UUID(booked[0]["appointment_id"]),
    )
    found = (await metrics(diary))["deliveries"]
    assert found["calendar"] == {"delivered": 2, "failed": 1, "waiting": 0, "parked": 0}
    assert found["sms"] == {"delivered": 0, "failed": 0, "waiting": 2, "parked": 1}
    assert found["calendar_ms"] == {"p50": 1000, "p95": 1450}


async def test_lost_access_counts(diary: Diary) -> None:
    await diary.owner.execute(
        "INSERT INTO calendar_connections (org_id, vendor, calendar, status) "
        "VALUES ($1, 'google', 'c', 'broken')",
        diary.org_id,
    )
    for age in (DAY, 30 * DAY):
        await diary.owner.execute(
            "INSERT INTO alerts (org_id, kind, created_at) VALUES ($1, 'calendar_broken', $2)",
            diary.org_id,
            NOW - age,
        )
    assert (await metrics(diary))["access"] == {"broken": 1, "alerts": 1}


async def test_another_clinics_figures_are_its_own(diary: Diary) -> None:
    await call(diary, "c")
    other = await diary.database.organization(name="Elsewhere")
    found = await diary.database.call(diary.api, "clinic_metrics", other, days=7)
    assert found["calls"]["answered"] == 0
