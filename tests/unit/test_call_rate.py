"""The sliding window in which a caller's calls are counted."""

from voxanne.inbound.voice import call_rate
from voxanne.inbound.voice.call_rate import WINDOW_SECONDS, CallRate


def test_so_many_in_any_window() -> None:
    rate = CallRate(3)
    assert [rate.allows("ana", at) for at in (0, 10, 20, 30)] == [True, True, True, False]
    assert [rate.allows("ana", WINDOW_SECONDS + at) for at in (-1, 0, 1)] == [False, True, False]


def test_what_was_refused_does_not_count() -> None:
    rate = CallRate(1)
    assert rate.allows("ana", 0)
    assert not any(rate.allows("ana", at) for at in range(1, 60))
    assert rate.allows("ana", 60)


def test_callers_are_counted_apart() -> None:
    rate = CallRate(1)
    assert rate.allows("ana", 0)
    assert rate.allows("bo", 0)


def test_zero_is_no_limit() -> None:
    rate = CallRate(0)
    assert all(rate.allows("ana", 0) for _ in range(1_000))


def test_the_callers_of_long_ago_are_forgotten() -> None:
    rate = CallRate(1)
    for number in range(call_rate.CALLERS_MAX + 1):
        assert rate.allows(number, 0)
    assert rate.allows(0, 1), "forgotten"
    assert not rate.allows(call_rate.CALLERS_MAX, 1)
