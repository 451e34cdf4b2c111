"""Why a text didn't get there, in words for staff."""

import pytest

from voxanne.texts.vendor_errors import sentence_of


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("30003", "unreachable"),
        ("30005", "unknown"),
        ("30006", "landline"),
        ("30007", "filtered"),
        ("21610", "opted out"),
        ("30034", "30034"),
        (None, "not delivered"),
        ("<script>", "not delivered."),
        ("9" * 30, "not delivered."),
    ],
)
def test_a_code_in_words(code: str | None, says: str) -> None:
    assert says in sentence_of(code)
    assert sentence_of(code).endswith(".")
