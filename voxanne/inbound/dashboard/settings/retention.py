"""How long what patients said is kept."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.settings.configuring import (
    Draft,
    Json,
    Show,
    first_look,
    form_page,
    store,
)
from voxanne.inbound.dashboard.settings.fields import optional_number, whole_number
from voxanne.inbound.dashboard.visit import Visit

PATH: Final = "/settings/retention"
PERIODS: Final = ("call_retention_days", "text_retention_days", "person_retention_days")
DUE_COUNTED_MAX: Final = 1000


async def show(visit: Visit) -> Response:
    outlook = await visit.call("retention_outlook")
    values = {name: "" if outlook[name] is None else str(outlook[name]) for name in PERIODS}
    return _page(visit, values, outlook["due"])(first_look(visit, outlook))


async def save(visit: Visit) -> Response:
    values = {name: visit.form.get(name) for name in PERIODS}
    draft = Draft({name: whole_number(values[name]) for name in PERIODS[:2]})
    draft.document["person_retention_days"] = optional_number(values["person_retention_days"])
    outlook = await visit.call("retention_outlook")
    return await store(visit, draft, _page(visit, values, outlook["due"]), PATH)


def _page(visit: Visit, values: Mapping[str, str], due: Json) -> Show:
    told = {
        kind: f"{DUE_COUNTED_MAX:,} or more" if count >= DUE_COUNTED_MAX else f"{count:,}"
        for kind, count in due.items()
    }
    return form_page(visit, "settings/retention.html", "Retention", values=values, due=told)


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "owner", show),
    Page("POST", PATH, "owner", save),
]
