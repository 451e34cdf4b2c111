"""Letters without their marks, so that "dreißig", "dreissig" and "DREISSIG" are one word."""

import unicodedata
from typing import Final

_WRITTEN_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def plain_letters(text: str) -> str:
    """In lower case, accents taken off; every other character stays as it is."""
    apart = unicodedata.normalize("NFD", text.lower().replace("ß", "ss"))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def spellings(word: str) -> tuple[str, ...]:
    """How a word may come in plain letters: "für" as "fur" and as "fuer"."""
    return tuple(dict.fromkeys((plain_letters(word), word.lower().translate(_WRITTEN_OUT))))
