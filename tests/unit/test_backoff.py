"""When a delivery is tried again, and when it is given up."""

from itertools import pairwise

import pytest

from voxanne.outbox.backoff import ASKED_SECONDS_MAX, BACKOFFS, retry_seconds
from voxanne.outbox.types import CHANNELS, Channel

HOURS = 3600.0


def waits(channel: Channel, share: float) -> list[float]:
    """Seconds before each next try, with that share of chance, to the last."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("voxanne.outbox.backoff.random.uniform", lambda _low, _high: share)
        found = [retry_seconds(channel, tries, None) for tries in range(1, 1000)]
    return [wait for wait in found if wait is not None]


@pytest.mark.parametrize("channel", CHANNELS)
def test_waits_double_until_they_are_longest(channel: Channel) -> None:
    backoff = BACKOFFS[channel]
    found = waits(channel, 1.0)
    assert found[0] == backoff.first_seconds
    assert max(found) == found[-1] == backoff.longest_seconds
    assert all(after in (2 * before, backoff.longest_seconds) for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("channel", "least", "most"),
    [
        ("calendar", 12 * HOURS, 48 * HOURS),
        ("sms", 0.5 * HOURS, 3 * HOURS),
        ("email", 3 * HOURS, 12 * HOURS),
        ("webhook", 18 * HOURS, 40 * HOURS),
        ("alert", 3 * HOURS, 12 * HOURS),
    ],
)
def test_a_vendor_may_be_away_for_so_long(channel: Channel, least: float, most: float) -> None:
    """Whatever chance does."""
    assert least <= sum(waits(channel, 0.5)) < sum(waits(channel, 1.0)) <= most


@pytest.mark.parametrize("channel", CHANNELS)
def test_it_gives_up(channel: Channel) -> None:
    tries_max = BACKOFFS[channel].tries_max
    assert retry_seconds(channel, tries_max - 1, None) is not None
    for tries in (tries_max, tries_max + 1, 10**6):
        assert retry_seconds(channel, tries, 60.0) is None


def test_what_failed_together_does_not_come_back_together() -> None:
    found = {retry_seconds("calendar", 5, None) for _ in range(50)}
    assert len(found) > 40
    assert all(wait is not None and 8.0 <= wait <= 16.0 for wait in found)


def test_a_vendors_wish_is_kept() -> None:
    assert retry_seconds("sms", 1, 120.0) == 120.0
    assert retry_seconds("sms", 1, 10 * ASKED_SECONDS_MAX) == ASKED_SECONDS_MAX


@pytest.mark.parametrize("asked", [None, 0.0, -5.0, 1.0])
def test_a_shorter_wish_changes_nothing(asked: float | None) -> None:
    wait = retry_seconds("sms", 3, asked)
    assert wait is not None
    assert 10.0 <= wait <= 20.0
