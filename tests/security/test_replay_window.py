"""A captured request of a voice platform is good for a few minutes, to the second."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.clinics import VAPI_URL, Api
from tests.integration.test_voice_credentials import OWN_HMAC_KEY, booking, set_hmac_key, signed
from tests.unit import vapi_bodies as bodies
from voxanne.inbound.signatures import HmacScheme, sign, verify_signature

NOW = datetime(2026, 11, 24, 10, 0, 0, 500_000, tzinfo=UTC)
TOLERANCE = timedelta(seconds=300)
URL = "https://clinic.example.test/api/vapi"
A_MOMENT = timedelta(milliseconds=1)


def is_taken(timestamp: str, *, now: datetime = NOW, seconds: int = 300) -> bool:
    scheme = HmacScheme()
    headers = sign(scheme, b"key", body=b"{}", method="POST", url=URL, timestamp=timestamp)
    return verify_signature(
        scheme,
        b"key",
        headers=headers,
        body=b"{}",
        method="POST",
        url=URL,
        now=now,
        tolerance_seconds=seconds,
    )


def written(moment: datetime) -> list[str]:
    """In each unit that is understood and can say it."""
    milliseconds = round(moment.timestamp() * 1000)
    whole = [str(milliseconds // 1000)] if milliseconds % 1000 == 0 else []
    return [*whole, str(milliseconds), moment.isoformat()]


@pytest.mark.parametrize("sign_of_it", [-1, 1], ids=["behind", "ahead"])
def test_the_windows_edges(sign_of_it: int) -> None:
    """In the past and in the future alike: a clock that is ahead must not make a replay last."""
    for timestamp in written(NOW + sign_of_it * TOLERANCE):
        assert is_taken(timestamp), timestamp
    for timestamp in written(NOW + sign_of_it * (TOLERANCE + A_MOMENT)):
        assert not is_taken(timestamp), timestamp


def test_whole_seconds_are_not_rounded_in_the_senders_favour() -> None:
    moment = NOW.replace(microsecond=0)
    edge = str(int((moment - TOLERANCE).timestamp()))
    assert is_taken(edge, now=moment)
    assert not is_taken(edge, now=moment + A_MOMENT)


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "0",
        "-1",
        "+1795600800",
        "1795600800.5",
        "1e9",
        "nan",
        "inf",
        " 1795600800",
        "1795600800\n",
        "９" * 10,
        "9" * 15,
        "9" * 16,
        "9" * 400,
        "2026-11-24T10:00:00",  # no zone
        "2026-11-24",
        "9999-12-31T23:59:59+00:00",
        "0001-01-01T00:00:00+00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_no_other_timestamp_is_taken_and_none_raises(timestamp: str) -> None:
    assert not is_taken(timestamp)


def test_the_window_is_the_settings() -> None:
    then = str(round((NOW - timedelta(seconds=2)).timestamp() * 1000))
    assert is_taken(then, seconds=2)
    assert not is_taken(then, seconds=1)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_replayed_within_the_window_books_nothing_twice(voice: Api) -> None:
    """The signature can't tell a replay from a retry, which must be answered: it is the call's and
    the tool call's ids, which the signature covers, that make both the same booking.
    """
    await set_hmac_key(voice, voice.clinic, OWN_HMAC_KEY)
    await voice.add_line(voice.clinic, number=bodies.DIALLED)
    body = booking()
    headers = signed(body, OWN_HMAC_KEY)
    replies = await asyncio.gather(*(voice.post(VAPI_URL, body, headers) for _ in range(5)))
    assert [reply.status_code for reply in replies] == [200] * 5
    assert (await voice.counts())["appointments"] == 1
    replayed = [reply.text.count(r"\"replayed\":true") for reply in replies]
    assert sorted(replayed) == [0, 1, 1, 1, 1]
