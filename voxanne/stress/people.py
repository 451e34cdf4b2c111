"""Callers who don't exist: names, and numbers of the exchange 555, which has no subscribers."""

from dataclasses import dataclass
from typing import Final

PEOPLE_MAX: Final = 1_000_000

# fmt: off
_AREA_CODES: Final = (
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224,
    225, 228, 229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270,
    276, 281, 301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318,
    319, 320, 321, 323, 325, 330, 334, 336, 337, 339, 347, 351, 352, 360, 361, 386, 401, 402,
    404, 405, 406, 407, 408, 409, 410, 412, 413, 414, 415, 417, 419, 423, 425, 430, 432, 434,
    435, 440, 443, 469, 478, 479, 480, 484, 501, 502,
)
_FIRST_NAMES: Final = (
    "Ada", "Amara", "Ben", "Carla", "Chidi", "Dana", "Elif", "Farah", "Goran", "Hana", "Ines",
    "Jonas", "Kofi", "Lena", "Maya", "Nils", "Omar", "Priya", "Rosa", "Sven", "Tara", "Uma",
    "Viktor", "Wanda", "Yusuf",
)
_LAST_NAMES: Final = (
    "Adler", "Bianchi", "Castro", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad",
    "Ivanova", "Jensen", "Kowalski", "Lindberg", "Mensah", "Novak", "Okafor", "Petrov",
    "Quinn", "Romero", "Schmidt", "Tanaka", "Ueda", "Varga", "Weber", "Yilmaz", "Zhou",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    phone: str


def person(number: int) -> Person:
    """The caller of that number: the same each time, each with a phone (E.164) of their own.

    The first 10,000 have 555-0100 to 555-0199, the numbers kept for fiction. Needs
    0 <= number < PEOPLE_MAX.
    """
    first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
    last = _LAST_NAMES[number // len(_FIRST_NAMES) % len(_LAST_NAMES)]
    area = _AREA_CODES[number % len(_AREA_CODES)]
    extension = (100 + number // len(_AREA_CODES)) % 10_000
    return Person(f"{first} {last}", f"+1{area}555{extension:04}")
