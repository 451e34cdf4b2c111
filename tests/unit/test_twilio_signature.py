"""Our check of Twilio's signatures against Twilio's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from voxanne.texts.signature import is_signed, sign

URL = "https://book.example.com/callbacks/twilio/7c0b7a52/status?text=1&attempt=2"
FIELDS = [("To", "+1"), ("Body", "Grüße & 100 %"), ("From", ""), ("AccountSid", "AC1")]


def test_ours_is_theirs() -> None:
    theirs = RequestValidator("token")
    assert sign("token", URL, FIELDS) == theirs.compute_signature(URL, dict(FIELDS))
    assert is_signed("token", URL, FIELDS, theirs.compute_signature(URL, dict(FIELDS)))


@given(st.dictionaries(st.text(min_size=1), st.text()), st.text(min_size=1))
def test_whatever_is_signed(fields: dict[str, str], token: str) -> None:
    theirs = RequestValidator(token).compute_signature(URL, fields)
    assert is_signed(token, URL, list(fields.items()), theirs)


@pytest.mark.parametrize("address", ["https://a.test/x", "https://a.test:443/x"])
def test_the_usual_port_may_be_written_or_not(address: str) -> None:
    theirs = RequestValidator("token").compute_signature(address, {"a": "1"})
    for asked in ("https://a.test/x", "https://a.test:443/x"):
        assert is_signed("token", asked, [("a", "1")], theirs)
    assert not is_signed("token", "https://a.test:8443/x", [("a", "1")], theirs)
    assert not is_signed("token", "http://a.test/x", [("a", "1")], theirs)


def test_a_repeated_field_counts_once_per_value() -> None:
    once = sign("token", URL, [("Media", "b"), ("Media", "a"), ("Media", "a")])
    assert once == sign("token", URL, [("Media", "a"), ("Media", "b")])


@pytest.mark.parametrize(
    ("token", "url", "fields"),
    [
        ("other", URL, FIELDS),
        ("token", URL + "3", FIELDS),
        ("token", URL, [*FIELDS, ("Extra", "")]),
        ("token", URL, FIELDS[1:]),
    ],
)
def test_anything_else_is_forged(token: str, url: str, fields: list[tuple[str, str]]) -> None:
    assert not is_signed(token, url, fields, sign("token", URL, FIELDS))


def test_nothing_is_signed_with_nothing() -> None:
    assert not is_signed("", URL, FIELDS, sign("", URL, FIELDS))
    for presented in ("", "é", "=", "AAAA"):
        assert not is_signed("token", URL, FIELDS, presented)
