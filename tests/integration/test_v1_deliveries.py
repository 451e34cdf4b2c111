"""`/v1/deliveries`: staff see what goes out, why it doesn't, and try again."""

import pytest
import pytest_asyncio

from tests.integration.clinics import Api, Json
from tests.integration.v1_requests import ANA, HOUR, THURSDAY, Client, client, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

REASON = {"error_code": "unreachable", "error": "It could not be reached."}


@pytest_asyncio.fixture(loop_scope="module")
async def staff(voice: Api) -> Client:
    return await client(voice, "staff")


async def attempt(voice: Api, channel: str, status: str, retry_seconds: float = 60.0) -> None:
    """A worker takes the only delivery of the channel, and has it end so."""
    await voice.value(
        "SELECT claim_deliveries($1, 1, 8, 60)",
        channel,
    )
    await voice.value(
        "SELECT finish_delivery(org_id, subject_id, kind, version, attempts, $2, NULL, "
        "'unreachable', 'It could not be reached.', $3) FROM deliveries WHERE channel = $1",
        channel,
        status,
        retry_seconds,
    )


async def of(staff: Client, booked: Json) -> dict[str, Json]:
    items = (await staff.get(f"appointments/{booked['id']}/deliveries"))["items"]
    return {item["kind"]: item for item in items}


async def test_an_appointment_shows_what_goes_out_about_it(staff: Client) -> None:
    booked = await staff.book(email="maya@example.com")
    await staff.book(THURSDAY + HOUR, **ANA)
    found = await of(staff, booked)
    assert found.keys() == {"calendar", "sms_confirmation", "email_confirmation"}
    calendar = found["calendar"]
    assert calendar["id"] == f"{booked['id']}/calendar/1"
    assert calendar["subject_id"] == booked["id"]
    assert (calendar["channel"], calendar["version"]) == ("calendar", 1)
    assert (calendar["status"], calendar["attempts"], calendar["parked"]) == ("queued", 0, False)
    assert calendar["next_try_at"] is not None
    for detail in ("Maya", "7700", "example.com"):
        assert detail not in str(found)


async def test_what_goes_wrong_is_told_in_words(voice: Api, staff: Client) -> None:
    booked = await staff.book()
    await attempt(voice, "sms", "queued")
    await attempt(voice, "calendar", "queued", float("inf"))
    found = await of(staff, booked)
    waiting, parked = found["sms_confirmation"], found["calendar"]
    assert {name: waiting[name] for name in REASON} == REASON
    assert (waiting["status"], waiting["attempts"], waiting["parked"]) == ("queued", 1, False)
    assert waiting["next_try_at"] > waiting["updated_at"]
    assert (parked["parked"], parked["next_try_at"]) == (True, None)


async def test_what_failed_is_listed_alerted_and_tried_again(voice: Api, staff: Client) -> None:
    booked = await staff.book()
    await attempt(voice, "sms", "failed")
    (failed,) = (await staff.get("deliveries", status="failed"))["items"]
    assert (failed["subject_id"], failed["kind"]) == (booked["id"], "sms_confirmation")
    (alert,) = (await staff.get("alerts"))["items"]
    assert (alert["kind"], alert["appointment_id"]) == ("delivery_failed", booked["id"])

    again = await staff.post(f"deliveries/{failed['subject_id']}/{failed['kind']}/retry")
    assert (again["status"], again["attempts"], again["error"]) == (
        "queued",
        1,
        REASON["error"],
    )
    assert (await staff.get("deliveries", status="failed"))["items"] == []
    assert await staff.post(f"deliveries/{booked['id']}/sms_confirmation/retry")


async def test_what_is_done_is_not_done_again(voice: Api, staff: Client) -> None:
    booked = await staff.book()
    await attempt(voice, "sms", "sent")
    again = await staff.post(f"deliveries/{booked['id']}/sms_confirmation/retry")
    assert again["status"] == "sent"


async def test_there_is_nothing_to_try_of_what_was_overtaken(staff: Client) -> None:
    booked = await staff.book()
    await staff.post(f"appointments/{booked['id']}/cancel")
    path = f"deliveries/{booked['id']}"
    assert await staff.refused("POST", f"{path}/sms_confirmation/retry") == (409, "STALE_VERSION")
    assert await staff.refused("POST", f"{path}/sms_reply/retry") == (404, "NOT_FOUND")
    assert await staff.refused("POST", f"{path}/No%20kind/retry") == (422, "INVALID_ARGUMENTS")


async def test_the_lists_have_pages(staff: Client) -> None:
    first = await staff.book()
    await staff.book(THURSDAY + HOUR, **ANA)
    seen: list[str] = []
    cursor: Json = {}
    while True:
        page = await staff.get("deliveries", limit=1, **cursor)
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == 4
    everything = (await staff.get("deliveries"))["items"]
    assert [item["id"] for item in everything] == seen
    ages = [item["created_at"] for item in everything]
    assert ages == sorted(ages, reverse=True)

    path = f"appointments/{first['id']}/deliveries"
    page = await staff.get(path, limit=1)
    rest = await staff.get(path, limit=1, cursor=page["next_cursor"])
    assert {item["subject_id"] for item in page["items"] + rest["items"]} == {first["id"]}
    assert rest["next_cursor"] is None
    elsewhere = refusal(await staff.send("GET", "deliveries", cursor=page["next_cursor"]))
    assert elsewhere["code"] == "INVALID_ARGUMENTS"


async def test_the_list_is_filtered(voice: Api, staff: Client) -> None:
    await staff.book()
    await attempt(voice, "calendar", "delivered")
    expected: list[tuple[Json, set[str]]] = [
        ({"status": "delivered"}, {"calendar"}),
        ({"channel": "sms"}, {"sms_confirmation"}),
        ({"status": "delivered", "channel": "sms"}, set()),
    ]
    for wish, kinds in expected:
        found = (await staff.get("deliveries", **wish))["items"]
        assert {item["kind"] for item in found} == kinds
    for name, value in (("status", "lost"), ("channel", "fax")):
        problem = refusal(await staff.send("GET", f"deliveries?{name}={value}"))
        assert (problem["status"], problem["code"]) == (422, "INVALID_ARGUMENTS")
