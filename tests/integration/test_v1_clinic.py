"""`/v1/clinic` and what comes of it: practitioners, services, rooms, hours."""

from typing import Any

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from tests.integration.v1_requests import Client, client, ok, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

LUNCH = [{"weekday": 1, "starts": "13:00", "ends": "14:00"}]


@pytest_asyncio.fixture(loop_scope="module")
async def admin(voice: Api) -> Client:
    return await client(voice, "admin")


async def replace(admin: Client, document: Json) -> Json:
    return ok(await admin.send("PUT", "clinic", document))


async def test_the_parts_are_those_of_the_document(admin: Client) -> None:
    reply = await admin.send("GET", "clinic")
    document = ok(reply)
    assert reply.headers["etag"] == f'"{document["version"]}"'
    assert (document["name"], document["timezone"]) == ("Harbor Dental", "Europe/London")
    for name in ("practitioners", "services", "rooms"):
        part = await admin.get(name)
        assert part == {"version": document["version"], "items": document[name]}
    hours = await admin.get("hours")
    assert hours == {
        name: document[name] for name in ("version", "timezone", "hours", "breaks", "exceptions")
    }
    assert len(hours["hours"]) == 5


async def test_what_is_shown_can_be_sent_back(admin: Client) -> None:
    document = await admin.get("clinic")
    assert (await replace(admin, document))["changes"] == []
    assert await admin.get("clinic") == document


async def test_a_part_is_changed_and_the_rest_stays(admin: Client) -> None:
    before = await admin.get("clinic")
    changed = await admin.patch("clinic", {"breaks": LUNCH, "notice_minutes": 90}, If_Match='"1"')
    assert (changed["version"], changed["dry_run"]) == (2, False)
    assert {change["section"] for change in changed["changes"]} >= {"breaks"}
    after = await admin.get("clinic")
    assert (after["version"], after["notice_minutes"]) == (2, 90)
    assert [lunch["starts"] for lunch in after["breaks"]] == ["13:00"]
    assert after["hours"] == before["hours"]


async def test_a_dry_run_changes_nothing(admin: Client) -> None:
    before = await admin.get("clinic")
    told = ok(await admin.send("PATCH", "clinic", {"notice_minutes": 90}, dry_run="true"))
    assert told["dry_run"] is True
    assert len(told["changes"]) == 1
    assert await admin.get("clinic") == before


async def test_a_whole_document_lacks_nothing(admin: Client) -> None:
    document = await admin.get("clinic")
    del document["rooms"]
    problem = refusal(await admin.send("PUT", "clinic", document))
    assert (problem["status"], problem["code"]) == (422, "INVALID_ARGUMENTS")
    assert problem["where"] == "rooms"


async def test_the_version_may_be_left_out_or_in_either_place(admin: Client) -> None:
    document = await admin.get("clinic")
    await admin.patch("clinic", {"notice_minutes": 90})
    assert await admin.refused("PUT", "clinic", document) == (409, "STALE_VERSION")
    problem = refusal(await admin.send("PUT", "clinic", document, {"If-Match": '"1"'}))
    assert (problem["status"], problem["version"]) == (412, 2)
    del document["version"]
    assert (await replace(admin, document))["version"] == 3


async def test_another_zone_must_be_confirmed_once_something_is_booked(admin: Client) -> None:
    await admin.book()
    zone = {"timezone": "America/New_York"}
    problem = refusal(await admin.send("PATCH", "clinic", zone))
    assert (problem["status"], problem["code"]) == (409, "NEEDS_CONFIRMATION")
    assert problem["upcoming"] == 1
    ok(await admin.send("PATCH", "clinic", zone, confirmed="true"))
    assert (await admin.get("hours"))["timezone"] == "America/New_York"


@pytest.mark.parametrize(
    ("document", "status", "code", "where"),
    [
        ({"timezone": "Mars/Olympus"}, 422, "INVALID_TIMEZONE", "timezone"),
        (
            {"breaks": [{"weekday": 1, "starts": "14:00", "ends": "13:00"}]},
            422,
            "INVALID_HOURS",
            None,
        ),
        (
            {"hours": [{"weekday": 9, "opens": "09:00", "closes": "17:00"}]},
            422,
            "INVALID_HOURS",
            "hours[0].weekday",
        ),
        (
            {"services": [{"key": "x", "name": "X", "duration_minutes": 0}]},
            422,
            "INVALID_DURATION",
            "services[0].duration_minutes",
        ),
        ({"rooms": [{"name": "R", "services": ["mri"]}]}, 404, "UNKNOWN_SERVICE", None),
        ({"breaks": [{**LUNCH[0], "practitioner": "Dr No"}]}, 404, "UNKNOWN_PRACTITIONER", None),
        ({"colour": "blue"}, 422, "INVALID_ARGUMENTS", "colour"),
        ({"name": "Harbor\x00"}, 422, "INVALID_ARGUMENTS", None),
        ({"rooms": "none"}, 422, "INVALID_ARGUMENTS", "rooms"),
        ({"notice_minutes": 10**400}, 422, "INVALID_ARGUMENTS", "notice_minutes"),
        ([], 422, "INVALID_ARGUMENTS", None),
    ],
)
async def test_what_can_not_be_is_refused_with_its_place(
    admin: Client, document: Any, status: int, code: str, where: str | None
) -> None:
    before = await admin.get("clinic")
    problem = refusal(await admin.send("PATCH", "clinic", document))
    assert (problem["status"], problem["code"]) == (status, code)
    assert where is None or problem["where"] == where
    assert await admin.get("clinic") == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
async def test_a_number_beyond_all_numbers_is_refused(admin: Client, number: str) -> None:
    reply = await admin.http.request(
        "PATCH",
        "/v1/clinic",
        content=f'{{"notice_minutes": {number}}}',
        headers={**admin.clinic.bearer, "Content-Type": "application/json"},
    )
    problem = refusal(reply)
    assert problem["code"] == "INVALID_ARGUMENTS"
