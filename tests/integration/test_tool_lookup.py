"""`lookupCaller`: what belongs to the calling number, and nothing else."""

from datetime import timedelta

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

TOOL = "lookupCaller"


async def test_a_caller_is_told_what_is_to_come(voice: Api) -> None:
    mine = await booked(voice)
    rows = await all_rows(voice)
    payload = await use(voice, TOOL)
    assert payload["message"] == (
        "I have: consultation on Tuesday 3 November at 10 am with Harbor Dental, for Maya Okafor."
    )
    assert (payload["success"], payload["found"]) == (True, True)
    (person,) = payload["people"]
    assert person["upcoming"] == [
        {
            "appointmentId": mine["appointmentId"],
            "scheduledAt": "2026-11-03T10:00:00+00:00",
            "spoken": "Tuesday 3 November at 10 am",
            "serviceType": "consultation",
            "practitioner": "Harbor Dental",
        }
    ]
    assert (person["name"], person["visits"], person["noShows"]) == ("Maya Okafor", 0, 0)
    assert await all_rows(voice) == rows


async def test_the_household_is_told_of_together(voice: Api) -> None:
    await booked(voice)
    await booked(voice, "2026-11-03T12:00", name="Tobi Okafor")
    payload = await use(voice, TOOL)
    assert [person["name"] for person in payload["people"]] == ["Maya Okafor", "Tobi Okafor"]
    assert "for Maya Okafor; consultation on" in payload["message"]


async def test_many_are_told_in_part(voice: Api) -> None:
    for hour in (9, 10, 11, 12, 13):
        await booked(voice, f"2026-11-03T{hour:02}:00")
    payload = await use(voice, TOOL)
    assert payload["message"].startswith("I have, among others: ")
    assert len(payload["people"][0]["upcoming"]) == 5


async def test_nobody_is_known_by_another_number(voice: Api) -> None:
    await booked(voice)
    for arguments in ({}, {"name": "Maya Okafor"}, {"phone": "+447700900123"}):
        payload = await use(voice, TOOL, arguments, **SOMEBODY_ELSE)
        assert (payload["success"], payload["found"], payload["people"]) == (True, False, [])
        assert "Maya" not in str(payload)


async def test_nobody_is_known_at_another_clinic(voice: Api) -> None:
    other = await voice.open_clinic()
    await booked(voice, headers=other.bearer)
    assert (await use(voice, TOOL))["found"] is False


@pytest.mark.parametrize("caller", [None, "anonymous", "sip:ana@example.com"])
async def test_without_a_number_there_is_no_look_up(voice: Api, caller: str | None) -> None:
    await booked(voice)
    payload = await use(voice, TOOL, {"name": "Maya Okafor"}, caller=caller)
    assert (payload["success"], payload["found"], payload["people"]) == (True, False, [])
    assert "can't see the number" in payload["message"]


@pytest.mark.parametrize("check", ["name", "name_and_birth_date"])
async def test_a_clinic_may_want_to_know_more_first(voice: Api, check: str) -> None:
    await set_clinic(voice, caller_check=check)
    await booked(voice, birthDate="1981-03-03")
    arguments: Json = {}
    asked = await use(voice, TOOL, arguments)
    assert (asked["error"], asked["needs"]) == ("NEEDS_CONFIRMATION", "name")
    assert "Maya" not in str(asked)
    arguments["name"] = "Maya Okafor"
    if check == "name_and_birth_date":
        asked = await use(voice, TOOL, arguments)
        assert (asked["error"], asked["needs"]) == ("NEEDS_CONFIRMATION", "birthDate")
        wrong = await use(voice, TOOL, arguments | {"birthDate": "1981-03-04"})
        assert wrong["found"] is False
        assert "match" in wrong["message"]
        arguments["birthDate"] = "March 3rd, 1981"
    assert (await use(voice, TOOL, arguments))["found"] is True


@pytest.mark.parametrize("said", ["3 March", "1881-03-03", "2026-11-03", "soon", "03/13/13"])
async def test_a_birth_date_that_is_none_is_asked_for(voice: Api, said: str) -> None:
    await set_clinic(voice, caller_check="name_and_birth_date")
    asked = await use(voice, TOOL, {"name": "Maya Okafor", "birthDate": said})
    assert asked["error"] == "INVALID_DATE"
    assert "date of birth" in asked["message"]


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
async def test_nonsense_gets_an_answer(voice: Api, value: object) -> None:
    for check in ("none", "name", "name_and_birth_date"):
        await set_clinic(voice, caller_check=check)
        for arguments in ({"name": value}, {"name": "Maya Okafor", "birthDate": value}):
            payload = await use(voice, TOOL, arguments)
            assert payload.get("error") not in ("INTERNAL_ERROR", "BUSY"), arguments


async def test_a_returning_patient_has_a_usual_practitioner(voice: Api) -> None:
    await add_practitioner(voice, "Dr Grey")
    await booked(voice, practitioner="Grey")
    await voice.database.set_clock(NOW + timedelta(days=30))
    payload = await use(voice, TOOL)
    (person,) = payload["people"]
    assert (person["visits"], person["usualPractitioner"]) == (1, "Dr Grey")
    assert payload["message"] == (
        "I have no upcoming appointment for Maya Okafor. Maya Okafor usually sees Dr Grey."
    )
