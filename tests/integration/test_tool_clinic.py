"""`getClinicInfo` and `transferCall`: what everybody may hear, and where a person answers."""

from datetime import UTC, datetime

import pytest

from tests.integration.clinics import Api
from tests.integration.tool_calls import NONSENSE, add_practitioner, all_rows, set_clinic, use

pytestmark = pytest.mark.asyncio(loop_scope="module")

INFO, TRANSFER = "getClinicInfo", "transferCall"
NUMBER = "+442079460000"
ALL = [value for value in NONSENSE if value != "{{now}}"]


@pytest.mark.parametrize(
    ("topic", "keys", "message"),
    [
        ("hours", {"hours", "exceptions"}, "We're open Monday to Friday from 9 am to 5 pm."),
        ("Opening times today?", {"hours", "exceptions"}, "We're open Monday to Friday"),
        ("services", {"services"}, "We offer: Consultation, 60 minutes."),
        ("How much is it?", {"services"}, "We offer: Consultation, 60 minutes."),
        ("practitioners", {"practitioners"}, "You can see Harbor Dental."),
        ("address", {"address"}, "I don't have the address here."),
        ("timezone", {"timezone", "now"}, "It's Monday 2 November at 8 am."),
        ("now", {"timezone", "now"}, "It's Monday 2 November at 8 am."),
    ],
)
async def test_a_topic(voice: Api, topic: str, keys: set[str], message: str) -> None:
    payload = await use(voice, INFO, {"topic": topic})
    assert payload.keys() == {"success", "message"} | keys
    assert payload["success"] is True
    assert payload["message"].startswith(message)


@pytest.mark.parametrize("topic", [None, "everything", "I don't know", *ALL], ids=repr)
async def test_anything_else_is_all_in_short(voice: Api, topic: object) -> None:
    payload = await use(voice, INFO, {"topic": topic})
    assert payload.keys() == {
        *("success", "message", "hours", "exceptions", "services", "practitioners", "address"),
        *("timezone", "now"),
    }
    assert payload["message"] == (
        "We're open Monday to Friday from 9 am to 5 pm. We offer: Consultation, 60 minutes."
    )
    assert await all_rows(voice) == dict.fromkeys(await all_rows(voice), 0)


async def test_prices_and_addresses_are_told(voice: Api) -> None:
    await voice.value("UPDATE services SET price_minor_units = 6050, currency = 'GBP'")
    await set_clinic(voice, address="1 Harbour Road, London")
    services = await use(voice, INFO, {"topic": "price"})
    assert services["message"] == "We offer: Consultation, 60 minutes, £60.50."
    assert services["services"] == [
        {
            "key": "consultation",
            "name": "Consultation",
            "durationMinutes": 60,
            "price": "£60.50",
        }
    ]
    address = await use(voice, INFO, {"topic": "where are you"})
    assert address["message"] == "The address is 1 Harbour Road, London."
    assert "1 Harbour Road" in (await use(voice, INFO))["message"]


async def test_days_to_come_that_are_special(voice: Api) -> None:
    await voice.value(
        "INSERT INTO date_exceptions (org_id, day, opens, closes, reason, source) "
        "SELECT id, day::date, opens::time, closes::time, 'Secret Reason', 'clinic' "
        "FROM organizations, (VALUES ('2026-12-25', NULL, NULL), ('2026-12-26', NULL, NULL), "
        "('2026-12-24', '09:00', '12:00'), ('2027-06-01', NULL, NULL), ('2026-11-01', NULL, NULL)) "
        "AS special (day, opens, closes)"
    )
    payload = await use(voice, INFO, {"topic": "holidays"})
    assert payload["message"] == (
        "We're open Monday to Friday from 9 am to 5 pm. We're closed on Friday 25 December and "
        "Saturday 26 December. On Thursday 24 December we're open from 9 am to 12 noon."
    )
    assert [row["day"] for row in payload["exceptions"]] == [
        "2026-12-24",
        "2026-12-25",
        "2026-12-26",
    ]
    assert "Secret" not in str(payload)


async def test_who_is_gone_and_why_somebody_is_away_is_not_told(voice: Api) -> None:
    await add_practitioner(voice, "Dr Grey")
    await voice.value("UPDATE practitioners SET active = false WHERE name = 'Dr Grey'")
    await voice.value(
        "INSERT INTO absences (org_id, practitioner_id, starts_at, ends_at, reason) "
        "SELECT org_id, id, '2026-11-03', '2026-11-04', 'Secret Reason' FROM practitioners "
        "WHERE active"
    )
    payload = await use(voice, INFO)
    assert [row["name"] for row in payload["practitioners"]] == ["Harbor Dental"]
    assert "Secret" not in str(payload)
    assert "Grey" not in str(payload)


async def test_a_clinic_without_hours_is_always_open(voice: Api) -> None:
    await voice.value("DELETE FROM opening_hours")
    assert (await use(voice, INFO, {"topic": "hours"}))["message"] == "We're open around the clock."


async def test_the_clinics_own_time_and_custom(voice: Api) -> None:
    there = await voice.open_clinic(timezone="America/New_York", country="US")
    payload = await use(voice, INFO, {"topic": "now"}, headers=there.bearer)
    assert payload["now"] == "2026-11-02T03:00-05:00"
    assert payload["message"] == "It's Monday, November 2 at 3 am."


async def test_a_call_is_put_through_while_the_clinic_is_open(voice: Api) -> None:
    await set_clinic(voice, transfer_number=NUMBER)
    await voice.database.set_clock(datetime(2026, 11, 2, 10, tzinfo=UTC))
    payload = await use(voice, TRANSFER, {"reason": "wants a person"})
    assert payload.keys() == {"success", "message", "destination"}
    assert payload["success"] is True
    assert payload["destination"]["type"] == "number"
    assert payload["destination"]["number"] == NUMBER


async def test_out_of_hours_nobody_answers(voice: Api) -> None:
    await set_clinic(voice, transfer_number=NUMBER)
    payload = await use(voice, TRANSFER)
    assert (payload["success"], payload["error"]) == (False, "OUTSIDE_HOURS")
    assert payload["destination"] is None
    assert payload["message"] == (
        "I'm sorry, nobody is here right now; we open on Monday 2 November at 9 am. May I take a "
        "message?"
    )
    assert NUMBER not in str(payload)


async def test_without_a_number_there_is_nowhere_to_go(voice: Api) -> None:
    await voice.database.set_clock(datetime(2026, 11, 2, 10, tzinfo=UTC))
    payload = await use(voice, TRANSFER)
    assert (payload["success"], payload["error"]) == (False, "NOT_FOUND")
    assert payload["destination"] is None
    assert "take a message" in payload["message"]


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
async def test_nonsense_as_a_reason_gets_an_answer(voice: Api, value: object) -> None:
    assert (await use(voice, TRANSFER, {"reason": value}))["error"] == "OUTSIDE_HOURS"
