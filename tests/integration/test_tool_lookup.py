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


async def test_what_helps_the_call_is_told(voice: Api) -> None:
    await add_practitioner(voice, "Dr Grey")
    await booked(voice, practitioner="Grey")
    await booked(voice, "2026-11-04T10:00", practitioner="Grey")
    await voice.database.set_clock(NOW + timedelta(days=30))
    await voice.value(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, language, started_at) "
        "SELECT org_id, 'earlier', id, phone, 'es', created_at FROM leads"
    )
    (person,) = (await use(voice, TOOL))["people"]
    assert person["lastVisit"] == {
        "scheduledAt": "2026-11-04T10:00:00+00:00",
        "spoken": "Wednesday 4 November at 10 am",
        "serviceType": "consultation",
        "practitioner": "Dr Grey",
    }
    assert (person["language"], person["textsAllowed"]) == ("es", None)
    for kind, allowed in (("opt_out", False), ("opt_in", True)):
        await voice.value(
            "SELECT save_consent($1, phone, $2, 'staff') FROM leads", voice.clinic.id, kind
        )
        (person,) = (await use(voice, TOOL))["people"]
        assert person["textsAllowed"] is allowed


async def test_who_wanted_no_texts_wants_none_when_they_come_back_from_erasure(voice: Api) -> None:
    await booked(voice)
    erased = "SELECT erase_person($1, id, 'owner@clinic.example', true) FROM leads"
    await voice.value(
        "SELECT save_consent($1, phone, 'opt_out', 'staff') FROM leads", voice.clinic.id
    )
    assert '"success" : true' in await voice.value(erased, voice.clinic.id)
    await booked(voice)
    (person,) = (await use(voice, TOOL))["people"]
    assert person["textsAllowed"] is False


async def test_a_first_booking_is_no_visit_yet(voice: Api) -> None:
    await booked(voice)
    (person,) = (await use(voice, TOOL))["people"]
    assert (person["lastVisit"], person["language"], person["textsAllowed"]) == (None, None, None)


async def test_whoever_was_merged_with_another_number_is_told_nothing_of_it(voice: Api) -> None:
    """Both ways: the kept lead's number and the merged one's reach only what is theirs."""
    await add_practitioner(voice, "Dr Grey")
    await booked(voice, practitioner="Grey")
    await booked(voice, "2026-12-03T10:00")
    await booked(voice, "2026-12-04T11:00", practitioner="Harbor", **SOMEBODY_ELSE)
    await voice.value(
        "UPDATE leads SET merged_into = (SELECT id FROM leads WHERE phone <> '+447700900999') "
        "WHERE phone = '+447700900999'"
    )
    await voice.value(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, language, started_at) "
        "SELECT org_id, phone, id, phone, CASE phone WHEN '+447700900999' THEN 'de' ELSE 'es' END, "
        "created_at FROM leads"
    )
    await voice.value(
        "SELECT save_consent($1, '+447700900999', 'opt_out', 'staff')", voice.clinic.id
    )
    # About Maya, but from a number that isn't hers.
    await voice.value(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, language, started_at) "
        "SELECT org_id, 'of another', id, '+447700900999', 'fr', now() FROM leads "
        "WHERE phone <> '+447700900999'"
    )
    await voice.database.set_clock(NOW + timedelta(days=10))
    (mine,) = (await use(voice, TOOL))["people"]
    (theirs,) = (await use(voice, TOOL, **SOMEBODY_ELSE))["people"]
    assert (mine["visits"], mine["language"], mine["textsAllowed"]) == (1, "es", None)
    assert (theirs["visits"], theirs["language"], theirs["textsAllowed"]) == (0, "de", False)
    assert (theirs["lastVisit"], theirs["usualPractitioner"]) == (None, None)
    for told, days in ((mine, ["2026-12-03"]), (theirs, ["2026-12-04"])):
        assert [each["scheduledAt"][:10] for each in told["upcoming"]] == days


async def test_what_staff_think_is_never_told(voice: Api) -> None:
    await booked(voice)
    await voice.value("SELECT score_lead($1, (SELECT id FROM leads))", voice.clinic.id)
    await voice.value(
        "INSERT INTO notes (org_id, lead_id, body, author) SELECT org_id, id, 'Rude', 'a' "
        "FROM leads"
    )
    await voice.value(
        "INSERT INTO calls (org_id, call_id, lead_id, caller_phone, started_at, sentiment, "
        "urgency) "
        "SELECT org_id, 'earlier', id, phone, created_at, 'negative', 'emergency' FROM leads"
    )
    told = str(await use(voice, TOOL)).lower()
    assert not [word for word in ("score", "tier", "rude", "negative", "emergency") if word in told]


@pytest.mark.parametrize("check", ["name", "name_and_birth_date"])
async def test_nothing_of_it_is_told_before_the_clinics_check(voice: Api, check: str) -> None:
    await set_clinic(voice, caller_check=check)
    await booked(voice, birthDate="1981-03-03")
    await voice.value(
        "SELECT save_consent($1, phone, 'opt_in', 'staff') FROM leads", voice.clinic.id
    )
    asked = await use(voice, TOOL)
    assert asked.keys() & {"people", "textsAllowed", "language", "lastVisit"} == set()
