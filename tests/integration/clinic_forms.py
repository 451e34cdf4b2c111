"""The pages that edit the clinic's configuration, and what they do. No test in here."""

import httpx2

from tests.integration.clinics import Json
from tests.integration.page_forms import words
from tests.integration.v1_requests import Client

CLINIC = "/settings/clinic"
HOURS = f"{CLINIC}/hours"
EXCEPTIONS = f"{CLINIC}/exceptions"
PRACTITIONERS = f"{CLINIC}/practitioners"
ROOMS = f"{CLINIC}/rooms"
SERVICES = f"{CLINIC}/services"
PAGES = (CLINIC, HOURS, EXCEPTIONS, PRACTITIONERS, ROOMS, SERVICES)


async def document(admin: Client) -> Json:
    found: Json = await admin.get("clinic")
    return found


def assert_saved(answer: httpx2.Response) -> None:
    assert answer.status_code == 303, words(answer.text)
    assert answer.headers["location"].endswith("?done=saved")


async def fill(admin: Client) -> None:
    """A configuration with something in each place."""
    before = await document(admin)
    (practitioner,) = before["practitioners"]
    await admin.patch(
        "clinic",
        {
            "address": "1 Quay Street",
            "phone": "+442079460000",
            "email": "desk@harbor.example",
            "transfer_number": "+442079460100",
            "red_flags": ["chest pain", "can't breathe"],
            "reminder_hours": [48, 3],
            "quiet_from": "20:30",
            "notice_minutes": 90,
            "practitioners": [
                {"id": practitioner["id"], "name": "Dr Amara Chen", "services": ["consultation"]},
                {"name": "Dr Left", "active": False},
            ],
            "rooms": [{"name": "Room 1", "services": ["consultation"]}],
            "services": [
                {
                    "key": "consultation",
                    "name": "Consultation",
                    "duration_minutes": 60,
                    "buffer_after_minutes": 10,
                    "notice_minutes": 30,
                    "price_minor_units": 6550,
                    "currency": "GBP",
                },
                {"key": "old", "name": "Old one", "duration_minutes": 20, "active": False},
            ],
            "hours": [
                {"weekday": 1, "opens": "09:00", "closes": "24:00"},
                {
                    "practitioner": "Dr Amara Chen",
                    "weekday": 2,
                    "opens": "20:00",
                    "closes": "02:00",
                },
            ],
            "breaks": [{"weekday": 1, "starts": "13:00", "ends": "14:00", "label": "lunch"}],
            "exceptions": [
                {"day": "2026-12-24", "opens": "09:00", "closes": "12:00", "reason": "Eve"},
                {"day": "2026-12-29", "practitioner": "Dr Amara Chen"},
            ],
            "absences": [
                {
                    "practitioner": "Dr Amara Chen",
                    "starts_at": "2026-12-20T09:00:00Z",
                    "ends_at": "2026-12-21T17:00:00Z",
                    "reason": "course",
                }
            ],
        },
    )


def confirm_in(html: str) -> str:
    _, _, rest = html.partition('name="confirm" value="')
    return rest[:16]
