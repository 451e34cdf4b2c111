"""What every page of the dashboard goes through. With a page made for the purpose."""

import pytest

from tests.integration.clinics import Api
from tests.integration.front_desk import sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_nobody_is_asked_to_sign_in(voice: Api) -> None:
    answer = await voice.http.get(f"/clinic/{voice.clinic.id}/calendar?day=2026-11-26")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=%2Fclinic%2F")


async def test_another_clinic_is_no_page(voice: Api) -> None:
    desk = await sign_in(voice)
    other = await voice.open_clinic()
    assert (await desk.get("/calendar", clinic=other)).status_code == 404


async def test_a_page_says_where_it_is_and_who_reads_it(voice: Api) -> None:
    desk = await sign_in(voice, "read_only")
    answer = await desk.get("/calendar")
    assert answer.status_code == 200
    assert "Harbor Dental" in answer.text
    assert "Read Only" in answer.text
