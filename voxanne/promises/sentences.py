"""Sentences of a turn, and their words in plain letters, as the rules want them."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voxanne.language.letters import plain_letters

SENTENCE_CHARACTERS_MAX: Final = 1_000

_MONTHS: Final = "jan|feb|mär|mar|apr|mai|may|jun|jul|aug|sep|okt|oct|nov|dez|dec|ene|abr|ago|dic"
_END = re.compile(r"[.!?…]+[\"')]*\s+|\n+|\s+(?=[¿¡])")
_ABBREVIATION = re.compile(r"(?:^|[\s,(])(?:dr|dra|mr|mrs|ms|sr|sra|prof|st|no|nr|bzw|z\.b|ca)\.$")
_HALF_DAY = re.compile(r"\b[ap]\. ?m\.$")
_NUMBER = re.compile(r"(?:^|\s)\d{1,2}\.$")
_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.$")
_AFTER_NUMBER = re.compile(rf"(?:{_MONTHS})|\d", re.IGNORECASE)
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "`": "'", "\u00a0": " "})
_FILLERS = re.compile(r"\b(?:uh+|um+|erm+|ehm|ahm|hmm+|mm+)\b,? ?")
_GREETINGS = re.compile(
    r"\b(?:good (?:morning|afternoon|evening|day)|buenos dias|buenas (?:tardes|noches)|"
    r"guten (?:morgen|tag|abend)|have a (?:good|great|nice|lovely|wonderful) \w+|"
    r"(?:que tenga|que pase)(?: \w+){1,4}|schonen? (?:tag|abend|nachmittag|morgen)(?: noch)?)\b"
)
# What an agent may before it says that something is done; it would look like a maybe.
_PERFORMED = re.compile(
    r"\b(?:i can(?: now)?|i'?m (?:happy|pleased|glad) to|i am (?:happy|pleased|glad) to|happy to|"
    r"let me(?: just)?|i'?d like to|just to) (?:confirm|tell you|let you know|say)(?: that)?,?\b|"
    r"\b(?:le |te )?(?:puedo|quiero) confirmar(?:le|te)?(?: que)?\b|\b(?:le|"
    r"te) confirmo(?: que)?\b|"
    r"\b(?:ich )?(?:kann|darf|mochte) (?:ich )?(?:ihnen )?(?:hiermit )?bestatigen,?(?: dass)?\b"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` as it was said; `plain`: small letters without accents, fillers and greetings."""

    text: str
    plain: str

    @property
    def is_question(self) -> bool:
        return self.text.rstrip("\"' )").endswith("?") or self.text.lstrip().startswith("¿")


def split_sentences(said: str) -> list[Sentence]:
    """What has no end is cut into pieces, between words."""
    return [
        Sentence(part, plain_words(part))
        for text in _pieces(said)
        for part in (
            [text]
            if len(text) <= SENTENCE_CHARACTERS_MAX
            else textwrap.wrap(text, SENTENCE_CHARACTERS_MAX)
        )
    ]


def plain_words(text: str) -> str:
    # "sí" without its accent would be "if".
    text = re.sub(r"\bsí\b", "claro", text[:SENTENCE_CHARACTERS_MAX].lower())
    plain = plain_letters(text.translate(_QUOTES)).replace("¿", "").replace("¡", "")
    plain = " ".join(_FILLERS.sub("", plain).split())
    return " ".join(_PERFORMED.sub("", _GREETINGS.sub("", plain)).split())


def _pieces(said: str) -> Iterator[str]:
    begin = 0
    for end in _END.finditer(said):
        before, after = said[begin : end.end()].rstrip(), said[end.end() : end.end() + 12]
        low = before.lower()
        if not end[0].strip() and "\n" not in end[0] and not before:
            continue
        if before.endswith(".") and (
            _ABBREVIATION.search(low)
            or _DATE.search(low)
            or (_HALF_DAY.search(low) and not after[:1].isupper())
            or (_NUMBER.search(low) and _AFTER_NUMBER.match(after))
        ):
            continue
        if before:
            yield before
        begin = end.end()
    if rest := said[begin:].strip():
        yield rest
