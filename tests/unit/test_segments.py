"""How long a text message is. Counts checked by hand against 3GPP TS 23.038 and 23.040."""

import pytest

from voxanne.texts.segments import measure

GSM, UCS = "GSM-7", "UCS-2"


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", GSM, 0, 0),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("€" * 80, GSM, 160, 1),
        ("€" * 81, GSM, 162, 2),
        # 153 is odd: a character of two septets never lies across two segments.
        ("€" * 152, GSM, 304, 2),
        ("€" * 153, GSM, 306, 3),
        ("a" * 152 + "€" + "a" * 152, GSM, 306, 3),
        ("á" * 70, UCS, 70, 1),
        ("á" * 71, UCS, 71, 2),
        ("á" * 134, UCS, 134, 2),
        ("á" * 135, UCS, 135, 3),
        ("👍" * 35, UCS, 70, 1),
        ("👍" * 36, UCS, 72, 2),
        ("👍" * 66, UCS, 132, 2),
        ("👍" * 67, UCS, 134, 3),
        ("Ñandú", UCS, 5, 1),
        ("[1] Grüße, 5 £ à la carte~\n", GSM, 30, 1),
    ],
)
def test_units_and_segments(text: str, encoding: str, units: int, segments: int) -> None:
    found = measure(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


def test_the_alphabet_is_whole() -> None:
    """127 characters and ten more by the escape, which is none itself."""
    known = [chr(point) for point in range(0x2100) if not measure(chr(point)).forced_by]
    assert len(known) == 127 + 10
    assert len([each for each in known if measure(each).units == 2]) == 10
    assert "\x1b" not in known


def test_what_forces_the_longer_encoding() -> None:
    assert measure("Cité, sábado, “früh” á").forced_by == ("á", "“", "”")
    assert measure("Grüße").forced_by == ()


def test_a_lone_surrogate_is_counted_like_any() -> None:
    assert measure("\ud800").segments == 1
