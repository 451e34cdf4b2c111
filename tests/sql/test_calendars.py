"""Practitioners' calendars in the database: what they keep, who has which, and what is queued."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import Booking
from tests.sql.diary import ANN, BOB, DAY, NOW, OVERBOOK, TUESDAY, Diary, at, clocks, code
from tests.sql.test_diary_plans import EXPLAIN_EVERYTHING
from tests.sql.test_plans import nodes, plans_of

Span = tuple[str, str]


async def connect(
    diary: Diary, practitioner_id: UUID | None = None, calendar: str = "primary"
) -> UUID:
    answer = await diary.call(
        "connect_calendar",
        practitioner_id=practitioner_id,
        vendor="google",
        calendar=calendar,
        account=None,
        credentials=b"encrypted",
    )
    assert code(answer) is None
    return UUID(answer["id"])


async def claim(diary: Diary) -> list[Booking]:
    claimed: list[Booking] = (await diary.call("claim_calendar_sync", limit=10, lease_seconds=60))[
        "calendars"
    ]
    return claimed


async def mirror(diary: Diary, connection: UUID, *spans: Span, round_: int | None = None) -> bool:
    """The calendar was read and keeps these times on the Tuesday, and nothing else."""
    if round_ is None:
        await diary.owner.execute("UPDATE calendar_connections SET sync_due_at = '2020-01-01'")
        claimed = {each["connection"]["id"]: each["round"] for each in await claim(diary)}
        round_ = claimed[str(connection)]
        await diary.owner.execute(
            "UPDATE calendar_connections SET sync_leased_until = NULL WHERE id <> $1", connection
        )
    return await finish(diary, connection, round_, spans, full=True)


async def finish(
    diary: Diary, connection: UUID, round_: int, spans: Sequence[Span], *, full: bool
) -> bool:
    events = [
        {
            "id": f"event{begins}",
            "starts_at": at(begins).isoformat(),
            "ends_at": at(ends).isoformat(),
            "busy": True,
        }
        for begins, ends in spans
    ]
    answer = await diary.call(
        "finish_calendar_sync",
        connection_id=connection,
        round=round_,
        full=full,
        events=json.dumps(events),
        sync_token="next",
    )
    stored: bool = answer["stored"]
    return stored


@pytest.fixture
async def connection(diary: Diary) -> UUID:
    """The clinic's, just read, with nothing in it; open on Tuesdays from nine to twelve."""
    await diary.hours("09:00-12:00")
    made = await connect(diary)
    assert await mirror(diary, made)
    return made


async def test_what_is_busy_is_neither_offered_nor_booked(diary: Diary, connection: UUID) -> None:
    await mirror(diary, connection, ("10:15", "10:30"))

    assert await diary.starts_on() == ["09:00", "09:15", "10:30", "10:45", "11:00"]
    for start in ("09:30", "10:00", "10:15"):
        refused = await diary.book(at(start))
        assert code(refused) == "SLOT_UNAVAILABLE"
        assert not {"09:30", "10:00"} & set(clocks(refused["alternatives"]))
    assert code(await diary.book(at("10:30"))) is None
    assert code(await diary.book(at("09:15"), BOB)) is None


async def test_a_clinic_without_hours_keeps_its_calendar(diary: Diary) -> None:
    await mirror(diary, await connect(diary), ("10:00", "11:00"))
    assert code(await diary.book(at("10:30"))) == "SLOT_UNAVAILABLE"
    assert code(await diary.book(at("03:00"))) is None


async def test_all_busy_is_fully_booked(diary: Diary, connection: UUID) -> None:
    await mirror(diary, connection, ("09:00", "12:00"))
    free = await diary.free_on()
    assert (free["slots"], free["reason"]) == ([], "fully_booked")


async def test_holds_and_moves_keep_to_it(diary: Diary, connection: UUID) -> None:
    booked = await diary.book(at("11:00"))
    await mirror(diary, connection, ("09:00", "10:00"))
    assert code(await diary.hold(at("09:30"))) == "SLOT_UNAVAILABLE"
    assert code(await diary.move(booked, at("09:30"))) == "SLOT_UNAVAILABLE"
    assert code(await diary.move(booked, at("10:00"))) is None


async def test_staff_may_book_over_it(diary: Diary, connection: UUID) -> None:
    await mirror(diary, connection, ("09:00", "12:00"))
    booked = await diary.book(at("10:00"), **OVERBOOK)
    row = await diary.row(booked)
    # Nothing of ours is overlapped, so the constraint keeps it as any other.
    assert (row["overlap_allowed"], json.loads(row["metadata"])["overlap_reason"]) == (
        False,
        "in pain",
    )
    assert code(await diary.book(at("11:00"), BOB, source="import")) is None


async def test_whose_calendar_it_is(diary: Diary) -> None:
    """A practitioner's own; the clinic's for everybody who has none."""
    own, other = await diary.practitioners("Own", "Other")
    everybodys, theirs = await connect(diary), await connect(diary, own, "own")
    await mirror(diary, everybodys, ("09:00", "10:00"))
    await mirror(diary, theirs, ("14:00", "15:00"))
    for start, practitioner_id, caller, expected in (
        ("09:00", own, ANN, None),
        ("14:00", own, ANN, "SLOT_UNAVAILABLE"),
        ("09:00", other, BOB, "SLOT_UNAVAILABLE"),
        ("14:00", other, BOB, None),
    ):
        answer = await diary.book(at(start), caller, practitioner_id=practitioner_id)
        assert code(answer) == expected

    gone = await diary.call("disconnect_calendar", connection_id=theirs)
    assert code(gone) is None
    assert await diary.count("busy_times") == 1
    assert (
        code(await diary.move(await diary.book(at("20:00"), BOB, practitioner_id=own), at("09:30")))
        == "SLOT_UNAVAILABLE"
    )


@pytest.fixture
async def stale(diary: Diary, connection: UUID) -> UUID:
    """It was read an hour ago, and the clinic allows no more."""
    await diary.set_clock(NOW + timedelta(minutes=60))
    return connection


async def test_a_stale_mirror_is_used_as_it_is(diary: Diary, stale: UUID) -> None:
    assert (await diary.call("list_calendars"))["calendars"][0]["stale"] is True
    assert code(await diary.book(at("10:00"))) is None


@pytest.mark.parametrize(
    ("policy", "refused"), [("refuse", "SLOT_UNAVAILABLE"), ("ask", "CALENDAR_STALE")]
)
async def test_a_stale_mirror_counts_as_busy(
    diary: Diary, stale: UUID, policy: str, refused: str
) -> None:
    await diary.set(calendar_stale=policy)
    answer = await diary.book(at("10:00"))
    assert (code(answer), answer["alternatives"]) == (refused, [])
    assert code(await diary.hold(at("10:00"))) == refused
    free = await diary.free_on()
    assert (free["slots"], free["reason"]) == ([], "calendar_stale")
    # Closed is closed, seen or not.
    assert code(await diary.book(at("13:00"))) == "OUTSIDE_HOURS"
    assert await diary.count("alerts") == 0
    # Read again, all is well.
    await mirror(diary, stale)
    assert code(await diary.book(at("10:00"))) is None
    # And what is taken is taken, whatever can't be seen.
    await diary.set_clock(NOW + timedelta(minutes=180))
    assert code(await diary.book(at("10:00"), BOB)) == "SLOT_UNAVAILABLE"


async def test_somebody_whose_calendar_is_seen_is_booked(diary: Diary) -> None:
    blind, _seen = await diary.practitioners("Blind", "Seen")
    await diary.set(calendar_stale="ask")
    await connect(diary, blind)
    asked = await diary.book(at("10:00"), practitioner_id=blind)
    assert code(asked) == "CALENDAR_STALE"
    assert {each["practitioner_name"] for each in asked["alternatives"]} == {"Seen"}
    anybody = await diary.book(at("10:00"))
    assert anybody["practitioner_name"] == "Seen"
    assert code(await diary.book(at("10:00"), BOB)) == "CALENDAR_STALE"


async def test_a_broken_calendar_goes_stale_by_itself(diary: Diary, connection: UUID) -> None:
    await diary.set(calendar_stale="refuse")
    await break_(diary, connection)
    assert code(await diary.book(at("09:00"))) is None
    await diary.set_clock(NOW + timedelta(minutes=61))
    assert code(await diary.book(at("10:00"), BOB)) == "SLOT_UNAVAILABLE"


async def break_(diary: Diary, connection: UUID, version: int = 1) -> bool:
    answer = await diary.call(
        "break_calendar",
        connection_id=connection,
        credentials_version=version,
        error_code="invalid_grant",
        error="Connect it again.",
    )
    broken: bool = answer["broken"]
    return broken


async def test_staff_are_told_once_of_a_broken_calendar(diary: Diary, connection: UUID) -> None:
    assert await break_(diary, connection)
    assert await break_(diary, connection)
    assert await diary.count("alerts") == 1
    assert await claim(diary) == []

    # Connected anew, an old failure breaks nothing.
    assert await connect(diary) == connection
    assert not await break_(diary, connection, version=1)
    assert [each["status"] for each in (await diary.call("list_calendars"))["calendars"]] == [
        "connected"
    ]


async def test_staff_are_told_when_it_cant_be_read_for_too_long(
    diary: Diary, connection: UUID
) -> None:
    for minutes, alerts in ((30, 0), (61, 1), (90, 1)):
        await diary.set_clock(NOW + timedelta(minutes=minutes))
        (claimed,) = await claim(diary)
        failed = await diary.call(
            "fail_calendar_sync",
            connection_id=connection,
            round=claimed["round"],
            error_code="timeout",
            error="No answer.",
        )
        assert code(failed) is None
        assert await diary.count("alerts") == alerts
    (shown,) = (await diary.call("list_calendars"))["calendars"]
    assert (shown["error"], shown["age_seconds"]) == ("No answer.", 90 * 60)


async def test_only_the_leases_holder_stores(diary: Diary, connection: UUID) -> None:
    await diary.set_clock(NOW + timedelta(minutes=6))
    (first,) = await claim(diary)
    assert await claim(diary) == []
    await diary.set_clock(NOW + timedelta(minutes=12))
    (second,) = await claim(diary)
    assert not await finish(diary, connection, first["round"], [("09:00", "10:00")], full=True)
    assert await finish(diary, connection, second["round"], [("10:00", "11:00")], full=False)
    assert code(await diary.book(at("09:00"))) is None
    assert code(await diary.book(at("10:00"), BOB)) == "SLOT_UNAVAILABLE"


async def test_a_push_during_a_sync_is_not_forgotten(diary: Diary, connection: UUID) -> None:
    channel, token = uuid4(), f"{diary.org_id.hex}.secret"
    await diary.owner.execute(
        "UPDATE calendar_connections SET channel_id = $1, "
        "channel_token_hash = sha256(convert_to($2, 'UTF8')), sync_due_at = $3",
        channel,
        token,
        NOW,
    )
    (claimed,) = await claim(diary)
    pushed = await diary.call(
        "calendar_pushed", connection_id=connection, channel_id=channel, token=token
    )
    assert code(pushed) is None
    assert await claim(diary) == []
    await finish(diary, connection, claimed["round"], [], full=False)
    assert len(await claim(diary)) == 1


async def test_the_window_is_the_horizon_and_no_more(diary: Diary, connection: UUID) -> None:
    await diary.set_clock(NOW + DAY)
    for horizon, ahead in ((30, 33), (730, 400)):
        await diary.set(horizon_days=horizon)
        await diary.owner.execute(
            "UPDATE calendar_connections SET sync_leased_until = NULL, sync_due_at = '2020-01-01'"
        )
        (claimed,) = await claim(diary)
        assert datetime.fromisoformat(claimed["window_starts_at"]) == NOW
        assert datetime.fromisoformat(claimed["window_ends_at"]) == NOW + DAY + ahead * DAY


async def test_one_connection_each(diary: Diary) -> None:
    """The same calendar mends, another one replaces."""
    grey = await diary.practitioner()
    first = await connect(diary)
    assert await connect(diary) == first
    second = await connect(diary, calendar="another")
    own = await connect(diary, grey)
    assert len({first, second, own}) == 3
    shown = (await diary.call("list_calendars"))["calendars"]
    assert [each["id"] for each in shown] == [str(second), str(own)]
    assert "credentials" not in json.dumps(shown)
    with pytest.raises(asyncpg.UniqueViolationError):
        await diary.owner.execute(
            "INSERT INTO calendar_connections (org_id, vendor, calendar) "
            "VALUES ($1, 'caldav', 'c')",
            diary.org_id,
        )


async def test_connecting_queues_what_is_to_come(diary: Diary) -> None:
    coming, cancelled = await diary.book(at("09:00")), await diary.book(at("10:00"), BOB)
    past = await diary.book(at("12:00", NOW.date()), BOB)
    await diary.cancel(cancelled)
    await diary.owner.execute("UPDATE deliveries SET status = 'voided'")
    await diary.set_clock(at("13:00", NOW.date()))

    await connect(diary)

    for booked, version, expected in (
        (coming, 1, "queued"),
        (cancelled, 2, "voided"),
        (past, 1, "voided"),
    ):
        assert (await diary.deliveries(booked))["calendar", version] == expected
    await diary.owner.execute("UPDATE deliveries SET status = 'delivered' WHERE kind = 'calendar'")
    saved = await diary.call(
        "save_calendar_event",
        appointment_id=UUID(coming["appointment_id"]),
        connection_id=await connect(diary),
        event_id="e",
        etag="1",
        version=1,
        starts_at=at("09:00"),
        ends_at=at("10:00"),
    )
    assert code(saved) is None
    await diary.owner.execute("UPDATE deliveries SET status = 'delivered' WHERE kind = 'calendar'")
    own = await connect(diary, await diary.practitioner())
    assert (await diary.deliveries(coming))["calendar", 1] == "delivered"
    gone = await diary.call("disconnect_calendar", connection_id=own)
    assert code(gone) is None
    # Whether it is in another calendar must be seen, also of the same name.
    await connect(diary)
    assert (await diary.deliveries(coming))["calendar", 1] == "queued"
    await connect(diary, calendar="another")
    assert (await diary.deliveries(coming))["calendar", 1] == "queued"


async def test_credentials_are_renewed_by_one(diary: Diary, connection: UUID) -> None:
    async def lease(version: int) -> bool:
        answer = await diary.call(
            "lease_credentials",
            connection_id=connection,
            credentials_version=version,
            lease_seconds=20,
        )
        leased: bool = answer["leased"]
        return leased

    async def store(version: int) -> bool:
        answer = await diary.call(
            "store_credentials",
            connection_id=connection,
            credentials_version=version,
            credentials=b"renewed",
            access_expires_at=NOW,
        )
        stored: bool = answer["stored"]
        return stored

    assert [await lease(1), await lease(1)] == [True, False]
    assert [await store(1), await store(1)] == [True, False]
    assert [await lease(1), await lease(2)] == [False, True]
    await diary.set_clock(NOW + timedelta(seconds=21))  # whoever had it died
    assert await lease(2)


async def test_a_series_is_replaced_with_its_occurrences(diary: Diary, connection: UUID) -> None:
    """A changed series: its id, cancelled, then its occurrences."""

    def told(id_: str, begins: str, *, busy: bool) -> Booking:
        starts = at(begins)
        return {
            "id": id_,
            "starts_at": starts.isoformat(),
            "ends_at": (starts + timedelta(minutes=30)).isoformat(),
            "busy": busy,
        }

    async def change(*events: Booking) -> list[str]:
        await diary.owner.execute("UPDATE calendar_connections SET sync_due_at = '2020-01-01'")
        (claimed,) = await claim(diary)
        await diary.call(
            "finish_calendar_sync",
            connection_id=connection,
            round=claimed["round"],
            full=False,
            events=json.dumps(events),
            sync_token="next",
        )
        rows = await diary.owner.fetch("SELECT event_id FROM busy_times ORDER BY event_id")
        return [row["event_id"] for row in rows]

    first = [told("a_1", "09:00", busy=True), told("a_2", "10:00", busy=True)]
    assert await change(*first, told("ab", "11:00", busy=True)) == ["a_1", "a_2", "ab"]
    assert await change(told("a", "00:00", busy=False), told("a_3", "09:30", busy=True)) == [
        "a_3",
        "ab",
    ]
    assert await change(told("a", "00:00", busy=False)) == ["ab"]


async def test_a_large_mirror_is_read_by_index(diary: Diary, connection: UUID) -> None:
    await diary.owner.execute(
        "INSERT INTO busy_times SELECT $1, $2, 'e' || n, starts, starts + interval '10 minutes' "
        "FROM generate_series(1, 5000) AS n "
        "CROSS JOIN LATERAL (SELECT $3::timestamptz + n * interval '1 hour' AS starts) AS t",
        diary.org_id,
        connection,
        at("13:00", TUESDAY),
    )
    superuser = await diary.database.connect_superuser()
    await superuser.execute(EXPLAIN_EVERYTHING)
    await diary.owner.execute("ANALYZE busy_times, calendar_connections")
    plans = await plans_of(
        superuser,
        "SELECT check_availability($1, 'consultation', $2, $3)",
        diary.org_id,
        NOW,
        NOW + 3 * DAY,
    )
    scans = [
        node
        for plan in plans.values()
        for node in nodes(plan)
        if node.get("Index Name") == "busy_times_in_time"
    ]
    assert scans
    assert max(node["Actual Rows"] for node in scans) < 200
    assert "Seq Scan" not in json.dumps(
        [plan for text, plan in plans.items() if "busy_times" in text]
    )
