"""The metrics page: figures against their targets, in words, numbers and bars."""

import json
from datetime import timedelta
from xml.etree import ElementTree

import pytest

from tests.integration.clinics import NOW, Api
from tests.integration.front_desk import sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


def svg_of(page: str) -> ElementTree.Element:
    """The chart itself, not its key."""
    begins = page.index('<svg class="chart" viewBox="0 0 1154')
    return ElementTree.fromstring(page[begins : page.index("</svg>", begins) + 6])


@pytest.mark.parametrize("days", ["7", "14", "90", "", "x", "-1"])
async def test_a_clinic_without_anything_has_zeros_and_dashes(voice: Api, days: str) -> None:
    desk = await sign_in(voice, "read_only")
    page = await desk.get("/metrics", days=days)
    assert page.status_code == 200
    assert "Nothing was booked in this time." in page.text
    assert page.text.count(">nothing yet<") == 5
    assert page.text.count(">met<") == 1  # no token refresh failed
    shown = days if days in ("7", "14", "90") else "14"
    assert f'href="/clinic/{voice.clinic.id}/metrics?days={shown}" aria-current="page"' in page.text
    assert len(svg_of(page.text).findall("rect")) == 0


async def test_what_happened_is_counted_and_drawn(voice: Api) -> None:
    desk = await sign_in(voice)
    booked = await voice.book(caller="+447700900123", call_id="call-1")
    assert booked["success"], booked
    owner = await voice.database.owner()
    tools = [
        {"tool": "checkAvailability", "outcome": "SUCCESS", "duration_ms": 84},
        {"tool": "bookClinicAppointment", "outcome": "SLOT_UNAVAILABLE", "duration_ms": 90},
        {"tool": "bookClinicAppointment", "outcome": "SUCCESS", "duration_ms": 90},
    ]
    await owner.execute(
        "INSERT INTO calls (org_id, call_id, started_at, tools, promise) VALUES "
        "($1, 'call-1', $2, $3, 'kept'), ($1, 'call-2', $2, '[]', 'none'), "
        "($1, 'long-ago', $2 - interval '20 days', '[]', 'none') "
        "ON CONFLICT (org_id, call_id) DO UPDATE SET tools = excluded.tools, promise = 'kept'",
        voice.clinic.id,
        NOW,
        json.dumps(tools),
    )
    page = await desk.get("/metrics", days="14")
    text = page.text
    assert '<strong class="figure">2</strong>' in text
    assert "+100% on the 14 days before" in text
    assert "50% of calls" in text
    assert '<strong class="figure">84 ms</strong>' in text
    assert "target 300 ms, met" in text
    assert '<th scope="row">Phone agent</th>' in text
    assert '<th scope="row">Slot unavailable</th>' in text
    chart = svg_of(text)
    bars = {rect.attrib["class"]: rect.attrib for rect in chart.findall("rect")}
    assert float(bars["calls"]["height"]) == 2 * float(bars["booked"]["height"]) > 0
    named = chart.attrib["aria-labelledby"].split()
    assert named == [chart.find("title").attrib["id"], chart.find("desc").attrib["id"]]  # type: ignore[union-attr]
    assert (
        '<th scope="row">Mon 2 Nov</th><td class="number">2</td><td class="number">1</td>' in text
    )
    assert " style=" not in text


async def test_a_missed_target_says_so(voice: Api) -> None:
    desk = await sign_in(voice)
    tools = [{"tool": "bookClinicAppointment", "outcome": "INTERNAL_ERROR"}]
    owner = await voice.database.owner()
    await owner.execute(
        "INSERT INTO calls (org_id, call_id, started_at, tools, promise) "
        "VALUES ($1, 'bad', $2, $3, 'mismatch')",
        voice.clinic.id,
        NOW - timedelta(days=1),
        json.dumps(tools),
    )
    await owner.execute(
        "INSERT INTO alerts (org_id, kind, created_at) VALUES ($1, 'calendar_broken', $2)",
        voice.clinic.id,
        NOW,
    )
    page = await desk.get("/metrics")
    assert page.text.count(">missed<") == 3
    assert ">0.0%<" in page.text


async def test_numbers_are_written_as_the_clinic_writes_them(voice: Api) -> None:
    clinic = await voice.open_clinic(name="Praxis", timezone="Europe/Berlin", country="DE")
    await (await voice.database.owner()).execute(
        "UPDATE organizations SET language = 'de' WHERE id = $1", clinic.id
    )
    desk = await sign_in(voice, clinic=clinic)
    await (await voice.database.owner()).executemany(
        "INSERT INTO calls (org_id, call_id, started_at) VALUES ($1, $2, $3)",
        [(clinic.id, f"c-{n}", NOW) for n in range(1234)],
    )
    assert '<strong class="figure">1.234</strong>' in (await desk.get("/metrics")).text
