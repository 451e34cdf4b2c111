"""Cursors: every list a page at a time, and no cursor where it doesn't belong."""

import json
from collections.abc import Iterator

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json, open_clinic
from tests.integration.v1_requests import HOUR, THURSDAY, Client, client, moment, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = ("Person A", "Person B", "Person C", "Person D", "Person E")
RANGE = f"from={moment(THURSDAY - HOUR)}&to={moment(THURSDAY + 9 * HOUR)}"
LISTS = [
    f"appointments?{RANGE}",
    "leads?",
    "leads?phone=07700900123",
    "waitlist?",
    "messages?",
    "alerts?",
    "events?",
]


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await filled(voice, await client(voice, "staff"))


@pytest_asyncio.fixture(loop_scope="module")
async def stranger(voice: Api) -> Client:
    other = await open_clinic(voice.database)
    return await filled(voice, await client(voice, "staff", other))


async def filled(voice: Api, staff: Client) -> Client:
    """Five of everything."""
    for number, name in enumerate(PEOPLE):
        await staff.book(THURSDAY + number * HOUR, name=name)
        wish = {"name": name, "phone": f"+44770090{number:04}", "service_type": "consultation"}
        await staff.post("waitlist", wish)
        message = "SELECT take_message($1, 'please call', p_urgency => 'high', p_call_id => $2)"
        await voice.value(message, staff.clinic.id, f"call {number}")
    # Events are told once whatever began before them has ended, in every database of the server.
    await voice.database.others_are_done()
    return staff


async def cursor_of(staff: Client, path: str) -> str:
    cursor: str = (await staff.get(f"{path}&limit=1"))["next_cursor"]
    return cursor


@pytest.mark.parametrize("path", LISTS)
async def test_the_pages_are_the_list(staff: Client, path: str) -> None:
    everything = (await staff.get(f"{path}&limit=200"))["items"]
    assert len(everything) >= len(PEOPLE)
    for limit in (1, 2, 5):
        found: list[Json] = []
        cursor = ""
        while len(found) < len(everything):
            page = await staff.get(f"{path}&limit={limit}{cursor}")
            assert 0 < len(page["items"]) <= limit
            found += page["items"]
            cursor = f"&cursor={page['next_cursor']}"
        assert found == everything
        assert path == "events?" or page["next_cursor"] is None


@pytest.mark.parametrize("path", LISTS)
async def test_another_clinics_cursor_is_refused(
    staff: Client, stranger: Client, path: str
) -> None:
    cursor = await cursor_of(stranger, path)
    assert (await stranger.send("GET", f"{path}&cursor={cursor}")).status_code == 200
    problem = refusal(await staff.send("GET", f"{path}&cursor={cursor}"))
    assert (problem["status"], problem["code"]) == (400, "INVALID_ARGUMENTS")
    mangled = refusal(await staff.send("GET", f"{path}&cursor=mangled"))
    assert mangled == problem


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_is_its_own_lists(staff: Client, path: str) -> None:
    for other in LISTS:
        if other != path:
            cursor = await cursor_of(staff, other)
            refused = await staff.refused("GET", f"{path}&cursor={cursor}")
            assert refused == (400, "INVALID_ARGUMENTS"), other


def mangled(cursor: str) -> Iterator[str]:
    yield from ("", "x", "é", cursor[:-1], cursor[1:], cursor + "A", cursor * 2, cursor.swapcase())
    for place in range(0, len(cursor), 7):
        letter = "A" if cursor[place] != "A" else "B"
        yield cursor[:place] + letter + cursor[place + 1 :]


async def test_a_mangled_cursor_is_refused_alike(staff: Client) -> None:
    cursor = await cursor_of(staff, "leads?")
    for text in mangled(cursor):
        problem = refusal(await staff.send("GET", "leads", cursor=text))
        assert (problem["status"], problem["where"]) == (400, "cursor"), text


async def test_a_cursor_tells_nothing(staff: Client) -> None:
    cursor = await cursor_of(staff, "leads?phone=07700900123")
    lead = (await staff.get("leads?limit=1"))["items"][0]
    for told in (lead["id"], "7700900123", str(staff.clinic.id)):
        assert told not in cursor


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1.5", "many", "9" * 30])
async def test_a_limit_that_is_none_is_refused(staff: Client, limit: str) -> None:
    assert await staff.refused("GET", f"leads?limit={limit}") == (422, "INVALID_ARGUMENTS")


async def test_what_arrives_between_pages_is_not_skipped(staff: Client) -> None:
    first = await staff.get(f"appointments?{RANGE}&limit=2")
    await staff.book(THURSDAY + 6 * HOUR, name="Person F")
    rest = await staff.get(f"appointments?{RANGE}&limit=200&cursor={first['next_cursor']}")
    names = [item["patient"]["name"] for item in first["items"] + rest["items"]]
    assert names == [*PEOPLE, "Person F"]
    assert json.dumps(first) != json.dumps(rest)
