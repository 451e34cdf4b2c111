"""Passwords of the staff: what may be one, and how it is kept and checked."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.problems import RefusedError

Value = TypeVar("Value")

# RFC 9106, section 4: the recommendation for where 2 GiB a hash is too much. A password whose
# hash has other parameters is hashed anew when its owner signs in.
HASHER: Final = argon2.PasswordHasher(
    time_cost=3, memory_cost=64 * 1024, parallelism=4, hash_len=32, salt_len=16, type=argon2.Type.ID
)
# What is verified where there is no account or no password, so that it takes as long.
NOBODYS_HASH: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$z/0wSovaGZBX/Eo5Lq25hA$"
    "JMfyxPt4yzv4JhiaWcGG7TYx8cth+alN25VB1ZNL/Z8"
)
AT_ONCE_MAX: Final = 2  # each takes 64 MiB
WAITING_MAX: Final = 32
# NIST SP 800-63B-4, section 3.1.1.2: length, no rules of composition, nothing guessed first.
CHARACTERS_MIN: Final = 12
CHARACTERS_MAX: Final = 200
TYPED_CHARACTERS_MAX: Final = 1_000  # before they are brought to one way to write them
DIFFERENT_CHARACTERS_MIN: Final = 5
# Those of the much used ones that are long enough to pass, without what is added at their end.
_GUESSED_FIRST: Final = frozenset(
    {
        "123456789abc",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "abcdefghijkl",
        "administrator",
        "asdfghjkl",
        "changeme",
        "changemenow",
        "correcthorsebatterystaple",
        "dragonballz",
        "football",
        "iloveyou",
        "iloveyousomuch",
        "letmein",
        "letmeinplease",
        "mypassword",
        "passphrase",
        "password",
        "passwordpassword",
        "qazwsxedcrfv",
        "qwertyqwerty",
        "qwertyuiop",
        "qwertyuiopasdfghjkl",
        "receptionist",
        "secretsecret",
        "sunshine",
        "superman",
        "thisismypassword",
        "trustnoone",
        "voxannevoxanne",
        "voxanne",
        "welcome",
        "welcomehome",
        "zaqxswcdevfr",
        "zxcvbnm",
        "zxcvbnmasdfghjkl",
    }
)
_ADDED_AT_THE_END: Final = "0123456789!?.,@#$%&*-_ "


class Passwords:
    """Hashes and verifies in threads of its own, few at once. Raises RefusedError (BUSY) where too
    many wait.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="passwords")
        self._waiting = 0

    async def verify(self, stored: str | None, said: str) -> bool:
        """`stored`: None where there is nothing to compare with, which takes as long."""
        return await self._run(_matches, stored or NOBODYS_HASH, said) and stored is not None

    async def hash(self, chosen: str) -> str:
        return await self._run(HASHER.hash, normal(chosen))

    async def _run(self, work: Callable[..., Value], *arguments: str) -> Value:
        if self._waiting >= WAITING_MAX:
            raise RefusedError(
                Outcome.BUSY, "Too many sign in just now.", headers={"Retry-After": "2"}
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1


def problem_with(password: str, email: str) -> str | None:
    """Why this can't be the password of that account, as a sentence; None where it can."""
    if len(password) > TYPED_CHARACTERS_MAX:
        return f"Use at most {CHARACTERS_MAX} characters."
    said = normal(password)
    if len(said) < CHARACTERS_MIN:
        return f"Use at least {CHARACTERS_MIN} characters: a few words that you can remember."
    if len(said) > CHARACTERS_MAX:
        return f"Use at most {CHARACTERS_MAX} characters."
    folded = said.casefold()
    if folded in (email.casefold(), email.partition("@")[0].casefold()):
        return "Don't use your e-mail address."
    guessed = folded in _GUESSED_FIRST or folded.strip(_ADDED_AT_THE_END) in _GUESSED_FIRST
    if guessed or len(set(folded)) < DIFFERENT_CHARACTERS_MIN or folded.isdecimal():
        return "This is one of the first that would be guessed. Choose another."
    return None


def is_outdated(stored: str) -> bool:
    return HASHER.check_needs_rehash(stored)


def normal(password: str) -> str:
    """One way to write it, whatever keyboard it was typed on (NIST SP 800-63B-4: NFKC).

    For no more than TYPED_CHARACTERS_MAX: of a long row of marks it takes the square of its length,
    and lets no other thread run meanwhile.
    """
    assert len(password) <= TYPED_CHARACTERS_MAX
    return unicodedata.normalize("NFKC", password)


def _matches(stored: str, said: str) -> bool:
    if len(said) > TYPED_CHARACTERS_MAX:
        said = ""  # nobody's, and it takes as long
    try:
        return HASHER.verify(stored, normal(said))
    except (VerificationError, InvalidHashError):
        return False
