"""The services: how long they take, what they cost, who gives them and where."""

from collections.abc import Sequence
from typing import Any, Final

from starlette.responses import Response

from voxanne.clinic_files.configuration import key_from_name
from voxanne.clinic_files.notation import read_price, write_price
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
    optional_number,
    read_rows,
    shown,
    whole_number,
    with_empty,
)
from voxanne.inbound.dashboard.visit import Visit

Json = dict[str, Any]
PATH: Final = "/settings/clinic/services"
LISTED: Final = ("practitioners", "rooms")
_NO_PRICE: Final = "A price is written 60.00, and its currency GBP."


async def show(visit: Visit) -> Response:
    current = await load(visit)
    rows = [
        Row(number, _values(entry), _listed(current, entry["key"]))
        for number, entry in enumerate(current["services"])
    ]
    return _page(visit, current, rows)(first_look(visit, current))


async def save(visit: Visit) -> Response:
    current = await load(visit)
    rows = read_rows(visit.form, "services", telling=("key", "name"))
    draft = Draft()
    draft.put("services", rows, [_entry(draft, row) for row in rows])
    keys = [entry["key"] for entry in draft.document["services"]]
    for section in LISTED:
        draft.document[section] = [
            member | {"services": _services_of(section, member, keys, rows)}
            for member in current[section]
        ]
    return await store(visit, draft, _page(visit, current, rows), PATH)


def _services_of(section: str, member: Json, keys: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Whoever is inactive isn't in the form, and stays as they are."""
    if not member["active"]:
        return [key for key in member["services"] if key in keys]
    return [key for key, row in zip(keys, rows, strict=True) if row.has(section, member["id"])]


def _entry(draft: Draft, row: Row) -> Json:
    minor_units, currency = _price(draft, row)
    return {
        "key": row.get("key") or key_from_name(row.get("name")),
        "name": row.get("name"),
        "duration_minutes": whole_number(row.get("duration_minutes")),
        "buffer_before_minutes": whole_number(row.get("buffer_before_minutes") or "0"),
        "buffer_after_minutes": whole_number(row.get("buffer_after_minutes") or "0"),
        "notice_minutes": optional_number(row.get("notice_minutes")),
        "price_minor_units": minor_units,
        "currency": currency,
        # A new one is, without being asked.
        "active": bool(row.get("active")) or not row.get("key"),
    }


def _price(draft: Draft, row: Row) -> tuple[int | None, str | None]:
    amount, currency = row.get("price_minor_units"), row.get("currency")
    if not amount and not currency:
        return None, None
    price = read_price(f"{amount} {currency}")
    if price is None:
        draft.errors[f"services-{row.number}-price_minor_units"] = _NO_PRICE
        return None, None
    return price


def _values(entry: Json) -> dict[str, str]:
    values = shown(entry) | {"active": "yes" if entry["active"] else ""}
    if entry["currency"] is not None:
        written = write_price(entry["price_minor_units"], entry["currency"])
        values["price_minor_units"], _, values["currency"] = written.partition(" ")
    return values


def _listed(current: Json, key: str) -> dict[str, list[str]]:
    return {
        section: [member["id"] for member in current[section] if key in member["services"]]
        for section in LISTED
    }


def _page(visit: Visit, current: Json, rows: Sequence[Row]) -> Show:
    return form_page(
        visit,
        "settings/services.html",
        "Services",
        rows=with_empty(rows, number=1),
        members={
            section: [each for each in current[section] if each["active"]] for section in LISTED
        },
    )


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "read_only", show),
    Page("POST", PATH, "owner", save),
]
