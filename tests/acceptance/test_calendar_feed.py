"""`voxanne calendar feed`, and the feed that the demo shows."""

import re
from pathlib import Path

import httpx2
import icalendar

from tests.acceptance.commands import Running, assert_fails, parsed, voxanne
from tests.database import Database
from tests.integration.clinics import connected_app, in_process, settings_for


async def test_a_feed_is_opened_read_and_closed(database: Database, tmp_path: Path) -> None:
    org_id = await database.organization(name="Harbor Dental")
    grey = await database.practitioner(org_id, name="Dr Grey")
    settings = {
        "DATABASE_URL": database.owner_url,
        "VOXANNE_DATA_DIR": str(tmp_path / "data"),
        "VOXANNE_PUBLIC_URL": "https://voice.example.com/",
    }

    def feed(*arguments: str) -> object:
        return parsed(
            voxanne("calendar", "feed", *arguments, "--json", settings=settings, cwd=tmp_path)
        )

    opened = feed("Harbor Dental", "grey")
    assert isinstance(opened, dict)
    assert opened["practitioner_id"] == str(grey)
    path = opened["url"].removeprefix("https://voice.example.com")
    assert re.fullmatch(r"/calendar/[\w-]{43}\.ics", path)
    chosen = settings_for(database.owner_url)
    async with connected_app(chosen, database.owner_url) as (app, _, _), in_process(app) as http:
        reply = await http.get(path)
        assert icalendar.Calendar.from_ical(reply.content).calendar_name == (
            "Dr Grey, Harbor Dental"
        )
        assert feed("Harbor Dental", str(grey), "--revoke") == {
            "practitioner_id": str(grey),
            "url": None,
        }
        assert (await http.get(path)).status_code == 404
    again = voxanne("calendar", "feed", str(org_id), "Dr Nobody", settings=settings, cwd=tmp_path)
    assert_fails(again, "There is no practitioner 'Dr Nobody'.")


def test_the_demo_serves_a_feed_of_what_it_booked(tmp_path: Path) -> None:
    settings = {"VOXANNE_DATA_DIR": str(tmp_path / "data")}
    demo = Running("demo", "--port", "0", settings=settings, cwd=tmp_path)
    try:
        demo.wait_for(r"Serving on http://\S+")
        url = demo.wait_for(r"http://\S+/calendar/\S+\.ics")[0]
        reply = httpx2.get(url, trust_env=False)
        assert reply.status_code == 200
        shown = icalendar.Calendar.from_ical(reply.content)
        assert shown.calendar_name == "Dr Amara Chen, Harbor Dental"
        found = sorted((str(event["STATUS"]), str(event["SUMMARY"])) for event in shown.events)
        assert found == [("CANCELLED", "Appointment"), ("CONFIRMED", "Appointment")]
    finally:
        assert demo.end() == 0
        demo.kill_if_alive()
