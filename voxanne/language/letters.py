"""Letters without their marks, so that "dreißig", "dreissig" and "DREISSIG" are one word."""

import unicodedata
from typing import Final

_WRITTEN_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def plain_letters(text: str) -> str:
    """In lower case, accents taken off; every other character stays as it is."""
    # Marks that stand apart go first: to sort a long row of them takes the square of its length.
    return _without_marks(
        unicodedata.normalize("NFD", _without_marks(text.lower().replace("ß", "ss")))
    )


def _without_marks(text: str) -> str:
    if text.isascii():
        return text
    return "".join(letter for letter in text if not unicodedata.combining(letter))


def spellings(word: str) -> tuple[str, ...]:
    """How a word may come in plain letters: "für" as "fur" and as "fuer"."""
    return tuple(dict.fromkeys((plain_letters(word), word.lower().translate(_WRITTEN_OUT))))
