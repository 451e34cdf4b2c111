"""When a delivery is tried again, and when it is given up."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from voxanne.outbox.types import Channel

ASKED_SECONDS_MAX: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling from `first_seconds` to `longest_seconds`, at most `tries_max` tries in all."""

    first_seconds: float
    longest_seconds: float
    tries_max: int


# A calendar and a clinic's own system may be away for a day; a message about a time may not.
BACKOFFS: Final[Mapping[Channel, Backoff]] = {
    "calendar": Backoff(1, 1800, 60),
    "sms": Backoff(5, 900, 12),
    "email": Backoff(5, 1800, 24),
    "webhook": Backoff(5, 7200, 30),  # about 29 hours
    "alert": Backoff(5, 1800, 24),
}


def retry_seconds(channel: Channel, tries: int, asked_seconds: float | None) -> float | None:
    """Seconds until the next try after `tries` in vain; None: no more.

    Half of it is chance, so that what failed together doesn't come back together. A vendor's own
    wish (`asked_seconds`, Retry-After) is kept, within a day, and never shortened by chance.
    """
    backoff = BACKOFFS[channel]
    if tries >= backoff.tries_max:
        return None
    wait = min(backoff.first_seconds * 2.0 ** min(tries - 1, 40), backoff.longest_seconds)
    spread = wait * random.uniform(0.5, 1.0)  # noqa: S311
    return max(spread, min(asked_seconds or 0.0, ASKED_SECONDS_MAX))
