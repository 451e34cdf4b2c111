"""Public holidays, by the `holidays` library, which computes them offline."""

from datetime import date
from functools import cache
from types import ModuleType

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.errors import ClinicFileError

# This year and the three that follow: at least three years ahead, and the same list all year.
YEARS = 4
LANGUAGE = "en_US"


def check_region(region: str) -> None:
    """Raises ClinicFileError when no public holidays are known for a country (`GB`) or for a part
    of it (`GB-ENG`), ISO 3166-1 alpha-2 and 3166-2.
    """
    country, _, part = region.partition("-")
    known = _library().list_supported_countries(include_aliases=False)
    if len(country) != 2 or country not in known:
        raise ClinicFileError(
            Outcome.INVALID_ARGUMENTS,
            f"No public holidays are known for {region!r}. Write a country such as GB, a part of "
            "it such as GB-ENG, or none.",
        )
    if "-" in region and part not in known[country]:
        parts = ", ".join(f"{country}-{part}" for part in known[country]) or "none"
        raise ClinicFileError(
            Outcome.INVALID_ARGUMENTS, f"{country} has no part {part!r}; there are: {parts}."
        )


def public_holidays(region: str, today: date) -> list[tuple[date, str]]:
    """The region's public holidays from `today` to the end of the third year after, with their
    English names. Raises ClinicFileError for a region that isn't known.
    """
    check_region(region)
    country, _, part = region.partition("-")
    years = range(today.year, min(today.year + YEARS, date.max.year))
    found = _library().country_holidays(
        country, subdiv=part or None, years=years, language=LANGUAGE
    )
    return [(day, name) for day, name in sorted(found.items()) if day >= today]


def holiday_exceptions(region: str, today: date) -> list[dict[str, object]]:
    """The same as a configuration's exceptions: days on which the clinic is closed."""
    return [
        {
            "practitioner": None,
            "day": day.isoformat(),
            "opens": None,
            "closes": None,
            "reason": name[:200],
            "source": "holiday",
        }
        for day, name in public_holidays(region, today)
    ]


@cache
def _library() -> ModuleType:
    """Slow to load, and seldom asked."""
    import holidays

    return holidays
