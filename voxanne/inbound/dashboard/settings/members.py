"""The practitioners, the rooms, and which services each is for."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Literal

from starlette.responses import Response

from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.settings.configuring import (
    Draft,
    Show,
    first_look,
    form_page,
    load,
    store,
)
from voxanne.inbound.dashboard.settings.fields import Row, optional, read_rows, with_empty
from voxanne.inbound.dashboard.visit import Visit

Json = dict[str, Any]
Section = Literal["practitioners", "rooms"]
TITLES: Final = {"practitioners": "Practitioners", "rooms": "Rooms"}


async def show(section: Section, visit: Visit) -> Response:
    current = await load(visit)
    rows = [Row(number, *_shown(entry)) for number, entry in enumerate(current[section])]
    return _page(visit, section, current, rows)(first_look(visit, current))


async def save(section: Section, visit: Visit) -> Response:
    current = await load(visit)
    rows = read_rows(visit.form, section, telling=("name", "id"))
    draft = Draft()
    draft.put(section, rows, [_entry(row) for row in rows])
    return await store(visit, draft, _page(visit, section, current, rows), _path(section))


def _path(section: Section) -> str:
    return f"/settings/clinic/{section}"


def _shown(entry: Json) -> tuple[dict[str, str], dict[str, list[str]]]:
    values = {"id": entry["id"], "name": entry["name"], "active": "yes" if entry["active"] else ""}
    return values, {"services": entry["services"]}


def _entry(row: Row) -> Json:
    return {
        "id": optional(row.get("id")),
        "name": row.get("name"),
        "services": row.lists.get("services", []),
        # A new one is, without being asked.
        "active": bool(row.get("active")) or not row.get("id"),
    }


def _page(visit: Visit, section: Section, current: Json, rows: Sequence[Row]) -> Show:
    return form_page(
        visit,
        "settings/members.html",
        TITLES[section],
        section=section,
        rows=with_empty(rows, number=1),
        services=current["services"],
    )


SECTIONS: Final[tuple[Section, ...]] = ("practitioners", "rooms")
PAGES: Final[list[Page]] = [
    page
    for section in SECTIONS
    for page in (
        Page("GET", _path(section), "read_only", partial(show, section)),
        Page("POST", _path(section), "owner", partial(save, section)),
    )
]
