"""What may be a password, how it is kept, and where signing in may lead."""

import pytest

from tests.integration.staff_accounts import EMAIL, PASSWORD
from voxanne.inbound.dashboard.passwords import (
    CHARACTERS_MAX,
    HASHER,
    NOBODYS_HASH,
    Passwords,
    is_outdated,
    normal,
    problem_with,
)
from voxanne.inbound.dashboard.sessions import own_path

CLINIC = "/clinic/a0000000-0000-4000-8000-000000000001/calendar"


def test_nobodys_hash_is_made_like_the_others() -> None:
    assert not is_outdated(NOBODYS_HASH)
    assert HASHER.memory_cost == 64 * 1024


@pytest.mark.parametrize(
    "password",
    [
        "",
        "eleven char",
        "x" * (CHARACTERS_MAX + 1),
        EMAIL,
        EMAIL.upper(),
        "password1234",
        "Password2026!",
        "passwordpassword",
        "qwertyuiop123",
        "aaaaaaaaaaaa",
        "abababababab",
        "123412341234",
        "314159265358979",
        "correcthorsebatterystaple",
    ],
)
def test_what_can_not_be_a_password(password: str) -> None:
    assert problem_with(password, EMAIL) is not None


@pytest.mark.parametrize(
    "password", [PASSWORD, "vier dunkle Häfen", "四つの暗い港の灯りがある町", "x!9" * 4 + "pqr"]
)
def test_what_can_be_a_password(password: str) -> None:
    assert problem_with(password, EMAIL) is None


def test_a_password_is_the_same_from_every_keyboard() -> None:
    assert normal("Ha\u0308fen") == normal("H\u00e4fen")


async def test_a_row_of_marks_is_never_sorted() -> None:
    """To bring it to one way to write it takes the square of its length, for the whole process."""
    marks = "a" + "\u0301" * 500 + "\u0316" * 500
    with pytest.raises(AssertionError):
        normal(marks)
    assert problem_with(marks, EMAIL) is not None
    assert not await Passwords().verify(None, marks)


@pytest.mark.parametrize("following", [CLINIC, CLINIC + "?day=2026-11-25&x=%22", "/account"])
def test_it_leads_back(following: str) -> None:
    assert own_path(following) == following
