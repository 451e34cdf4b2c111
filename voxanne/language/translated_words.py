"""Spanish and German words for days and times, put into the English that `clock_words` reads.

What isn't known here stays as it was, so that it can't be read and is asked about. So does what
could mean two things: "12 de la mañana" is noon to some, "Donnerstag morgen" may be two days.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from voxanne.language.letters import spellings

Found = re.Match[str]
Replacement = str | Callable[[Found], str]
Rule = tuple[re.Pattern[str], Replacement]

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_DAY, _MONTH = "|".join(WEEKDAYS), "|".join(MONTHS)
_HOUR: Final = r"(\d{1,2}(?::\d\d)?)"
_CLOCK: Final = r"(?= (?:\d|half|quarter|noon|midnight))"
# A number that is a day of the month, not an hour or part of a longer date.
_NTH: Final = rf"(\d{{1,2}})\.?(?= |$)(?! (?:{_MONTH}|am|pm|oclock|in the)\b)"


def in_english(text: str, language: str) -> str:
    """`text` (tidied, in plain letters) with the language's words for days and times in English."""
    for pattern, replacement in _RULES.get(language, ()):
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def _words(table: Mapping[str, str]) -> Rule:
    """Each word of the table by what stands for it, longer ones first."""
    meant = {form: meaning for word, meaning in table.items() for form in spellings(word)}
    known = "|".join(sorted(map(re.escape, meant), key=len, reverse=True))
    return re.compile(rf"\b(?:{known})\b"), lambda found: meant[found[0]]


def _named(words: str, meanings: Iterable[str]) -> dict[str, str]:
    """`words` holds one group for each of `meanings`, its alternatives joined by a stroke."""
    groups = zip(words.split(), meanings, strict=False)
    return {word: meaning for group, meaning in groups for word in group.split("|")}


def _rules(*pairs: tuple[str, Replacement]) -> tuple[Rule, ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


def _on_the_hour(found: Found) -> str:
    return found[1] if ":" in found[1] else f"{found[1]}:00"


def _hour_and_minutes(found: Found) -> str:
    return f"{found[1]}:{int(found[2]):02}"


def _half_before(found: Found) -> str:
    """`halb elf` is half past ten."""
    return f"half past {(int(found[1]) - 1) or 12}"


def _day_of_numbered_month(found: Found) -> str:
    month = int(found[2])
    return f"{found[1]} {MONTHS[month - 1]}" if 1 <= month <= 12 else found[0]


_DAYS_OF_MONTH: Final = tuple(map(str, range(1, 32)))
_SPANISH_NUMBERS: Final = {
    **_named(
        "uno|una|primero dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce "
        "quince dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés "
        "veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve treinta",
        _DAYS_OF_MONTH,
    ),
    "treinta y uno": "31",
    "treinta y cinco": "35",
    "cuarenta": "40",
    "cuarenta y cinco": "45",
    "cincuenta": "50",
    "cincuenta y cinco": "55",
}
_SPANISH_MONTHS: Final = _named(
    "enero|ene febrero marzo abril|abr mayo junio julio agosto|ago septiembre|setiembre octubre "
    "noviembre diciembre|dic",
    MONTHS,
)
_SPANISH_WEEKDAYS: Final = _named(
    "lunes|lun martes miércoles|mié jueves|jue viernes|vie sábado|sáb domingo|dom", WEEKDAYS
)
_SPANISH: Final = (
    _words(_SPANISH_NUMBERS),
    _words(_SPANISH_MONTHS),
    *_rules((r"\bmar(?= \d)", "martes")),  # and in "3 mar" the month, as in English
    _words(_SPANISH_WEEKDAYS),
    *_rules(
        # "En ocho días" is in a week to many, "en quince días" in two.
        (r"\b(?:en|dentro de) (?!8 |15 )(\d{1,2}) dias?\b", r"in \1 days"),
        (r"\b(?:en|dentro de) (\d{1,2}) semanas?\b", r"in \1 weeks"),
        (rf"\b{_HOUR} ?(?:horas?|hrs?|hs|h)\b", _on_the_hour),
        (r"\b(\d{1,2}) y media\b", r"half past \1"),
        (r"\b(\d{1,2}) y cuarto\b", r"quarter past \1"),
        (r"\b(\d{1,2}) menos cuarto\b", r"quarter to \1"),
        (r"\b(\d{1,2}) y (\d{1,2})\b", r"\2 minutes past \1"),
        (r"\b(\d{1,2}) menos (\d{1,2})\b", r"\2 minutes to \1"),
        (r"\bpasado manana\b", "day after tomorrow"),
        (r"\besta (?=(?:manana|tarde|noche)\b)", "today por la "),
        (rf"\b{_HOUR} de la madrugada\b", r"\1 am"),
        (r"\b(?:12(?::00)? de la noche|(?:a la |a )?medianoche)\b", "midnight"),
        (r"\b12(?::00)? del mediodia\b", "noon"),
        (r"\bdel mediodia\b", "in the afternoon"),
        (r"\b(?:al? )?mediodia\b", "noon"),
        (r"\b([78](?::\d\d)?) de la tarde\b", r"\1 in the evening"),
        (r"(?<!\b12)(?<!\b12:\d\d) (?:de|por|en) la manana\b", " in the morning"),
        (r"(?<!mas )\b(?:(?:de|por|en) la )?tarde\b", "in the afternoon"),
        (r"\b(?:(?:de|por|en) la )?noche\b", "in the evening"),
        (r"(?<!la )\bmanana\b", "tomorrow"),
        (r"\bhoy\b", "today"),
        (rf"\b(?:proximo|siguiente) ({_DAY})\b", r"next \1"),
        (rf"\b({_DAY}) (?:que viene|proximo|siguiente)\b", r"next \1"),
        (rf"\beste ({_DAY})\b", r"this \1"),
        (rf"\b(?:sobre|hacia|a eso de) las?{_CLOCK}", "at around"),
        (rf"\b(?:a )?las?{_CLOCK}", "at"),
        (r"\bat (\d{1,2}) (\d\d)(?= |$)", r"at \1:\2"),
        (rf"\b(\d{{1,2}})(?: de)? ({_MONTH})(?: del? (\d{{4}}))?\b", r"\1 \2 \3"),
        (rf"\b(?:el dia|el|dia) {_NTH}", r"the \1th"),
        (rf"\b({_DAY}) {_NTH}", r"\1 the \2th"),
        (rf"\b(?:para|el|dia)\b|\bdel (?={_DAY})", ""),
    ),
)

_GERMAN_NUMBERS: Final = {
    **_named(
        "eins|ein zwei|zwo drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
        "fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig einundzwanzig zweiundzwanzig "
        "dreiundzwanzig vierundzwanzig fünfundzwanzig sechsundzwanzig siebenundzwanzig "
        "achtundzwanzig neunundzwanzig dreißig einunddreißig",
        _DAYS_OF_MONTH,
    ),
    "fünfunddreißig": "35",
    "vierzig": "40",
    "fünfundvierzig": "45",
    "fünfzig": "50",
    "fünfundfünfzig": "55",
}
_GERMAN_ORDINALS: Final = _named(
    "ersten zweiten dritten vierten fünften sechsten siebten achten neunten zehnten elften "
    "zwölften dreizehnten vierzehnten fünfzehnten sechzehnten siebzehnten achtzehnten neunzehnten "
    "zwanzigsten einundzwanzigsten zweiundzwanzigsten dreiundzwanzigsten vierundzwanzigsten "
    "fünfundzwanzigsten sechsundzwanzigsten siebenundzwanzigsten achtundzwanzigsten "
    "neunundzwanzigsten dreißigsten einunddreißigsten",
    (f"{day}." for day in _DAYS_OF_MONTH),
)
_GERMAN_MONTHS: Final = _named(
    "januar|jänner februar|feber märz|mrz april mai juni juli august september oktober|okt "
    "november dezember|dez",
    MONTHS,
)
_GERMAN_WEEKDAYS: Final = _named(
    "montag dienstag mittwoch donnerstag freitag samstag|sonnabend sonntag", WEEKDAYS
)
_GERMAN: Final = (
    _words(_GERMAN_NUMBERS),
    _words(_GERMAN_ORDINALS),
    _words(_GERMAN_MONTHS),
    *_rules((r"(tag|mittwoch|abend)(morgen|vormittag|mittag|nachmittag|abend)\b", r"\1 am \2")),
    _words(_GERMAN_WEEKDAYS),
    *_rules(
        (r"\bin (?!8 )(\d{1,2}) tag(?:en)?\b", r"in \1 days"),  # "in acht Tagen" may be in a week
        (r"\bin einer woche\b", "in 1 week"),
        (r"\bin (\d{1,2}) wochen\b", r"in \1 weeks"),
        (rf"\b(\d{{1,2}})\. ?({_MONTH})\b", r"\1 \2"),
        (r"\b(\d{1,2})\.(\d{1,2})\.(?!\d)", _day_of_numbered_month),
        (r"(?<=\bam )(\d{1,2})\.(\d{1,2})(?= |$)", _day_of_numbered_month),
        (rf"\b(\d{{1,2}}) uhr (\d{{1,2}})(?= |$)(?! (?:{_MONTH}))", _hour_and_minutes),
        (r"\b(?:0|24) uhr\b|\b12(?: uhr)? nachts\b|\bmitternacht\b", "midnight"),
        (r"\b12(?: uhr)? mittags?\b|\b(?:am |zu )?mittag\b", "noon"),
        (r"\b([1-5](?:[:.]\d\d)?)(?: uhr)? (?:nachts|in der nacht)\b", r"\1 am"),
        (r"\buhr\b", "oclock"),
        (r"\bue?bermorgen\b", "day after tomorrow"),
        (r"\bheute (?:morgen|frue?h)\b", "today in the morning"),
        (r"\bmorgen frue?h\b", "tomorrow in the morning"),
        (r"\b(?:am morgen|morgens|(?:am )?vormittags?|(?:in der )?frue?h)\b", "in the morning"),
        (r"\bmittags\b|\b(?:am )?nachmittags?\b", "in the afternoon"),
        (r"\b(?:am )?abends?\b", "in the evening"),
        (r"\bmorgen\b", "tomorrow"),
        (r"\bheute\b", "today"),
        (rf"\bnae?chste[rns]? ({_DAY})\b", r"next \1"),
        (rf"\bkommende[rns]? ({_DAY})\b", r"coming \1"),
        (rf"\bdiese[rns]? ({_DAY})\b", r"this \1"),
        (r"\bhalb (\d{1,2})\b", _half_before),
        (r"\bdreiviertel (\d{1,2})\b", r"quarter to \1"),
        (r"\bviertel nach (\d{1,2})\b", r"quarter past \1"),
        (r"\bviertel vor (\d{1,2})\b", r"quarter to \1"),
        (r"\b(\d{1,2})(?: minuten)? nach (\d{1,2})\b", r"\1 minutes past \2"),
        (r"\b(\d{1,2})(?: minuten)? vor (\d{1,2})\b", r"\1 minutes to \2"),
        (rf"\bgegen{_CLOCK}", "at around"),
        (rf"\bum{_CLOCK}", "at"),
        (rf"\b(?:am|den|dem|der) {_NTH}", r"the \1th"),
        (rf"\b({_DAY}) (\d{{1,2}})\.(?= |$)", r"\1 the \2th"),
        (rf"\b(?:am|den|dem|der) (?={_DAY}|\d)", "on "),
        (rf"\b({_DAY}) on (?=\d)", r"\1 "),
    ),
)

_RULES: Final[dict[str, tuple[Rule, ...]]] = {"es": _SPANISH, "de": _GERMAN}
