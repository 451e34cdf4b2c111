"""Criterion 2: nothing is booked in the past, at no time at all, or on a day that was guessed."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from voxanne.stress.evidence import Criterion, outcome, outcome_of
from voxanne.stress.scene import Scene
from voxanne.stress.scratch import TIMEZONE

ZONE = ZoneInfo(TIMEZONE)
HORIZON_DAYS = 365


async def check_dates(scene: Scene, criterion: Criterion) -> None:
    now = scene.now
    for name, moment, code in (
        ("a second ago", now - timedelta(seconds=1), "DATE_IN_PAST"),
        ("yesterday", now - timedelta(days=1), "DATE_IN_PAST"),
        ("a year ago", now - timedelta(days=365), "DATE_IN_PAST"),
        ("infinity", "infinity", "INVALID_DATE"),
        ("minus infinity", "-infinity", "INVALID_DATE"),
        ("the year 10000", "10000-01-01T00:00:00Z", "INVALID_DATE"),
        ("no time", None, "INVALID_DATE"),
        ("past the horizon", now + timedelta(days=HORIZON_DAYS + 1), "TOO_FAR_AHEAD"),
    ):
        await criterion.check(
            name, f"{code}, nothing stored", scene.outcome_and_rows(scene.book(moment))
        )
    soon = scene.book(now + timedelta(minutes=5))
    await criterion.check("in five minutes", "booked", outcome_of(soon))
    if scene.api is not None:
        await _check_over_http(scene, criterion)


async def _check_over_http(scene: Scene, criterion: Criterion) -> None:
    window_days = scene.date_correction_days_max
    today = scene.now.astimezone(ZONE).date()
    yesterday = today - timedelta(days=1)
    day = _ordinary_day(today + timedelta(days=20))
    gap = _clocks_go_forward(today)
    near, far = (
        _ordinary_day(today + timedelta(days=d)) for d in (window_days // 2, window_days + 5)
    )
    if window_days >= 4:
        await criterion.check(
            "HTTP: last year's date, inside the window, is this time's, and said back",
            f"booked for {near}, said back",
            _corrected(scene, near),
        )
    asked = {
        f"{yesterday} 10:00": ("yesterday", {}, "DATE_IN_PAST"),
        f"{day} 10:00": (
            "a weekday that isn't the date's",
            {"weekday": f"{day + timedelta(days=1):%A}"},
            "NEEDS_CONFIRMATION",
        ),
        f"{gap} 01:30": ("an hour the clocks skip", {}, "NEEDS_CONFIRMATION"),
        "whenever": ("no time at all", {}, "INVALID_DATE"),
    }
    if far <= today + timedelta(days=HORIZON_DAYS - 5):
        asked[f"{_year_before(far)} 10:00"] = (
            "last year's date, outside the window",
            {},
            "DATE_IN_PAST",
        )
    for said, (name, more, code) in asked.items():
        await criterion.check(
            f"HTTP: {name}",
            f"{code}, nothing stored",
            scene.outcome_and_rows(scene.tell(scheduledAt=said, **more)),
        )


async def _corrected(scene: Scene, day: date) -> str:
    answer = await scene.tell(scheduledAt=f"{_year_before(day)} 10:00")
    if outcome(answer) != "booked":
        return outcome(answer)
    booked = datetime.fromisoformat(answer["scheduledAt"]).astimezone(ZONE)
    said_back = all(f"{day:{part}}".lstrip("0") in answer["message"] for part in ("%A", "%d", "%B"))
    return f"booked for {booked.date()}, {'' if said_back else 'not '}said back"


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1)


def _ordinary_day(day: date) -> date:
    """The day, or the one after a 29 February: that one has no year before."""
    return day + timedelta(days=(day.month, day.day) == (2, 29))


def _clocks_go_forward(after: date) -> date:
    """The next day without a half past one in the clinic's zone."""
    for ahead in range(1, HORIZON_DAYS + 10):
        day = after + timedelta(days=ahead)
        wall = datetime(day.year, day.month, day.day, 1, 30, tzinfo=ZONE)
        if wall.utcoffset() != wall.replace(fold=1).utcoffset() and day.month < 7:
            return day
    raise AssertionError("unreachable: Europe/London changes its clocks each year")
