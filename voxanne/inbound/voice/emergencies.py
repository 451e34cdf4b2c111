"""What can't wait for an appointment: noticed in what a caller said, and answered with a number."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from voxanne.inbound.voice.red_flags import FLAGS
from voxanne.language.catalogue import ENGLISH, language_or_english, say
from voxanne.language.letters import plain_letters, spellings
from voxanne.language.speech import region_of

ADDS: Final = "+"
GAP_WORDS_MAX: Final = 5
DEFAULT_NUMBER: Final = "112"

_BOUNDARY: Final = ","
_APOSTROPHES: Final = re.compile(r"['’‘ʼ`]")
_JOINING: Final = re.compile(r"[-/&_]")
_OTHER: Final = re.compile(r"[^\w\s:]")
_ANSWERED_NO: Final = re.compile(
    r" : (?:no|none|denied|negative|nein|keine|ninguno|ninguna)(?= ,|$)"
)

Entry = tuple[str, re.Pattern[str]]


def find_red_flag(
    texts: Iterable[str], clinic_words: Sequence[str] | None, language: str
) -> str | None:
    """The first entry of the list that one of `texts` speaks of, or None.

    `clinic_words` None is the default list of the language and of English, since a model's notes
    may be in either. A clinic's own list replaces it, or adds to it when one of its entries starts
    with "+". An entry is plain words, or as `red_flags` writes them. What is plainly negated, over
    or meant otherwise is no red flag; a doubtful one is.
    """
    plain = [_plain(text) for text in texts]
    own = tuple(word.strip() for word in clinic_words or ())
    defaults = clinic_words is None or any(word.startswith(ADDS) for word in own)
    for spoken in dict.fromkeys((language_or_english(language), ENGLISH)):
        entries = (*_clinic_entries(own, spoken), *(_default_entries(spoken) if defaults else ()))
        for text in plain:
            if (found := _first(text, entries, spoken)) is not None:
                return found
    return None


def _plain(text: str) -> str:
    """Plain words with one space before and between; `,` stands for what separates clauses."""
    text = _JOINING.sub(" ", _APOSTROPHES.sub("", plain_letters(text)))
    text = _OTHER.sub(f" {_BOUNDARY} ", text.replace("\n", f" {_BOUNDARY} ").replace(":", " : "))
    return " " + " ".join(text.split())


def _first(text: str, entries: Sequence[Entry], language: str) -> str | None:
    text = _meant_otherwise(language).sub(f" {_BOUNDARY}", text)
    matches = [(found, name) for name, entry in entries for found in entry.finditer(text)]
    if not matches:
        return None
    negated = _negated(text, [found.span() for found, _ in matches], language)
    for found, name in matches:
        if found.span() not in negated and not _is_over(text, found, language):
            return name
    return None


def _negated(text: str, spans: Iterable[tuple[int, int]], language: str) -> set[tuple[int, int]]:
    """The matches that a negation reaches over fillers, and over other matches joined by "or"."""
    negation, filler, own = _negation(language)
    ends: dict[int, list[int]] = {}
    for start, end in set(spans):
        if not own.search(text, start, end):
            ends.setdefault(start, []).append(end)
    negated: set[tuple[int, int]] = set()
    at = 0
    for found in negation.finditer(text):
        at = max(at, found.end())
        while True:
            negated |= {(at, end) for end in ends.get(at, ())}
            if at in ends:
                at = max(ends[at])
            elif step := filler.match(text, at):
                at = step.end()
            else:
                break
    return negated


def _is_over(text: str, found: re.Match[str], language: str) -> bool:
    history, present = _history(language)
    if _ANSWERED_NO.match(text, found.end()):
        return True
    return history.match(text, found.end()) is not None and present.search(text) is None


# Compiled once for each language; a clinic's own entries as long as they are remembered.


def _word(written: str) -> str:
    if written == "#":
        return r"(?:19|20)\d\d"
    forms = [
        re.escape(form) + (r"\w*" if word.endswith("*") else "")
        for word in written.split("|")
        if word.strip("*")
        for form in spellings(word.rstrip("*"))
    ]
    return f"(?:{'|'.join(dict.fromkeys(forms))})"


def _sequence(phrase: str, language: str) -> str:
    """A pattern for words that follow each other. No gap reaches over a negation."""
    single = "|".join(_word(word) for word in FLAGS[language].negations if " " not in word)
    gap = rf"(?: (?!(?:{single})\b)\w+){{0,{GAP_WORDS_MAX}}}"
    words = (gap if word == "~" else f" {_word(word)}" for word in phrase.split())
    return "".join(words) + r"(?!\w)"


def _any(phrases: Iterable[str], language: str) -> re.Pattern[str]:
    return re.compile("|".join(_sequence(phrase, language) for phrase in phrases))


@lru_cache(maxsize=8)
def _default_entries(language: str) -> tuple[Entry, ...]:
    return tuple(
        (name, re.compile(_sequence(phrase, language)))
        for name, phrases in FLAGS[language].phrases.items()
        for phrase in phrases
    )


@lru_cache(maxsize=256)
def _clinic_entries(words: tuple[str, ...], language: str) -> tuple[Entry, ...]:
    return tuple(_readable(words, language))


def _readable(words: Iterable[str], language: str) -> Iterator[Entry]:
    for word in words:
        entry = word.removeprefix(ADDS).strip()
        phrase = re.sub(r"[^\w\s|*~#]|_", " ", _APOSTROPHES.sub("", entry))
        if re.search(r"\w", phrase):
            yield entry, re.compile(_sequence(phrase, language))


@lru_cache(maxsize=8)
def _meant_otherwise(language: str) -> re.Pattern[str]:
    return _any(FLAGS[language].meant_otherwise, language)


@lru_cache(maxsize=8)
def _negation(language: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    flags = FLAGS[language]
    return (
        _any(flags.negations, language),
        _any(flags.fillers.split(), language),
        _any(flags.own.split(), language),
    )


@lru_cache(maxsize=8)
def _history(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    flags = FLAGS[language]
    return _any(flags.history, language), _any(flags.present.split(), language)


def emergency_number(country: str | None, timezone: str) -> str:
    """Whom to call for an ambulance: by country (ISO 3166-1 alpha-2), else by the zone's country.

    Where one number reaches all services it is that one, else the ambulance's. From Android's
    emergency call codes (AOSP packages/services/Telephony, ecc/input/eccdata.txt), as far as
    libphonenumber's short-number metadata agrees; dependencies of AU, FI, GB and NO from the latter
    alone. KR: the fire and ambulance number. Anywhere else 112, which a mobile phone puts through
    to whatever the country has (3GPP TS 22.101, 10.1.1).
    """
    return _NUMBERS.get(region_of(country, timezone) or "", DEFAULT_NUMBER)


def speak_emergency(language: str, number: str, can_transfer: bool) -> str:
    """What a caller in danger is told: whom to call, digit by digit, and whether to stay."""
    digits = " ".join(number)
    if can_transfer:
        return say(
            language,
            "This may be an emergency. If a life is in danger, hang up and call {number} now. "
            "Otherwise stay on the line: I'm putting you through.",
            number=digits,
        )
    return say(
        language,
        "This may be an emergency. Please hang up and call {number} now.",
        number=digits,
    )


_COUNTRIES_BY_NUMBER: Final = {
    "000": "AU CC CX",
    "101": "IL PS",
    "102": "MV NP",
    "103": "BY KG KZ MN TJ UA",
    "104": "CU",
    "110": "LK SY",
    "111": "NR NZ PG",
    "112": "AO AT AX AZ BE BG BI BT CH CY CZ DE DK EE ES FI FO FR GE GL GR HR HU IE IN IS IT JM KP "
    "KW LB LI LT LU LV MC MT NL PL PT RO RU RW SE SI SK TR TZ VU ZA",
    "113": "GW NO SJ",
    "114": "MU",
    "115": "IR PK SR VN",
    "116": "AD GM",
    "117": "CF MG MZ",
    "118": "BO ID SM VA",
    "119": "JP KH KR TW",
    "120": "CN",
    "123": "CO EG GT",
    "124": "BA ME",
    "127": "AL",
    "128": "NI",
    "130": "CV",
    "131": "CL",
    "15": "GF GP ML NC NE PF PM RE WF",
    "1669": "TH",
    "18": "BF DJ",
    "190": "GI TN",
    "192": "BR",
    "193": "GH",
    "194": "KI MK XK",
    "199": "NG YE",
    "202914": "ER",
    "511": "BB",
    "888": "SO",
    "903": "MD",
    "911": "AG AI AR AS AW BM BZ CA CR DM DO EC FJ FM GD GU JO KN KY LC LR MH MP MX PA PH PR PW PY "
    "SH SV TC TV US UY VC VE VG VI WS",
    "913": "GY",
    "919": "BS",
    "933": "TO",
    "990": "TT",
    "991": "BN ET ZM",
    "995": "SG",
    "997": "BW SA",
    "998": "AE MW",
    "999": "BD BH CK FK GB GG HK IM JE KE MO MY NU QA SC SL SS UG ZW",
    "9999": "OM",
}
_NUMBERS: Final = {
    country: number
    for number, countries in _COUNTRIES_BY_NUMBER.items()
    for country in countries.split()
}
