"""How long a text message is: it is sent, and paid for, in segments.

Source: 3GPP TS 23.038 (the GSM 7-bit alphabet and its extension) and TS 23.040 (what joining
segments costs). No library that is kept up does more than the table, so the table is here.
"""

from dataclasses import dataclass
from typing import Final, Literal

Encoding = Literal["GSM-7", "UCS-2"]

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")  # two septets each
# Units of one message alone, and of each segment when there are more.
_ALONE: Final[dict[Encoding, int]] = {"GSM-7": 160, "UCS-2": 70}
_JOINED: Final[dict[Encoding, int]] = {"GSM-7": 153, "UCS-2": 67}


@dataclass(frozen=True, slots=True)
class Length:
    """`units` are septets, or UTF-16 code units. `forced_by`: the characters that the GSM alphabet
    lacks, each once, in order; they more than halve what a segment holds."""

    encoding: Encoding
    units: int
    segments: int
    forced_by: tuple[str, ...]


def measure(text: str) -> Length:
    """The length of `text` as a phone network sees it. No text is no segment."""
    outside = tuple(dict.fromkeys(c for c in text if c not in _BASIC and c not in _EXTENSION))
    encoding: Encoding = "UCS-2" if outside else "GSM-7"
    if outside:
        sizes = [len(character.encode("utf-16-le", "surrogatepass")) // 2 for character in text]
    else:
        sizes = [2 if character in _EXTENSION else 1 for character in text]
    units = sum(sizes)
    if units <= _ALONE[encoding]:
        return Length(encoding, units, int(units > 0), outside)
    return Length(encoding, units, _joined(sizes, _JOINED[encoding]), outside)


def _joined(sizes: list[int], room: int) -> int:
    """How many segments it takes: a character is never split."""
    segments, used = 1, 0
    for size in sizes:
        if used + size > room:
            segments, used = segments + 1, 0
        used += size
    return segments
