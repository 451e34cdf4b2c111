"""Calendar feeds and the places of CalDAV calendars, as SQL keeps them."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.database import Database
from tests.sql.diary import DAY, NOW, Diary, code, open_clinic

TOKEN, OTHER = bytes(range(32)), bytes(32)


@pytest.fixture
async def clinic(database: Database) -> Diary:
    return await open_clinic(database)


async def read(clinic: Diary, token: bytes) -> Any:
    answer = await clinic.api.fetchval("SELECT calendar_feed($1)", token)
    return None if answer is None else json.loads(answer)


async def opened(clinic: Diary, practitioner: UUID, token: bytes = TOKEN) -> str | None:
    return code(
        await clinic.call("open_calendar_feed", practitioner_id=practitioner, token_hash=token)
    )


async def test_a_feed_has_one_token_at_a_time(clinic: Diary) -> None:
    grey = await clinic.practitioner()
    assert await opened(clinic, grey) is None
    assert (await read(clinic, TOKEN))["practitioner"] == "Dr Grey"
    assert await opened(clinic, grey, OTHER) is None
    assert await read(clinic, TOKEN) is None
    assert await read(clinic, OTHER) is not None
    assert code(await clinic.call("close_calendar_feed", practitioner_id=grey)) is None
    assert await read(clinic, OTHER) is None
    assert code(await clinic.call("close_calendar_feed", practitioner_id=grey)) == "NOT_FOUND"


async def test_whose_feed_and_which_token(clinic: Diary) -> None:
    grey = await clinic.practitioner()
    gone = await clinic.practitioner("Dr Gone", active=False)
    for nobody in (gone, uuid4()):
        assert await opened(clinic, nobody) == "UNKNOWN_PRACTITIONER"
    for token in (b"", b"short", bytes(33)):
        assert await opened(clinic, grey, token) == "INVALID_ARGUMENTS"


async def test_what_a_neutral_feed_tells(clinic: Diary) -> None:
    grey = await clinic.practitioner()
    await opened(clinic, grey)
    booked = await clinic.book(NOW + DAY, practitioner_id=grey, metadata={"notes": "secret"})
    feed = await read(clinic, TOKEN)
    ((id_, starts_at, _, status, version, _, patient, service),) = feed["appointments"]
    assert (id_, status, version) == (booked["appointment_id"], "confirmed", 1)
    assert starts_at == booked["scheduled_at"]
    assert (patient, service) == (None, None)
    assert "secret" not in str(feed)


async def test_a_feed_is_bounded_and_begins_with_the_earliest(clinic: Diary) -> None:
    grey = await clinic.practitioner()
    await opened(clinic, grey)
    await clinic.owner.execute(
        "INSERT INTO appointments "
        "  (org_id, practitioner_id, service_type, scheduled_at, ends_at, status) "
        "SELECT $1, $2, 'x', at, at + interval '1 minute', 'cancelled' "
        "FROM generate_series($3::timestamptz, $3 + interval '20000 minutes', '1 minute') AS at",
        clinic.org_id,
        grey,
        NOW,
    )
    feed = await read(clinic, TOKEN)
    starts = [row[1] for row in feed["appointments"]]
    assert len(starts) == 20_000
    assert starts == sorted(starts)
    assert starts[0] == (await clinic.api.fetchval("SELECT to_json($1::timestamptz)#>>'{}'", NOW))


async def test_a_calendar_is_located_with_the_credentials_it_was_found_with(
    clinic: Diary,
) -> None:
    connected = await clinic.call(
        "connect_calendar",
        practitioner_id=None,
        vendor="caldav",
        calendar="https://cloud.example.com",
        account="grey",
        credentials=b"x",
    )
    found = {"connection_id": UUID(connected["id"]), "calendar": "https://cloud.example.com/c/"}
    late = await clinic.call("locate_calendar", credentials_version=2, **found)
    assert late == {"success": True, "located": False}
    located = await clinic.call("locate_calendar", credentials_version=1, **found)
    assert located == {"success": True, "located": True}
    assert (
        await clinic.owner.fetchval("SELECT calendar FROM calendar_connections")
        == (found["calendar"])
    )
    nowhere = {**found, "calendar": ""}
    refused = await clinic.call("locate_calendar", credentials_version=1, **nowhere)
    assert code(refused) == "INVALID_ARGUMENTS"
