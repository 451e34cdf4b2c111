"""The calendar's pages: what is on them, where, and how one gets from one to the next."""

import html
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.clinics import NOW, Api, Clinic
from tests.integration.front_desk import Desk, sign_in
from voxanne.inbound.dashboard.local_times import clock_text
from voxanne.inbound.tokens import new_token
from voxanne.stress.dashboard_bench import APPOINTMENTS, FIRST_LOAD_BYTES_MAX, fill_day
from voxanne.stress.first_load import first_load

pytestmark = pytest.mark.asyncio(loop_scope="module")

THURSDAY = "2026-11-26"
TAGS = "<script>alert(1)</script>\"'&"


def at(clock: str, day: str = THURSDAY) -> datetime:
    """London's wall time, which is UTC in November."""
    return datetime.fromisoformat(f"{day}T{clock}:00").replace(tzinfo=UTC)


async def practitioner(voice: Api, name: str, clinic: Clinic | None = None) -> UUID:
    return await voice.database.practitioner((clinic or voice.clinic).id, name=name)


async def book(voice: Api, who: UUID, clock: str, name: str = "Ann Taylor", **more: Any) -> UUID:
    """As a program that bypasses the function would."""
    start = at(clock)
    minutes = more.pop("minutes", 60)
    return await voice.database.appointment(
        voice.clinic.id,
        who,
        scheduled_at=start,
        ends_at=start + timedelta(minutes=minutes),
        metadata=f'{{"patient": {{"name": "{name}"}}}}',
        **more,
    )


def with_(who: object) -> dict[str, Any]:
    return {"with": str(who)}


def appointments(page: str) -> list[dict[str, str]]:
    """The attributes of each, and its text."""
    return [
        {**dict(re.findall(r'([\w-]+)="([^"]*)"', tag)), "text": re.sub(r"<[^>]+>", "", inner)}
        for tag, inner in re.findall(r'<a (class="appt .*?)>(<strong.*?)</a>', page, re.DOTALL)
    ]


def columns(page: str) -> list[str]:
    return re.findall(r'<section class="column"[^>]*aria-label="([^"]*)"', page)


def calendar(page: str) -> dict[str, str]:
    """#calendar's attributes."""
    (tag,) = re.findall(r'<div class="calendar (?:day|week)"[^>]*>', page)
    return dict(re.findall(r'(data-[\w-]+)(?:="([^"]*)")?', tag))


async def own(voice: Api) -> UUID:
    """The one practitioner that a new clinic has."""
    found: UUID = await voice.value(
        "SELECT id FROM practitioners WHERE org_id = $1", voice.clinic.id
    )
    return found


async def test_a_day_has_a_column_for_each_practitioner(voice: Api) -> None:
    first = await own(voice)
    chen = await practitioner(voice, "Dr Amara Chen")
    await book(voice, chen, "09:45", minutes=45)
    desk = await sign_in(voice, "read_only")
    page = (await desk.get("/calendar", day=THURSDAY)).text
    assert columns(page) == ["Dr Amara Chen, 1 appointment", "Harbor Dental, No appointments"]
    (appt,) = appointments(page)
    assert (appt["data-start"], appt["data-minutes"]) == ("585", "45")
    assert "data-practitioner" not in appt  # its column says it
    assert f'data-practitioner="{chen}" data-day="{THURSDAY}"' in page
    assert appt["class"] == "appt c0 confirmed"
    assert appt["text"] == "Ann Taylor Consultation 09:45"
    assert f'data-practitioner="{first}" data-day="{THURSDAY}"' in page
    assert '<span class="avatar c0" aria-hidden="true">AC</span>' in page
    assert "Times in London time" in page
    assert "<h1>Thu, 26 Nov 2026</h1>" in page


async def test_todays_page_has_the_time_and_is_the_first(voice: Api) -> None:
    desk = await sign_in(voice)
    page = (await desk.get("/calendar")).text
    said = calendar(page)
    assert said["data-day"] == f"{NOW:%Y-%m-%d}"
    assert abs(int(said["data-now"]) - 8 * 60) <= 1
    assert '<div class="now" aria-hidden="true"></div>' in page
    assert " data-today " in page
    other = (await desk.get("/calendar", day=THURSDAY)).text
    assert "data-now" not in calendar(other)
    assert '<div class="now"' not in other


async def test_what_is_drawn_are_the_hours_and_what_lies_outside_of_them(voice: Api) -> None:
    who = await own(voice)
    desk = await sign_in(voice)
    said = calendar((await desk.get("/calendar", day=THURSDAY)).text)
    assert (said["data-from"], said["data-until"], said["data-slot"]) == ("480", "1080", "15")
    await book(voice, who, "21:00")
    page = (await desk.get("/calendar", day=THURSDAY)).text
    assert calendar(page)["data-until"] == "1380"
    assert '<div class="closed" data-start="0" data-minutes="540">' in page


async def test_everything_has_its_place_in_the_pages_own_style(voice: Api) -> None:
    """By a style with the page's nonce: no element has one of its own, no script is inline."""
    await book(voice, await own(voice), "09:45", minutes=45)
    desk = await sign_in(voice)
    answer = await desk.get("/calendar", day=THURSDAY)
    (nonce,) = re.findall(r'<style nonce="([^"]+)">', answer.text)
    assert f"style-src 'self' 'nonce-{nonce}'" in answer.headers["content-security-policy"]
    placed = set(re.findall(r'data-(start|minutes)="(\d+)"', answer.text))
    assert placed >= {("start", "480"), ("start", "585"), ("minutes", "45")}
    for name, value in placed:
        assert f'[data-{name}="{value}"]{{--{name}:{value}}}' in answer.text
    assert not re.search(r'<[^>]+ style="|<script(?! type="module" src)| on\w+="', answer.text)


async def test_those_that_overlap_have_lanes(voice: Api) -> None:
    who = await own(voice)
    await book(voice, who, "09:00")
    await book(voice, who, "09:30", overlap_allowed=True)
    desk = await sign_in(voice)
    page = (await desk.get("/calendar", day=THURSDAY)).text
    found = [(a["data-lane"], a["data-lanes"], a["class"]) for a in appointments(page)]
    assert found == [("0", "2", "appt c0 confirmed"), ("1", "2", "appt c0 confirmed overlap")]
    assert '[data-lane="1"]{--lane:1}[data-lanes="2"]{--lanes:2}' in page
    assert "overbooked" in page


async def test_by_phone_held_and_failed_are_told_in_words_too(voice: Api) -> None:
    await voice.book()
    desk = await sign_in(voice)
    (appt,) = appointments((await desk.get("/calendar", day=THURSDAY)).text)
    assert appt["class"] == "appt c0 confirmed by-phone"
    assert "booked by phone" in appt["text"]
    owner = await voice.database.owner()
    await owner.execute("UPDATE deliveries SET status = 'failed' WHERE kind = 'calendar'")
    (appt,) = appointments((await desk.get("/calendar", day=THURSDAY)).text)
    assert appt["class"] == "appt c0 confirmed by-phone failed"
    assert "a message or the calendar failed" in appt["text"]
    await owner.execute(
        "UPDATE appointments SET status = 'held', hold_expires_at = $1, contact_id = NULL, "
        "metadata = '{}'",
        NOW + timedelta(hours=1),
    )
    (appt,) = appointments((await desk.get("/calendar", day=THURSDAY)).text)
    assert appt["class"].startswith("appt c0 held")
    assert appt["text"].startswith("Held for a caller")


async def test_scripts_in_names_are_text(voice: Api) -> None:
    owner = await voice.database.owner()
    who = await practitioner(voice, TAGS)
    await book(voice, who, "09:00", service_type=TAGS)
    await owner.execute(
        "UPDATE appointments SET metadata = jsonb_build_object('patient', "
        "jsonb_build_object('name', $1::text))",
        TAGS,
    )
    await owner.execute(
        "INSERT INTO date_exceptions (org_id, day, reason) VALUES ($1, '2026-11-26', $2)",
        voice.clinic.id,
        TAGS,
    )
    await owner.execute("UPDATE organizations SET name = $1", TAGS)
    desk = await sign_in(voice)
    queries: list[dict[str, Any]] = [{}, {"view": "week"}]
    for query in queries:
        for path in ("/calendar", "/calendar/grid"):
            page = (await desk.get(path, day=THURSDAY, **query)).text
            assert "<script>alert" not in page
            assert page.count(html.escape(TAGS, quote=False).replace('"', "&#34;")[:30]) >= 3


async def test_a_week_has_the_days_on_which_somebody_works(voice: Api) -> None:
    who = await own(voice)
    await book(voice, who, "09:00")
    desk = await sign_in(voice)
    page = (await desk.get("/calendar", day=THURSDAY, view="week")).text
    assert len(columns(page)) == 5
    assert columns(page)[3] == "Thursday, 26 November 2026, 1 appointment"
    assert "<h1>November 2026</h1>" in page
    assert "data-practitioner" not in re.sub(r"<a .*?>", "", page)
    (appt,) = appointments(page)
    assert appt["data-practitioner"] == str(who)
    owner = await voice.database.owner()
    await owner.execute(
        "INSERT INTO date_exceptions (org_id, day, opens, closes) "
        "VALUES ($1, '2026-11-28', '09:00', '12:00')",
        voice.clinic.id,
    )
    assert len(columns((await desk.get("/calendar", day=THURSDAY, view="week")).text)) == 7


async def test_a_weekend_with_an_appointment_is_shown(voice: Api) -> None:
    start = at("10:00", "2026-11-29")
    await voice.database.appointment(
        voice.clinic.id, await own(voice), scheduled_at=start, ends_at=start + timedelta(hours=1)
    )
    desk = await sign_in(voice)
    assert len(columns((await desk.get("/calendar", day=THURSDAY, view="week")).text)) == 7


async def test_a_week_begins_as_it_does_there(voice: Api) -> None:
    """In New York on Sunday."""
    clinic = await voice.open_clinic(timezone="America/New_York", country="US")
    owner = await voice.database.owner()
    await owner.execute(
        "INSERT INTO opening_hours (org_id, weekday, opens, closes) "
        "VALUES ($1, 7, '09:00', '12:00')",
        clinic.id,
    )
    desk = await sign_in(voice, clinic=clinic)
    page = (await desk.get("/calendar", day=THURSDAY, view="week")).text
    assert columns(page)[0].startswith("Sunday, November 22, 2026")
    assert "Times in New York time" in page


async def test_what_crosses_midnight_is_on_each_day(voice: Api) -> None:
    id_ = await book(voice, await own(voice), "23:30")
    desk = await sign_in(voice)
    page = (await desk.get("/calendar", day=THURSDAY, view="week")).text
    assert [
        (a["href"], a["data-start"], a["data-minutes"], "continued" in a["class"])
        for a in appointments(page)
    ] == [
        (f"appointments/{id_}", "1410", "30", False),
        (f"appointments/{id_}", "0", "30", True),
    ]


async def test_an_appointment_tells_its_version_where_it_was_changed(voice: Api) -> None:
    await book(voice, await own(voice), "09:00")
    desk = await sign_in(voice)
    (appt,) = appointments((await desk.get("/calendar", day=THURSDAY)).text)
    assert "data-version" not in appt
    await (await voice.database.owner()).execute("UPDATE appointments SET version = 2")
    (appt,) = appointments((await desk.get("/calendar", day=THURSDAY)).text)
    assert appt["data-version"] == "2"


async def test_the_first_load_of_a_full_day_is_small(voice: Api) -> None:
    """Of a page for 120 appointments with the stylesheets, scripts and icon that it begins with."""
    clinic, token = Clinic(uuid4(), ""), new_token()
    await fill_day(await voice.database.owner(), clinic.id, date.fromisoformat(THURSDAY), token)
    page = (await Desk(voice, clinic, clinic.id, token).get("/calendar", day=THURSDAY)).content
    assert len(appointments(page.decode())) == APPOINTMENTS

    async def fetch(address: str) -> bytes:
        answer = await voice.http.get(address)
        assert answer.status_code == 200, address
        return answer.content

    sizes = await first_load(page, fetch)
    assert {"voxanne.css", "main.js", "dragging.js"} <= {name.split("/")[-1] for name in sizes}
    assert sum(sizes.values()) <= FIRST_LOAD_BYTES_MAX, sizes


async def test_all_but_the_calendar_have_the_pages_stylesheet(voice: Api) -> None:
    desk = await sign_in(voice)
    assert "/pages.css" not in (await desk.get("/calendar")).text
    assert "/pages.css" in (await desk.get("/leads")).text
    assert "/pages.css" in (await voice.http.get("/sign-in")).text


async def test_links_lead_to_the_days_around_it(voice: Api) -> None:
    desk = await sign_in(voice)
    for view, before, after in (
        ("day", "2026-11-25", "2026-11-27"),
        ("week", "2026-11-19", "2026-12-03"),
    ):
        page = (await desk.get("/calendar", day=THURSDAY, view=view)).text
        links = [html.unescape(link) for link in re.findall(r'href="(\?[^"]*)"', page)]
        assert f"?day={before}&view={view}" in links
        assert f"?day={after}&view={view}" in links
        assert f"?day={NOW:%Y-%m-%d}&view={view}" in links
        assert f"?day={THURSDAY}&view={'week' if view == 'day' else 'day'}" in links


async def test_chips_choose_practitioners_without_a_script(voice: Api) -> None:
    chen = await practitioner(voice, "Dr Amara Chen")
    ortega = await practitioner(voice, "Dr Luis Ortega")
    desk = await sign_in(voice)

    async def follow(page: str, name: str) -> str:
        links = re.findall(rf'<a class="chip [^"]*" href="([^"]*)"[^>]*>[^\n]*{name}', page)
        query: dict[str, Any] = dict(
            part.split("=") for part in html.unescape(links[0])[1:].split("&")
        )
        answer = await desk.get("/calendar", **query)
        assert answer.status_code == 303
        where = answer.headers["location"]
        assert where.startswith(f"{desk.url('/calendar')}?day={THURSDAY}&view=day")
        return (await voice.http.get(where, headers=desk.cookies)).text

    page = (await desk.get("/calendar", day=THURSDAY)).text
    assert len(columns(page)) == 3
    page = await follow(page, "Dr Amara Chen")
    assert [name.split(",")[0] for name in columns(page)] == ["Dr Luis Ortega", "Harbor Dental"]
    assert 'class="avatar c1"' in page  # everybody keeps their colour
    page = await follow(page, "Dr Luis Ortega")
    page = await follow(page, "Harbor Dental")
    assert len(columns(page)) == 3  # nobody left is everybody
    for chosen in (f"{chen},{ortega}", f"{chen},nonsense,{ortega}"):
        page = (await desk.get("/calendar", day=THURSDAY, **with_(chosen))).text
        assert len(columns(page)) == 2
    page = (await desk.get("/calendar", day=THURSDAY, **with_(voice.clinic.id))).text
    assert len(columns(page)) == 3


async def test_the_grid_alone_is_what_the_page_has_inside(voice: Api) -> None:
    await book(voice, await own(voice), "09:00")
    desk = await sign_in(voice, "read_only")
    for view in ("day", "week"):
        page = (await desk.get("/calendar", day=THURSDAY, view=view)).text
        grid = (await desk.get("/calendar/grid", day=THURSDAY, view=view)).text
        assert grid.strip() in page
        assert grid.lstrip().startswith('<template class="frame" data-from="480"')
        assert "<html" not in grid


@pytest.mark.parametrize(
    "query",
    [
        {"day": "yesterday"},
        {"day": "2026-02-30"},
        {"day": "0001-01-01"},
        {"day": "9999-12-31"},
        {"day": "2026-11-26T10:00"},
        {"view": "year"},
        {"with": "'; DROP TABLE appointments"},
        {"with": ",".join(f"00000000-0000-0000-0000-{n:012}" for n in range(1100))},
    ],
)
async def test_what_cant_be_read_is_today_and_everybody(voice: Api, query: dict[str, Any]) -> None:
    desk = await sign_in(voice)
    answer = await desk.get("/calendar", **query)
    assert answer.status_code == 200
    assert calendar(answer.text)["data-day"] == f"{NOW:%Y-%m-%d}"
    assert len(columns(answer.text)) == 1


async def test_the_last_days_there_are(voice: Api) -> None:
    desk = await sign_in(voice)
    for day in ("1970-02-01", "9999-11-01"):
        for view in ("day", "week"):
            assert (await desk.get("/calendar", day=day, view=view)).status_code == 200


async def test_who_only_reads_is_offered_nothing_to_change(voice: Api) -> None:
    for role, may in (("read_only", False), ("staff", True), ("owner", True)):
        desk = await sign_in(voice, role)
        page = (await desk.get("/calendar", day=THURSDAY)).text
        assert ("data-may-edit" in page) is may
        assert ("/appointments/new" in page) is may


async def test_nobody_sees_another_clinics(voice: Api) -> None:
    other = await voice.open_clinic(name="Elsewhere")
    theirs = await practitioner(voice, "Dr Else", other)
    await voice.database.appointment(other.id, theirs, scheduled_at=at("09:00"))
    desk = await sign_in(voice)
    for query in ({}, with_(theirs), {"view": "week"}):
        page = (await desk.get("/calendar", day=THURSDAY, **query)).text
        assert "Dr Else" not in page
        assert appointments(page) == []
    for path in ("/calendar", "/calendar/grid"):
        assert (await desk.get(path, clinic=other)).status_code == 404


async def test_a_clinic_without_anybody_says_what_to_do(voice: Api) -> None:
    owner = await voice.database.owner()
    await owner.execute("UPDATE practitioners SET active = false")
    desk = await sign_in(voice)
    for view in ("day", "week"):
        answer = await desk.get("/calendar", view=view)
        assert answer.status_code == 200
    assert "Practitioners are added in the" in (await desk.get("/calendar")).text


async def test_a_calendar_that_cant_be_read_is_told(voice: Api) -> None:
    owner = await voice.database.owner()
    await owner.execute(
        "INSERT INTO calendar_connections (org_id, practitioner_id, vendor, calendar) "
        "VALUES ($1, $2, 'google', 'mine')",
        voice.clinic.id,
        await own(voice),
    )
    await owner.execute("UPDATE organizations SET calendar_stale = 'refuse'")
    desk = await sign_in(voice)
    page = (await desk.get("/calendar", day=THURSDAY)).text
    assert "can't be read" in html.unescape(page)


async def test_hours_are_written_as_they_are_there() -> None:
    assert clock_text(585, "en_US") == "9:45 AM"
    assert clock_text(585, "en_GB") == "09:45"
    assert clock_text(540, "en_US", whole=True) == "9 AM"
    assert clock_text(540, "de_DE", whole=True) == "09:00"
