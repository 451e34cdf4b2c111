"""What a caller's details must look like before they reach SQL, which checks them once more.

Each function returns None for what can't be one. Numbers are read with the clinic's region, as
someone who lives there would dial them. Nothing here looks anything up on the network.
"""

from collections import Counter
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Final, ParamSpec, TypeVar

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat

from voxanne.booking.types import Phone

PHONE_CHARACTERS_MAX = 50
EMAIL_CHARACTERS_MAX = 254
NAME_CHARACTERS_MAX = 120
# How often normalising went wrong in this process, by what it was: bugs, of ours or of a library.
ERRORS: Final[Counter[str]] = Counter(phone=0, email=0)

P = ParamSpec("P")
R = TypeVar("R")


def _counting_errors(what: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def counting(normalize: Callable[P, R]) -> Callable[P, R]:
        @wraps(normalize)
        def counted(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return normalize(*args, **kwargs)
            except Exception:
                ERRORS[what] += 1
                raise

        return counted

    return counting


@_counting_errors("phone")
@lru_cache(maxsize=4096)
def normalize_phone(said: str, region: str) -> Phone | None:
    """E.164, when length and country code are possible; `verified` when the range is assigned.

    `region` is ISO 3166-1 alpha-2. Possible but fictional numbers are let through, unverified: a
    wrong refusal costs a patient, a wrong acceptance a text message.
    """
    if len(said) > PHONE_CHARACTERS_MAX or not is_clean(said):
        return None
    try:
        number = phonenumbers.parse(said, region)
    except NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    # IS_POSSIBLE_LOCAL_ONLY lacks its area code: nobody could call it back.
    if number.extension or reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return Phone(
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
        phonenumbers.is_valid_number(number),
    )


@_counting_errors("email")
def normalize_email(said: str) -> str | None:
    """Lower case, in the ASCII or Unicode form it was given in. DNS is not asked."""
    said = said.strip()
    if len(said) > EMAIL_CHARACTERS_MAX or not is_clean(said):
        return None
    try:
        address = validate_email(said, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return address.normalized.lower()


def is_clean(text: str) -> bool:
    """Can PostgreSQL hold it? NUL and lone surrogates are in JSON's reach, but not in UTF-8's."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
