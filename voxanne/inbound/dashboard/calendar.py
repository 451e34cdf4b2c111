"""The calendar: a day with a column per practitioner, and a week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from babel import Locale
from babel.dates import format_date, format_skeleton
from starlette.responses import Response

from voxanne.inbound.dashboard.grid import COLOURS, Calendar, draw_day, draw_week
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.local_times import read_day
from voxanne.inbound.dashboard.pages import redirect
from voxanne.inbound.dashboard.visit import Visit, read_id

DAYS_PER_WEEK: Final = 7
CHOSEN_MAX: Final = 200

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page of the calendar: `chosen`: practitioners; none are all."""

    day: date
    weekly: bool
    chosen: tuple[UUID, ...]

    @classmethod
    def of(cls, visit: Visit) -> "Asked":
        """What can't be read is today, and everybody."""
        said = ",".join(visit.form.all("with")).split(",")
        chosen = {found for each in said if (found := read_id(each)) is not None}
        day = read_day(visit.form.get("day")) or visit.clinic.today
        return cls(day, visit.form.get("view") == "week", tuple(sorted(chosen)[:CHOSEN_MAX]))

    def query(self, **changes: object) -> str:
        """`?day=…&view=…&with=…`, with these parts changed."""
        parts: dict[str, object] = {
            "day": self.day.isoformat(),
            "view": "week" if self.weekly else "day",
            "with": self.chosen,
            **changes,
        }
        chosen = ",".join(str(each) for each in parts.pop("with"))  # type: ignore[attr-defined]
        return "?" + urlencode(parts | ({"with": chosen} if chosen else {}), safe=",")

    def first_day(self, locale: str) -> date:
        """Of the week it is in, as weeks begin where the clinic is."""
        begins: int = Locale.parse(locale).first_week_day
        return self.day - timedelta(days=(self.day.weekday() - begins) % DAYS_PER_WEEK)


async def show(visit: Visit) -> Response:
    asked = Asked.of(visit)
    seen = await see(visit, asked)
    switched = read_id(visit.form.get("switch"))
    if switched is not None:
        chosen = _switched(asked, seen["practitioners"], switched)
        return redirect(f"{visit.root}/calendar{asked.query(**{'with': chosen})}")
    calendar = draw(visit, asked, seen)
    days = [column.day for column in calendar.columns] or [asked.day]
    step = timedelta(days=DAYS_PER_WEEK if asked.weekly else 1)
    return visit.page(
        "calendar/page.html",
        title="Calendar",
        heading=_heading(asked, days, visit.clinic.locale),
        asked=asked,
        calendar=calendar,
        chips=_chips(asked, seen["practitioners"]),
        earlier=asked.query(day=_moved(asked.day, -step)),
        later=asked.query(day=_moved(asked.day, step)),
        zone=visit.when.place(),
    )


async def show_grid(visit: Visit) -> Response:
    """What is inside the calendar alone, for a page that is open."""
    asked = Asked.of(visit)
    calendar = draw(visit, asked, await see(visit, asked))
    return visit.page("calendar/grid.html", title="Calendar", asked=asked, calendar=calendar)


async def see(visit: Visit, asked: Asked) -> Json:
    """What there is to draw, and everybody who could be on it. Raises RefusedError."""
    first = asked.first_day(visit.clinic.locale) if asked.weekly else asked.day
    seen: Json = await visit.call(
        "day_view",
        **{"from": first},
        days=DAYS_PER_WEEK if asked.weekly else 1,
        practitioners=list(asked.chosen) or None,
    )
    if asked.chosen and _ids(seen["practitioners"]).isdisjoint(asked.chosen):
        # Nobody of these is here (any more).
        return await see(visit, Asked(asked.day, asked.weekly, ()))
    return seen


def draw(visit: Visit, asked: Asked, seen: Json) -> Calendar:
    """The page that is asked for."""
    chosen = {str(each) for each in _shown(asked, _ids(seen["practitioners"]))}
    if asked.weekly:
        return draw_week(visit, seen, chosen)
    return draw_day(visit, seen, asked.day, chosen)


def _chips(asked: Asked, practitioners: Sequence[Json]) -> list[dict[str, object]]:
    """A link each that shows or hides somebody. It names them alone, and leads on to an address of
    all who are shown then: that in every link would be kilobytes.
    """
    shown = _shown(asked, _ids(practitioners))
    return [
        {
            "name": who["name"],
            "colour": at % COLOURS,
            "shown": UUID(who["id"]) in shown,
            "query": asked.query(switch=who["id"]),
        }
        for at, who in enumerate(practitioners)
    ]


def _switched(asked: Asked, practitioners: Sequence[Json], who: UUID) -> tuple[UUID, ...]:
    """Who is chosen once this one is shown or hidden. Whoever hides the last one sees all again."""
    everybody = _ids(practitioners)
    then = (_shown(asked, everybody) ^ {who}) & everybody
    return () if then == everybody else tuple(sorted(then))


def _shown(asked: Asked, everybody: set[UUID]) -> set[UUID]:
    return everybody & set(asked.chosen) or everybody


def _ids(practitioners: Sequence[Json]) -> set[UUID]:
    return {UUID(who["id"]) for who in practitioners}


def _heading(asked: Asked, days: Sequence[date], locale: str) -> str:
    """`Wed, Nov 25, 2026` of a day; `November 2026` of a week, or its two months."""
    if not asked.weekly:
        return _skeleton(asked.day, "yMMMEd", locale)
    if days[0].month == days[-1].month:
        return format_date(days[0], "LLLL y", locale=locale)
    return " – ".join(_skeleton(day, "yMMM", locale) for day in (days[0], days[-1]))


@lru_cache(maxsize=512)
def _skeleton(day: date, parts: str, locale: str) -> str:
    return format_skeleton(parts, day, locale=locale)


def _moved(day: date, step: timedelta) -> date:
    try:
        return day + step
    except OverflowError:
        return day


PAGES: Final[list[Page]] = [
    Page("GET", "/calendar", "read_only", show),
    Page("GET", "/calendar/grid", "read_only", show_grid),
]
