"""When the clinic and its practitioners receive, week by week, and their breaks."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from voxanne.clinic_files.notation import WEEKDAYS
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.settings.configuring import (
    Draft,
    Show,
    first_look,
    form_page,
    load,
    store,
)
from voxanne.inbound.dashboard.settings.fields import (
    Row,
    optional,
    read_rows,
    shown,
    wall_time,
    whole_number,
    with_empty,
)
from voxanne.inbound.dashboard.visit import Visit

Json = dict[str, Any]
PATH: Final = "/settings/clinic/hours"
DAYS: Final = {str(number): name.capitalize() for number, name in enumerate(WEEKDAYS, 1)}


async def show(visit: Visit) -> Response:
    current = await load(visit)
    rows = {section: stored_rows(current, section) for section in ("hours", "breaks")}
    return _page(visit, current, rows)(first_look(visit, current))


async def save(visit: Visit) -> Response:
    current = await load(visit)
    hours = read_rows(visit.form, "hours", telling=("opens", "closes"))
    breaks = read_rows(visit.form, "breaks", telling=("starts", "ends"))
    draft = Draft()
    draft.put("hours", hours, [_entry(row, "opens", "closes") for row in hours])
    draft.put("breaks", breaks, [_break(row) for row in breaks])
    return await store(visit, draft, _page(visit, current, draft.rows), PATH)


def stored_rows(current: Json, section: str) -> list[Row]:
    return [Row(number, shown(entry)) for number, entry in enumerate(current[section])]


def whose(current: Json) -> dict[str, str]:
    """Whose hours may be: the clinic's, or by their name a practitioner's."""
    names = [each["name"] for each in current["practitioners"] if each["active"]]
    return {"": "The clinic", **{name: name for name in names}}


def _break(row: Row) -> Json:
    label = {"label": row.get("label")} if row.get("label") else {}
    return _entry(row, "starts", "ends") | label


def _entry(row: Row, begins: str, ends: str) -> Json:
    return {
        "practitioner": optional(row.get("practitioner")),
        "weekday": whole_number(row.get("weekday")),
        begins: wall_time(row.get(begins)),
        ends: wall_time(row.get(ends)),
    }


def _page(visit: Visit, current: Json, rows: Mapping[str, Sequence[Row]]) -> Show:
    return form_page(
        visit,
        "settings/hours.html",
        "Weekly hours",
        rows={section: with_empty(each) for section, each in rows.items()},
        whose=whose(current),
        days=DAYS,
    )


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "read_only", show),
    Page("POST", PATH, "owner", save),
]
