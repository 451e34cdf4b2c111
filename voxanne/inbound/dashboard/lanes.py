"""What stands beside what: appointments that overlap share a column's width, in lanes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MINUTES_PER_DAY: Final = 1440
SHOWN_MINUTES_MIN: Final = 15  # a shorter one is drawn as tall as this, or nobody could read it
_HOURS_SHOWN: Final = (8 * 60, 18 * 60)
_MARGIN_MINUTES: Final = 30

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """The first lane of how many, and over how many of them it is drawn."""

    lane: int
    lanes: int
    width: int


def lay_out(spans: Sequence[Span]) -> list[Place]:
    """Where each (start, minutes) stands, in the same order.

    Those that hang together by overlaps share the lanes that they need. Each gets the first that is
    free, and with it those to its right that nothing else is in at that time. Of two that begin
    together the longer one is further left.
    """
    places: dict[int, Place] = {}
    drawn = [(start, start + max(minutes, SHOWN_MINUTES_MIN)) for start, minutes in spans]
    lanes: list[list[int]] = []  # who is in each
    until = 0
    for at in sorted(range(len(spans)), key=lambda at: (drawn[at][0], -drawn[at][1], at)):
        start, end = drawn[at]
        if start >= until:
            places |= _spread(lanes, drawn)
            lanes = []
        lane = next((lane for lane in lanes if drawn[lane[-1]][1] <= start), None)
        if lane is None:
            lanes.append([at])
        else:
            lane.append(at)
        until = max(until, end)
    places |= _spread(lanes, drawn)
    return [places[at] for at in range(len(spans))]


def _spread(lanes: Sequence[Sequence[int]], drawn: Sequence[Span]) -> dict[int, Place]:
    """Over the lanes to the right, as far as they are empty."""
    return {
        at: Place(number, len(lanes), _free_lanes(drawn[at], lanes[number + 1 :], drawn) + 1)
        for number, lane in enumerate(lanes)
        for at in lane
    }


def _free_lanes(span: Span, lanes: Sequence[Sequence[int]], drawn: Sequence[Span]) -> int:
    start, end = span
    for number, lane in enumerate(lanes):
        if any(drawn[other][0] < end and start < drawn[other][1] for other in lane):
            return number
    return len(lanes)


def shown_hours(open_spans: Sequence[Span], booked: Sequence[Span]) -> Span:
    """From which to which minute of the day to draw: whole hours, with a little room around what is
    open or booked. Both as (start, end). Where nothing is, from 8 to 18.
    """
    every = [*open_spans, *booked]
    if not every:
        return _HOURS_SHOWN
    first = min(start for start, _ in every) - _MARGIN_MINUTES
    last = max(end for _, end in every) + _MARGIN_MINUTES
    return max(0, first // 60 * 60), min(MINUTES_PER_DAY, -(-last // 60) * 60)


def gaps(closed: Sequence[Span]) -> list[Span]:
    """What (start, end) spans leave of a day."""
    left, at = [], 0
    for start, end in sorted(closed):
        if start > at:
            left.append((at, start))
        at = max(at, end)
    if at < MINUTES_PER_DAY:
        left.append((at, MINUTES_PER_DAY))
    return left
