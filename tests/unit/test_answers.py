"""What a vendor's answer says, however oddly."""

import pytest

from voxanne.deliveries.http import Answer, UnreadableError

NOON = "Sat, 21 Nov 2026 12:00:00 GMT"


def answer(retry_after: str, date: str = NOON) -> Answer:
    return Answer(429, {"retry-after": retry_after, "date": date}, b"")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 12:01:00 -0000", 60.0),
        ("Sat, 21 Nov 2026 13:01:00 +0100", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("٧", None),
        ("9" * 400, None),
    ],
)
def test_how_long_to_wait(said: str, seconds: float | None) -> None:
    assert answer(said).retry_after_seconds == seconds


def test_their_clock_and_not_ours() -> None:
    assert (
        answer("Sat, 21 Nov 2026 12:01:00 GMT", "Sat, 21 Nov 2026 11:55:00 GMT").retry_after_seconds
        == 360.0
    )
    assert answer("Thu, 01 Jan 1970 00:00:00 GMT", "gibberish").retry_after_seconds == 0.0


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"half": ', b"\xff\xfe"])
def test_what_is_no_json_says_so(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        Answer(200, {}, body).json()
