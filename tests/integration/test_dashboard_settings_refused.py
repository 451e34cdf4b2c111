"""The clinic's settings: stale forms, what is wrong, script, and another clinic's ids."""

from typing import Any

import pytest
import pytest_asyncio

from tests.integration.clinic_forms import (
    CLINIC,
    EXCEPTIONS,
    HOURS,
    PAGES,
    PRACTITIONERS,
    ROOMS,
    SERVICES,
    assert_saved,
    document,
)
from tests.integration.clinics import Api
from tests.integration.front_desk import Desk, sign_in
from tests.integration.page_forms import error_beside, form, submit, words
from tests.integration.v1_requests import Client, client

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "<script>alert('x')</script>"


@pytest_asyncio.fixture(loop_scope="module")
async def admin(voice: Api) -> Client:
    return await client(voice, "admin")


@pytest_asyncio.fixture(loop_scope="module")
async def owner(voice: Api) -> Desk:
    return await sign_in(voice)


@pytest.mark.parametrize("path", PAGES)
async def test_a_stale_form_is_told_what_changed(owner: Desk, admin: Client, path: str) -> None:
    opened = await owner.get(path)
    await admin.patch("clinic", {"notice_minutes": 17})
    sent = form(opened.text, path)
    answer = await owner.post(path, sent)
    assert answer.status_code == 409
    assert "Somebody changed the clinic's settings" in words(answer.text)
    if path == CLINIC:
        assert "notice minutes 17 0" in words(answer.text)
    assert (await document(admin))["notice_minutes"] == 17
    # Looked at, it may be saved all the same.
    again = await owner.post(path, form(answer.text, path))
    assert again.status_code == 303


WRONG: list[tuple[str, str, dict[str, Any]]] = [
    (CLINIC, "name", {"name": ""}),
    (CLINIC, "name", {"name": "x" * 201}),
    (CLINIC, "timezone", {"timezone": "Mars/Base"}),
    (CLINIC, "country", {"country": "Britain"}),
    (CLINIC, "email", {"email": "nobody"}),
    (CLINIC, "phone", {"phone": "12"}),
    (CLINIC, "transfer_number", {"transfer_number": "call me"}),
    (CLINIC, "notice_minutes", {"notice_minutes": "-1"}),
    (CLINIC, "notice_minutes", {"notice_minutes": "soon"}),
    (CLINIC, "slot_minutes", {"slot_minutes": ""}),
    (CLINIC, "horizon_days", {"horizon_days": "9" * 400}),
    (CLINIC, "reminder_hours", {"reminder_hours": "1 2 3 4 5 6"}),
    (CLINIC, "quiet_from", {"quiet_from": "25:00"}),
    (CLINIC, "caller_check", {"caller_check": "everything"}),
    (CLINIC, "holidays_region", {"holidays_region": "XX"}),
    (CLINIC, "red_flags", {"own_red_flags": "yes", "red_flags": "x" * 101}),
    (HOURS, "hours-0-closes", {"hours-0-closes": ""}),
    (HOURS, "hours-0-opens", {"hours-0-opens": "morning"}),
    (HOURS, "hours-0-closes", {"hours-0-closes": "09:00"}),
    (HOURS, "hours-0-weekday", {"hours-0-weekday": "8"}),
    (HOURS, "hours-5-opens", {"hours-5-opens": "10:00", "hours-5-closes": "12:00"}),
    (HOURS, "hours-6-practitioner", {"hours-6-practitioner": "Nobody", "hours-6-opens": "10:00",
                                     "hours-6-closes": "12:00"}),
    (HOURS, "breaks-1-ends", {"breaks-1-starts": "14:00", "breaks-1-ends": "13:00"}),
    (EXCEPTIONS, "exceptions-2-day", {"exceptions-2-day": "2026-02-30"}),
    (EXCEPTIONS, "exceptions-2-day", {"exceptions-2-opens": "09:00"}),
    (EXCEPTIONS, "exceptions-0-reason", {"exceptions-0-day": "2026-12-24",
                                         "exceptions-0-reason": "x" * 201}),
    (EXCEPTIONS, "absences-0-from_day", {"absences-0-until_day": "2026-12-24"}),
    (EXCEPTIONS, "absences-0-from_time", {"absences-0-practitioner": "Harbor Dental",
                                         "absences-0-from_day": "2027-03-28",
                                         "absences-0-from_time": "01:30",
                                         "absences-0-until_day": "2027-03-29"}),
    (EXCEPTIONS, "absences-0-until_which", {"absences-0-practitioner": "Harbor Dental",
                                          "absences-0-from_day": "2027-10-30",
                                          "absences-0-until_day": "2027-10-31",
                                          "absences-0-until_time": "01:30"}),
    (PRACTITIONERS, "practitioners-0-name", {"practitioners-0-name": ""}),
    (PRACTITIONERS, "practitioners-1-name", {"practitioners-1-name": "HARBOR dental"}),
    (ROOMS, "rooms-0-name", {"rooms-0-name": "x" * 201}),
    (SERVICES, "services-0-duration_minutes", {"services-0-duration_minutes": "0"}),
    (SERVICES, "services-0-duration_minutes", {"services-0-duration_minutes": "1000"}),
    (SERVICES, "services-0-buffer_before_minutes", {"services-0-buffer_before_minutes": "lots"}),
    (SERVICES, "services-0-price_minor_units", {"services-0-price_minor_units": "cheap"}),
    (SERVICES, "services-0-price_minor_units", {"services-0-currency": "GBP"}),
    (SERVICES, "services-1-name", {"services-1-name": "Consultation",
                                   "services-1-duration_minutes": "30"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "field", "said"), WRONG)
async def test_what_is_wrong_is_said_beside_it_and_nothing_changes(
    owner: Desk, admin: Client, path: str, field: str, said: dict[str, Any]
) -> None:
    before = await document(admin)
    answer = await submit(owner, path, said)
    assert answer.status_code in (404, 422), words(answer.text)
    assert error_beside(answer.text, field), words(answer.text)
    assert await document(admin) == before
    # What was written is still there to be put right.
    sent = form(answer.text, path)
    for name, value in said.items():
        assert name not in sent or sent[name] == [value]


async def test_script_in_any_field_is_text(owner: Desk, admin: Client) -> None:
    saved: list[tuple[str, dict[str, Any]]] = [
        (CLINIC, {"name": SCRIPT, "address": SCRIPT, "own_red_flags": "yes", "red_flags": SCRIPT}),
        (PRACTITIONERS, {"practitioners-0-name": SCRIPT}),
        (ROOMS, {"rooms-0-name": SCRIPT}),
        (SERVICES, {"services-0-name": SCRIPT}),
        (HOURS, {"hours-0-practitioner": SCRIPT}),
        (HOURS, {"breaks-0-starts": "13:00", "breaks-0-ends": "14:00", "breaks-0-label": SCRIPT}),
        (EXCEPTIONS, {"exceptions-0-day": "2026-12-24", "exceptions-0-reason": SCRIPT}),
    ]  # fmt: skip
    for path, said in saved:
        assert_saved(await submit(owner, path, said))
    for path in (*PAGES, "/settings", "/calendar"):
        page = await owner.get(path)
        assert SCRIPT not in page.text
    assert SCRIPT in words((await owner.get("/settings")).text)
    # Also where it is only said back.
    for path, field, said in WRONG:
        answer = await submit(owner, path, said | {field: SCRIPT})
        assert SCRIPT not in answer.text


async def test_another_clinics_ids_do_nothing(voice: Api, owner: Desk, admin: Client) -> None:
    other = await voice.open_clinic()
    theirs = await voice.value("SELECT id FROM practitioners WHERE org_id = $1", other.id)
    for path in PAGES:
        assert (await owner.get(path, clinic=other)).status_code == 404
        assert (await owner.post(path, {"version": "1"}, clinic=other)).status_code == 404
    # An id that is somebody else's names nobody here: a new one is made, and theirs stays.
    sent = {"practitioners-1-id": str(theirs), "practitioners-1-name": "Dr New"}
    await submit(owner, PRACTITIONERS, sent)
    names = await voice.rows("SELECT name FROM practitioners WHERE org_id = $1", other.id)
    assert names == [{"name": "Harbor Dental"}]


async def test_a_form_without_its_version_is_refused(owner: Desk, admin: Client) -> None:
    before = await document(admin)
    for version in ("", "x", "-1", "9" * 30):
        answer = await submit(owner, CLINIC, {"name": "Mine", "version": version})
        assert answer.status_code in (409, 422)
    assert await document(admin) == before
