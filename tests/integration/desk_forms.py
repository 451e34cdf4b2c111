"""A browser without scripts in front of the dashboard: pages, forms, and what becomes of them. No
test in here.
"""

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2

from tests.integration.clinics import Api
from tests.integration.front_desk import Desk

THURSDAY = "2026-11-26"
TAGS = "<script>alert(1)</script>\"'&"
ACTIONS = ("move", "cancel", "complete", "no-show", "confirm")

Fields = dict[str, str]


class Page:
    """A page as a browser without scripts knows it: its words, and its forms with their fields."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.status, self.source = answer.status_code, answer.text
        self.text = html.unescape(re.sub(r"<[^>]+>", " ", self.source))

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def form(self, action: str, at: int = 0) -> Fields:
        """The fields of the form of this data-action, as they are filled in."""
        found = re.findall(
            rf'<form method="post" action="([^"]+)" data-action="{action}"[^>]*>(.*?)</form>',
            self.source,
            re.DOTALL,
        )
        address, inner = found[at]
        fields = {"": address}
        for tag in re.findall(r"<input [^>]*>", inner):
            has = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
            if has.get("type") != "radio" or " checked" in tag:
                fields[has["name"]] = html.unescape(has.get("value", ""))
        for name, options in re.findall(
            r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', inner, re.DOTALL
        ):
            chosen = re.findall(r'value="([^"]*)" selected', options)
            fields[name] = (chosen or re.findall(r'value="([^"]*)"', options))[0]
        for name, said in re.findall(
            r'<textarea [^>]*name="(\w+)"[^>]*>(.*?)</textarea>', inner, re.DOTALL
        ):
            fields[name] = html.unescape(said)
        return fields

    def has_form(self, action: str) -> bool:
        return f'data-action="{action}"' in self.source

    def buttons(self, name: str) -> list[str]:
        return [
            html.unescape(v)
            for v in re.findall(rf'<button [^>]*name="{name}" value="([^"]*)"', self.source)
        ]


async def page(desk: Desk, path: str, **query: Any) -> Page:
    return Page(await desk.get(path, **query))


async def send(desk: Desk, form: Mapping[str, str], **changed: str) -> Page:
    """Post the form, and follow where it leads."""
    fields = {**form, **changed}
    address = fields.pop("").removeprefix(desk.url(""))
    answer = await desk.post(address, fields)
    if answer.status_code == 303:
        return Page(await desk.api.http.get(answer.headers["location"], headers=desk.cookies))
    return Page(answer)


async def script(desk: Desk, path: str, **fields: object) -> httpx2.Response:
    return await desk.post(path, fields, json=True)


async def booked(voice: Api, **said: Any) -> UUID:
    answer = await voice.book(**said)
    return UUID(answer["appointmentId"])


async def book_tom(voice: Api) -> None:
    """In another call, at two."""
    when = f"{THURSDAY}T14:00"
    answer = await voice.book(
        name="Tom Taylor", caller="+442079460111", call_id="another", scheduledAt=when
    )
    assert answer["success"]


async def row(voice: Api, id_: UUID) -> dict[str, Any]:
    (found,) = await voice.rows("SELECT * FROM appointments WHERE id = $1", id_)
    return found


async def counted(voice: Api, table: str = "appointments") -> int:
    found: int = await voice.value(f"SELECT count(*) FROM {table}")
    return found


async def audited(voice: Api) -> list[tuple[str, str]]:
    found = await voice.rows("SELECT action, subject_id FROM audit_log ORDER BY id")
    return [(each["action"], each["subject_id"]) for each in found]


def at(clock: str, day: str = THURSDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}:00").replace(tzinfo=UTC)


NEW = {"name": "Tom Taylor", "phone": "020 7946 0111", "email": "tom@example.org"}


async def new_form(desk: Desk, time: str = "10:00", **query: str) -> Fields:
    return (await page(desk, "/appointments/new", day=THURSDAY, time=time, **query)).form("book")
