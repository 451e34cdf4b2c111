"""The settings page of lead scores, and a lead's score and facts on its page."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from tests.integration.clinics import NOW, Api
from tests.integration.front_desk import Desk, sign_in
from tests.integration.tool_calls import booked
from voxanne.inbound.dashboard.score_words import FACTS, reason_line

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/settings/scores"
FIELD = re.compile(r'<input[^>]*? name="([^"]+)"[^>]*? value="([^"]*)"')


async def page(desk: Desk) -> str:
    answer = await desk.get(PATH)
    assert answer.status_code == 200, answer.text
    return answer.text


async def form(desk: Desk, **changes: str) -> dict[str, str]:
    """The form as the page has it, changed. Dots in names for what Python can't name."""
    fields = {name: unescape(value) for name, value in FIELD.findall(await page(desk))}
    fields.pop("csrf")
    return fields | changes


async def stored(api: Api) -> dict[str, Any]:
    return (
        await api.rows(
            "SELECT score_weights, score_weights_version AS version, rescored_lead "
            "FROM organizations WHERE id = $1",
            api.clinic.id,
        )
    )[0]


def told(text: str) -> str:
    """What is read of a page."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


async def test_every_weight_has_its_words(voice: Api) -> None:
    found = await voice.value("SELECT default_score_weights() -> 'weights'")
    assert set(json.loads(found)) == set(FACTS)


async def test_everybody_reads_and_owners_change(voice: Api) -> None:
    reader = await sign_in(voice, "read_only")
    text = await page(reader)
    assert "Only an owner of the clinic changes this." in text
    assert 'value="save"' not in text
    assert "<fieldset" in text
    assert re.search(r"<fieldset[^>]* disabled", text)
    for role in ("read_only", "staff"):
        desk = await sign_in(voice, role)
        refused = await desk.post(PATH, {"version": "1", "step": "reset"})
        assert refused.status_code == 403
    assert (await stored(voice))["version"] == 1


async def test_an_owner_saves_and_goes_back(voice: Api) -> None:
    desk = await sign_in(voice)
    fields = await form(desk, hot="85", upcoming="30", no_show="\N{MINUS SIGN}20")
    fields["service-0-points"] = "40"
    answer = await desk.post(PATH, fields | {"step": "save"})
    assert (answer.status_code, answer.headers["location"][-11:]) == (303, "?done=saved")
    saved = await stored(voice)
    weights = json.loads(saved["score_weights"])
    assert (weights["hot"], weights["weights"]["upcoming"], weights["weights"]["no_show"]) == (
        85,
        30,
        -20,
    )
    assert weights["services"] == {"consultation": 40}
    assert (saved["version"], saved["rescored_lead"]) == (2, UUID(int=0))
    assert "Saved." in (await desk.get(PATH, done="saved")).text
    reset = await desk.post(PATH, {"version": "2", "step": "reset"})
    assert reset.status_code == 303
    assert (await stored(voice))["score_weights"] is None
    assert await voice.rows("SELECT action, subject_kind FROM audit_log ORDER BY id") == [
        {"action": "score_weights_set", "subject_kind": "clinic"},
        {"action": "score_weights_reset", "subject_kind": "clinic"},
    ]


async def test_a_preview_shows_what_would_change_and_saves_nothing(voice: Api) -> None:
    await booked(voice)
    desk = await sign_in(voice)
    before = await stored(voice)
    fields = await form(desk, hot="60")
    answer = await desk.post(PATH, fields | {"step": "preview"})
    assert answer.status_code == 200
    text = told(answer.text)
    assert "With the weights below, not saved yet" in text
    assert "hot 0 1" in text
    assert "warm 1 0" in text
    assert "+25 has an appointment to come" in text
    assert re.search(r'name="hot"[^>]* value="60"', answer.text)
    assert await stored(voice) == before


@pytest.mark.parametrize(
    ("name", "said", "why"),
    [
        ("start", "101", "Whole points"),
        ("start", "", "Whole points"),
        ("start", "1.5", "Whole points"),
        ("start", "\N{ARABIC-INDIC DIGIT ONE}", "Whole points"),
        ("start", "<script>", "Whole points"),
        ("service-0-points", "9999", "Whole points"),
        ("warm", "80", "above warm"),
        ("warm", "0", "between 1 and 100"),
        ("hot", "soon", "Whole points"),
    ],
)
async def test_what_is_no_weight_is_told_beside_it(
    voice: Api, name: str, said: str, why: str
) -> None:
    desk = await sign_in(voice)
    before = await stored(voice)
    for step in ("save", "preview"):
        fields = await form(desk)
        answer = await desk.post(PATH, fields | {name: said, "step": step})
        assert answer.status_code == 422
        assert why in told(answer.text)
        assert 'aria-invalid="true"' in answer.text
        assert "<script>" not in answer.text.replace("<script type=", "")
    assert await stored(voice) == before


async def test_an_older_form_is_not_saved(voice: Api) -> None:
    desk = await sign_in(voice)
    fields = await form(desk, hot="90")
    await desk.post(PATH, (await form(desk, hot="85")) | {"step": "save"})
    answer = await desk.post(PATH, fields | {"step": "save"})
    assert answer.status_code == 409
    assert "Somebody else has changed the weights meanwhile" in answer.text
    assert re.search(r'name="hot"[^>]* value="90"', answer.text)
    again = {name: unescape(value) for name, value in FIELD.findall(answer.text)}
    again.pop("csrf")
    assert (await desk.post(PATH, again | {"step": "save"})).status_code == 303
    assert '"hot": 90' in (await stored(voice))["score_weights"]


async def test_points_of_a_service_that_is_gone_stay(voice: Api) -> None:
    desk = await sign_in(voice)
    await voice.value(
        "SELECT set_score_weights($1, current_score_weights($1) || "
        """'{"services": {"<b>gone</b>": 7}}')""",
        voice.clinic.id,
    )
    text = await page(desk)
    assert "&lt;b&gt;gone&lt;/b&gt;" in text
    assert "<b>gone" not in text
    await desk.post(PATH, (await form(desk, hot="85")) | {"step": "save"})
    assert '"<b>gone</b>": 7' in (await stored(voice))["score_weights"]


async def test_a_leads_page_tells_its_score_and_what_is_known(voice: Api) -> None:
    await booked(voice, email="maya@mailinator.com", caller="+442079460958", call_id="earlier")
    (row,) = await voice.rows("SELECT id FROM leads")
    desk = await sign_in(voice, "read_only")
    answer = await desk.get(f"/leads/{row['id']}")
    assert answer.status_code == 200, answer.text
    text = told(answer.text)
    for words in (
        "+25 has an appointment to come",
        "+10 booked or asked for: Consultation",
        "warm",
        "London, United Kingdom",
        "Landline",
        "08:00 in London",
        "Throw-away address (mailinator.com)",
        "English (the clinic's)",
    ):
        assert words in text, words
    # As things stand then, though nothing happened.
    await voice.database.set_clock(NOW + timedelta(days=400))
    later = await sign_in(voice, "read_only", email="later@clinic.example")
    text = told((await later.get(f"/leads/{row['id']}")).text)
    assert "has not been in touch for half a year" in text
    assert "has an appointment to come" not in text


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ({"reason": "upcoming", "points": 25}, "+25 has an appointment to come"),
        (
            {"reason": "service", "points": 20, "params": {"key": "i", "name": "Implant {x}"}},
            "+20 booked or asked for: Implant {x}",
        ),
        (
            {"reason": "no_show", "points": -15, "params": {"times": 1}},
            "\N{MINUS SIGN}15 did not come",
        ),
        (
            {"reason": "no_show", "points": -30, "params": {"times": 2}},
            "\N{MINUS SIGN}30 did not come 2 times",
        ),
        (
            {"reason": "cancelled", "points": -15, "params": {"times": 7}},
            "\N{MINUS SIGN}15 cancelled 7 times (3 are counted)",
        ),
        ({"reason": "regular", "points": 10, "params": {"visits": 9}}, "+10 has been here 9 times"),
        ({"reason": "of_a_newer_release", "points": 1}, "+1 of_a_newer_release"),
    ],
)
async def test_reasons_are_told_in_words(reason: dict[str, Any], said: str) -> None:
    assert reason_line(reason) == said
