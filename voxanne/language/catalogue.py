"""The one catalogue of what is said: a sentence's English is its key, gettext files hold the rest.

A sentence is a literal with `{placeholders}` where it is said, so `tests/unit/test_catalogue.py`
can find every one of them and what a language lacks. Write no sentence in two halves: the order of
words is the language's.
"""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "es", "de")  # complete, and tested to be


def say(language: str, message: str, /, **values: object) -> str:
    """`message` in `language` ("de", "de-AT"), its placeholders filled with `values`.

    An unknown language is spoken to in English. Raises KeyError for a value that is not given.
    """
    return _translations(language_or_english(language)).gettext(message).format(**values)


def say_many(language: str, singular: str, plural: str, count: int, /, **values: object) -> str:
    """`say` for a number of things; `{count}` is filled in by itself."""
    translations = _translations(language_or_english(language))
    return translations.ngettext(singular, plural, count).format(count=count, **values)


def known_language(tag: object) -> str | None:
    """The catalogue's language of a BCP 47 tag: `de` of `de-AT`; None for anything else."""
    if not isinstance(tag, str):
        return None
    language = tag.strip().lower().replace("_", "-").partition("-")[0]
    return language if language in LANGUAGES else None


def language_or_english(tag: object) -> str:
    return known_language(tag) or ENGLISH


@cache
def _translations(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    path = files("voxanne") / "locales" / language / "LC_MESSAGES" / "voxanne.po"
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language, abort_invalid=True))
    compiled.seek(0)
    return GNUTranslations(compiled)
