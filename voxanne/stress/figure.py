"""What a measurement gives."""

from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[str], None]

ROUND_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """One result. `at_least` tells on which side of the target it should lie."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    detail: dict[str, object] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """None without a target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


def rounds_of(seconds: float) -> tuple[int, int]:
    """How many, and the seconds of each: what is compared takes turns, so that the machine's moods
    hit both sides.
    """
    each = max(1, min(ROUND_SECONDS, round(seconds)))
    return max(1, round(seconds / each)), each
