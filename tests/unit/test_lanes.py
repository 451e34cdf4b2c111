"""Where appointments of a column stand beside each other, and which hours are drawn."""

from hypothesis import given
from hypothesis import strategies as st

from voxanne.inbound.dashboard.lanes import SHOWN_MINUTES_MIN, gaps, lay_out, shown_hours


def laid(*spans: tuple[int, int]) -> list[tuple[int, int, int]]:
    return [(place.lane, place.lanes, place.width) for place in lay_out(spans)]


def test_what_does_not_overlap_has_the_whole_width() -> None:
    assert laid((540, 30), (570, 30), (700, 60)) == [(0, 1, 1)] * 3
    assert laid() == []


def test_what_overlaps_stands_side_by_side() -> None:
    assert laid((540, 60), (570, 60)) == [(0, 2, 1), (1, 2, 1)]


def test_what_hangs_together_by_another_shares_its_lanes() -> None:
    """The first and the third don't meet, but both meet the second: two lanes do for three."""
    assert laid((540, 60), (580, 60), (600, 60)) == [(0, 2, 1), (1, 2, 1), (0, 2, 1)]


def test_where_nothing_is_to_the_right_it_is_wider() -> None:
    """Three at nine, and one at ten that meets only the long one."""
    assert laid((540, 120), (540, 30), (540, 30), (600, 30)) == [
        (0, 3, 1),
        (1, 3, 1),
        (2, 3, 1),
        (1, 3, 2),
    ]


def test_the_longer_of_two_that_begin_together_is_left() -> None:
    assert laid((540, 15), (540, 60)) == [(1, 2, 1), (0, 2, 1)]


def test_one_too_short_to_be_read_takes_the_room_it_is_drawn_in() -> None:
    assert laid((540, 5), (546, 30)) == [(0, 2, 1), (1, 2, 1)]
    assert laid((540, 5), (555, 30)) == [(0, 1, 1), (0, 1, 1)]


def test_the_order_asked_is_the_order_answered() -> None:
    assert laid((570, 60), (540, 60)) == [(1, 2, 1), (0, 2, 1)]


SPANS = st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 300)), max_size=40)


@given(SPANS)
def test_no_two_that_overlap_share_a_lane(spans: list[tuple[int, int]]) -> None:
    places = lay_out(spans)
    drawn = [(start, start + max(minutes, SHOWN_MINUTES_MIN)) for start, minutes in spans]
    for first, place in enumerate(places):
        assert 0 <= place.lane < place.lane + place.width <= place.lanes
        for second in range(first):
            other = places[second]
            if drawn[first][0] < drawn[second][1] and drawn[second][0] < drawn[first][1]:
                assert place.lanes == other.lanes
                assert (
                    place.lane >= other.lane + other.width or other.lane >= place.lane + place.width
                )


def test_the_hours_drawn_hold_what_is_open_and_booked() -> None:
    assert shown_hours([(540, 1020)], []) == (480, 1080)
    assert shown_hours([(540, 1020)], [(1200, 1230)]) == (480, 1260)
    assert shown_hours([(510, 1050)], []) == (480, 1080)
    assert shown_hours([(0, 1440)], []) == (0, 1440)
    assert shown_hours([], []) == (480, 1080)


def test_gaps_are_what_closed_spans_leave() -> None:
    assert gaps([(0, 540), (1020, 1440)]) == [(540, 1020)]
    assert gaps([(720, 780), (0, 540)]) == [(540, 720), (780, 1440)]
    assert gaps([(0, 1440)]) == []
    assert gaps([]) == [(0, 1440)]
