"""One form for names, numbers and e-mail addresses, by rules of the oracle's own."""

import pytest

from voxanne.stress.oracle.people import crooked

GOOD = ("Bob Jones", "+442079460111", "bob@example.com")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", "020 7946 0111"),
        ("number", "+0442079460111"),
        ("number", "+4420794601111111"),
        ("e-mail address", "Bob@example.com"),
        ("e-mail address", "bob @example.com"),
        ("e-mail address", "bob"),
        ("name", "bob jones"),
        ("name", " Bob Jones"),
        ("name", "Bob  Jones"),
        ("name", "Bob\tJones"),
        ("name", "12"),
        ("name", ""),
        ("name", "B" * 121),
    ],
)
def test_what_is_crooked_is_named(column: str, value: str) -> None:
    said = dict(zip(("name", "number", "e-mail address"), GOOD, strict=True)) | {column: value}
    name, number, email = said.values()
    assert crooked(name, number, email) == column


@pytest.mark.parametrize(
    "name", ["Bob Jones", "Zoé Ångström", "Sam van Quill", "O'Neil", "李小龙", "JR", "McDonald"]
)
def test_names_as_they_are_shown(name: str) -> None:
    assert crooked(name, GOOD[1], None) is None
