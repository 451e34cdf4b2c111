"""Days on which the weekly hours don't hold, and when practitioners are away."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from starlette.responses import Response

from voxanne.clinic_files.errors import ClinicFileError
from voxanne.clinic_files.public_holidays import holiday_exceptions
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.local_times import LocalTime, read_local
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
    sentence,
    shown,
    wall_time,
    with_empty,
)
from voxanne.inbound.dashboard.settings.hours import whose
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.v1.problems import RefusedError

Json = dict[str, Any]
PATH: Final = "/settings/clinic/exceptions"


async def show(visit: Visit) -> Response:
    current = await load(visit)
    rows = {
        "exceptions": [Row(n, shown(row)) for n, row in enumerate(_own(current["exceptions"]))],
        "absences": [Row(n, _local(visit, row)) for n, row in enumerate(current["absences"])],
    }
    return _page(visit, current, rows)(first_look(visit, current))


async def save(visit: Visit) -> Response:
    current = await load(visit)
    exceptions = read_rows(visit.form, "exceptions", telling=("day", "opens", "closes", "reason"))
    absences = read_rows(
        visit.form, "absences", telling=("from_day", "until_day", "from_time", "until_time")
    )
    draft = Draft()
    own = [_exception(row) for row in exceptions]
    draft.put("exceptions", exceptions, [*own, *_holidays(visit, current)])
    draft.put("absences", absences, [_absence(visit, draft, row) for row in absences])
    return await store(visit, draft, _page(visit, current, draft.rows), PATH)


def _own(exceptions: Sequence[Json]) -> list[Json]:
    return [row for row in exceptions if row["source"] != "holiday"]


def _holidays(visit: Visit, current: Json) -> Sequence[Json]:
    """Anew: one that gave way to what the clinic said of its day may come back."""
    if current["holidays_region"] is not None:
        try:
            return holiday_exceptions(current["holidays_region"], visit.clinic.today)
        except ClinicFileError:
            pass  # a region that a later release of the library has given up
    return [row for row in current["exceptions"] if row["source"] == "holiday"]


def _exception(row: Row) -> Json:
    opens, closes = row.get("opens"), row.get("closes")
    return {
        "practitioner": optional(row.get("practitioner")),
        "day": row.get("day"),
        "opens": wall_time(opens) if opens else None,
        "closes": wall_time(closes) if closes else None,
        "reason": row.get("reason"),
    }


def _absence(visit: Visit, draft: Draft, row: Row) -> Json:
    return {
        "practitioner": row.get("practitioner"),
        "starts_at": _moment(visit, draft, row, "from"),
        "ends_at": _moment(visit, draft, row, "until"),
        "reason": row.get("reason"),
    }


def _moment(visit: Visit, draft: Draft, row: Row, end: str) -> str:
    """The instant of a day and a time at the clinic. What is wrong goes to `draft`."""
    day, clock, which = (row.get(f"{end}_{part}") for part in ("day", "time", "which"))
    try:
        moment = read_local(day, clock or "00:00", which, visit.when)
    except RefusedError as refused:
        name = f"absences-{row.number}-{end}_{refused.details['where']}"
        draft.errors[name] = sentence(refused.detail)
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(visit: Visit, absence: Json) -> dict[str, str]:
    values = {"practitioner": absence["practitioner"], "reason": absence["reason"]}
    for end, name in (("from", "starts_at"), ("until", "ends_at")):
        at = LocalTime.of(datetime.fromisoformat(absence[name]), visit.clinic.zone)
        values |= {f"{end}_day": at.day, f"{end}_time": at.time, f"{end}_which": at.which}
    return values


def _page(visit: Visit, current: Json, rows: Mapping[str, Sequence[Row]]) -> Show:
    everybody = whose(current)
    return form_page(
        visit,
        "settings/special_days.html",
        "Exceptions and absences",
        rows={section: with_empty(each) for section, each in rows.items()},
        holidays=[row for row in current["exceptions"] if row["source"] == "holiday"],
        region=current["holidays_region"],
        whose=everybody,
        people={name: said for name, said in everybody.items() if name},
    )


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "read_only", show),
    Page("POST", PATH, "owner", save),
]
