"""Calls and bookings of each day as bars: where each of them stands in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 1154.0
HEIGHT: Final = 196.0  # of the highest bar
LABEL_SPACE: Final = 28.0
GRID_LINES: Final = 4
GAP_SHARE: Final = 0.2  # of a day's place, between it and the next
LABELS_MAX: Final = 31


@dataclass(frozen=True, slots=True)
class Bar:
    """In the picture's own units, from its top left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Day:
    """`label`: below its bars, empty where there is no room; `name`: for the table."""

    name: str
    label: str
    middle: float
    calls: int
    booked: int
    calls_bar: Bar
    booked_bar: Bar


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the grid, and the number it stands for."""

    y: float
    number: int


@dataclass(frozen=True, slots=True)
class Chart:
    width: float
    height: float
    base: float
    days: Sequence[Day]
    grid: Sequence[Line]

    @property
    def calls(self) -> int:
        return sum(day.calls for day in self.days)

    @property
    def booked(self) -> int:
        return sum(day.booked for day in self.days)


def draw(
    names: Sequence[str], labels: Sequence[str], calls: Sequence[int], booked: Sequence[int]
) -> Chart:
    """All four of the same length, a day each, in order. Of nothing at all: no bars."""
    step = grid_step(max([*calls, *booked, 1]))
    top = step * GRID_LINES
    place = WIDTH / max(len(names), 1)
    every = -(-len(names) // LABELS_MAX)  # of many days not each has its label
    width = place * (1 - GAP_SHARE) / 2

    def bar(x: float, count: int) -> Bar:
        height = HEIGHT * count / top
        return Bar(round(x, 2), round(HEIGHT - height, 2), round(width - 1, 2), round(height, 2))

    days = []
    for number, name in enumerate(names):
        left = number * place
        days.append(
            Day(
                name,
                labels[number] if number % every == 0 else "",
                round(left + width, 2),
                calls[number],
                booked[number],
                bar(left, calls[number]),
                bar(left + width, booked[number]),
            )
        )
    grid = [Line(HEIGHT - HEIGHT * n / GRID_LINES, step * n) for n in range(1, GRID_LINES + 1)]
    return Chart(WIDTH, HEIGHT + LABEL_SPACE, HEIGHT, days, grid)


def grid_step(most: int) -> int:
    """A round number, of which four are no less than `most`."""
    unit = 1
    while True:
        for factor in (1, 2, 5):
            if unit * factor * GRID_LINES >= most:
                return unit * factor
        unit *= 10
