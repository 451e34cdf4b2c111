"""Where an appointment could move to: free times of a day, and the days around it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from voxanne.booking import functions
from voxanne.inbound.patient.shown import Shown

DAYS_LOOKED_AT: Final = 28
DAYS_AHEAD_MAX: Final = 3_660  # the longest horizon a clinic may have
# More than one day has, on a grid of five minutes.
STARTS_MAX: Final = 400
OTHER_DAYS_MAX: Final = 7


@dataclass(frozen=True, slots=True)
class Choice:
    """One time that could be had, and with whom."""

    starts_at: datetime
    practitioner_id: UUID
    practitioner: str | None

    @property
    def value(self) -> str:
        """As a form sends it; `read_choice` reads it."""
        return f"{self.starts_at.isoformat()}~{self.practitioner_id}"


@dataclass(frozen=True, slots=True)
class Times:
    """`day`: the first with free times from the asked one on; None: there is none, for `reason` (of
    why_not.sql). `later`: where to look on.
    """

    asked: date
    day: date | None
    choices: Sequence[Choice]
    other_days: Sequence[date]
    later: date | None
    reason: str | None


async def find_times(
    database: functions.Database, shown: Shown, asked: date, practitioner: UUID | None
) -> Times | None:
    """None: the clinic can't say any more (the service or the practitioner is no longer there).
    Raises what `fetch_value` raises.
    """
    asked = min(max(asked, shown.today), shown.today + timedelta(days=DAYS_AHEAD_MAX))
    answer = await functions.call(
        database,
        "check_availability",
        {
            "p_org_id": shown.organization,
            "p_service_type": shown.service_type,
            "p_from": _midnight(asked, shown),
            "p_until": _midnight(asked + timedelta(days=DAYS_LOOKED_AT), shown),
            "p_practitioner_id": practitioner,
            "p_limit": STARTS_MAX,
            "p_spread": False,
            "p_except": shown.id,
        },
    )
    if not answer["success"]:
        return None
    choices = read_choices(shown, answer["slots"])
    days = [(day, list(those)) for day, those in groupby(choices, _day)]
    following = answer["next_from"]
    if following is None:
        later = asked + timedelta(days=DAYS_LOOKED_AT)
    else:
        later = datetime.fromisoformat(following).astimezone(shown.zone).date()
        days = [(day, those) for day, those in days if day < later]  # of that one there is more
    if len(days) > 1 + OTHER_DAYS_MAX:
        later = days[1 + OTHER_DAYS_MAX][0]
    return Times(
        asked=asked,
        day=days[0][0] if days else None,
        choices=days[0][1] if days else (),
        other_days=[day for day, _ in days[1 : 1 + OTHER_DAYS_MAX]],
        later=None if answer["reason"] == "too_far" else later,
        reason=answer["reason"],
    )


def read_choices(shown: Shown, slots: Iterable[Mapping[str, Any]]) -> list[Choice]:
    """Each start once, in order: with whom it is now where that can be, else with the first."""
    best: dict[datetime, Choice] = {}
    for slot in slots:
        choice = Choice(
            datetime.fromisoformat(slot["starts_at"]).astimezone(shown.zone),
            UUID(slot["practitioner_id"]),
            slot["practitioner_name"],
        )
        if (choice.starts_at, choice.practitioner_id) == (shown.starts_at, shown.practitioner_id):
            continue  # there it is already
        if choice.starts_at not in best or choice.practitioner_id == shown.practitioner_id:
            best[choice.starts_at] = choice
    return [best[start] for start in sorted(best)]


def read_choice(shown: Shown, said: str) -> tuple[datetime, UUID] | None:
    """What a form sent; None for anything else. That it can be had, only the database knows."""
    start, _, practitioner = said.partition("~")
    try:
        starts_at = datetime.fromisoformat(start)
        chosen = UUID(practitioner)
    except ValueError:
        return None
    # Outside of these neither a zone nor PostgreSQL need have a time.
    if starts_at.tzinfo is None or not 2000 <= starts_at.year <= 9000:
        return None
    return starts_at.astimezone(shown.zone), chosen


def read_day(shown: Shown, said: str | None) -> date:
    """Today for nonsense, and for nothing."""
    try:
        return date.fromisoformat(said or "")
    except ValueError:
        return shown.today


def _midnight(day: date, shown: Shown) -> datetime:
    return datetime.combine(day, time(), shown.zone)


def _day(choice: Choice) -> date:
    return choice.starts_at.date()
