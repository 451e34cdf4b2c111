"""What a phone number and an e-mail address tell by themselves. Nothing is asked of the network.

The library's data of areas is 100 MB once it is loaded, and lies in some thirty files sorted by
prefix: the one that a number is in is read by itself, in about 10 ms and 3 MB. Its data of carriers
is 11 MB, loaded with the first number asked about. So nothing of it is loaded by a command, or in a
call.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from typing import Final, Literal, cast

import phonenumbers
from babel import Locale
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

EmailKind = Literal["free", "disposable", "education", "government", "company"]
LineType = Literal[
    "mobile",
    "landline",
    "mobile or landline",
    "toll-free",
    "premium rate",
    "shared cost",
    "internet (VoIP)",
    "personal number",
    "pager",
    "company number",
    "voicemail",
]

_LINE_TYPES: Final[Mapping[int, LineType]] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "landline",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "mobile or landline",  # North America tells no more
    PhoneNumberType.TOLL_FREE: "toll-free",
    PhoneNumberType.PREMIUM_RATE: "premium rate",
    PhoneNumberType.SHARED_COST: "shared cost",
    PhoneNumberType.VOIP: "internet (VoIP)",
    PhoneNumberType.PERSONAL_NUMBER: "personal number",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "company number",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
_UNKNOWN_ZONE: Final = "Etc/Unknown"
_PREFIX_DIGITS_MAX: Final = 12
_FIRST_PREFIX: Final = re.compile(r"^ '(\d+)':", re.MULTILINE)
_HEAD_CHARACTERS: Final = 4_000
_RESERVED: Final = frozenset({"example", "test", "invalid", "localhost"})  # RFC 2606


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What isn't known is None, or empty. `carrier` had the number first; it may have moved since.

    `zones` are the IANA zones where the number may be.
    """

    region: str | None = None
    carrier: str | None = None
    line_type: LineType | None = None
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EmailFacts:
    domain: str
    kind: EmailKind


@lru_cache(maxsize=1024)
def number_facts(e164: str, locale: str = "en") -> NumberFacts:
    """`region` in the words of the locale (`en_GB`), with its country: `London, United Kingdom`.

    Slow for the first numbers (some 50 ms): not for an event loop. Of what is no number, nothing.
    """
    from phonenumbers import carrier, timezone

    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return NumberFacts()
    language = locale.partition("_")[0]
    zones = tuple(zone for zone in timezone.time_zones_for_number(number) if zone != _UNKNOWN_ZONE)
    return NumberFacts(
        region=", ".join(filter(None, (_area(number, language), _country(number, locale)))) or None,
        carrier=carrier.name_for_number(number, language) or None,
        line_type=_LINE_TYPES.get(phonenumbers.number_type(number)),
        zones=zones,
    )


def email_facts(address: str) -> EmailFacts | None:
    """Whose the address's domain is, as far as its name tells; None of an address that is none, or
    that is an example.
    """
    _, at, domain = address.rpartition("@")
    domain = domain.strip().rstrip(".").lower()
    if not at or "." not in domain or not _RESERVED.isdisjoint(domain.split(".")[-2:]):
        return None
    return EmailFacts(domain, _kind(domain))


def _kind(domain: str) -> EmailKind:
    labels = domain.split(".")
    # Mail services hand out addresses below their own domain, universities to their departments.
    ends = {".".join(labels[place:]) for place in range(len(labels))}
    for kind, domains in _email_domains().items():
        if not domains.isdisjoint(ends):
            return kind
    return "company"


@cache
def _email_domains() -> Mapping[EmailKind, frozenset[str]]:
    """email_domains.txt."""
    kinds: dict[EmailKind, frozenset[str]] = {}
    text = (files("voxanne.booking") / "email_domains.txt").read_text()
    for section in text.split("\n[")[1:]:
        kind, _, domains = section.partition("]")
        kinds[cast(EmailKind, kind)] = frozenset(domains.split())
    return kinds


def _country(number: PhoneNumber, locale: str) -> str | None:
    regions = phonenumbers.region_codes_for_country_code(number.country_code or 0)
    code = phonenumbers.region_code_for_number(number)
    if code is None and len(regions) == 1:
        code = regions[0]  # a fictional number has a country all the same, unless several share it
    return None if code is None else Locale.parse(locale).territories.get(code)


def _area(number: PhoneNumber, language: str) -> str | None:
    """The place whose numbers begin like this one, by the longest prefix that is known."""
    digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
    firsts, paths = _area_files()
    for length in range(min(len(digits), _PREFIX_DIGITS_MAX), 0, -1):
        prefix = digits[:length]
        place = bisect_right(firsts, prefix) - 1
        names = _areas_in(paths[place]).get(prefix) if place >= 0 else None
        if names and (name := names.get(language) or names.get("en")):
            return name
    return None


@cache
def _area_files() -> tuple[Sequence[str], Sequence[Path]]:
    """The first prefix in each of the library's files of areas, and the files. None in a release
    that has them otherwise: then areas aren't told.
    """
    library = find_spec("phonenumbers")
    assert library is not None
    assert library.origin is not None
    firsts: list[str] = []
    paths: list[Path] = []
    for n in count():
        path = Path(library.origin).parent / "geodata" / f"data{n}.py"
        if not path.is_file():
            break
        with path.open(encoding="utf-8") as file:
            first = _FIRST_PREFIX.search(file.read(_HEAD_CHARACTERS))
        if first is None:
            break
        firsts.append(first[1])
        paths.append(path)
    return (firsts, paths) if firsts == sorted(firsts) else ((), ())


@lru_cache(maxsize=2)
def _areas_in(path: Path) -> Mapping[str, Mapping[str, str]]:
    """Prefix → language → name. By its path: to import the package would load all of them."""
    spec = spec_from_file_location(f"phonenumbers.geodata.{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    data: Mapping[str, Mapping[str, str]] = module.data
    return data
