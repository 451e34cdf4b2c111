import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxanne.booking.normalize import is_clean, normalize_email, normalize_phone

REGIONS = ("GB", "US", "DE")
# Any code point, lone surrogates and NUL included: JSON can carry them all.
ANY_TEXT = st.text(st.characters(), max_size=80)
LIKE_NUMBERS = st.text("0123456789+ ()-./x#\x00", max_size=60)


@pytest.mark.parametrize(
    ("said", "region", "e164"),
    [
        ("020 7946 0958", "GB", "+442079460958"),
        ("(020) 7946-0958", "GB", "+442079460958"),
        ("07700 900123", "GB", "+447700900123"),
        ("+44 (0)7700 900123", "GB", "+447700900123"),
        ("0044 7700 900123", "GB", "+447700900123"),
        ("+44 7700 900123", "US", "+447700900123"),
        ("011 44 7700 900123", "US", "+447700900123"),
        ("(212) 555-0100", "US", "+12125550100"),
        ("212.555.0100", "US", "+12125550100"),
        ("1 212 555 0100", "US", "+12125550100"),
        ("+1-212-555-0100", "GB", "+12125550100"),
        ("030 123456", "DE", "+4930123456"),
        ("0151 23456789", "DE", "+4915123456789"),
        ("0049 151 23456789", "DE", "+4915123456789"),
        ("tel:+447700900123", "GB", "+447700900123"),
        ("\u202a+44 7700 900123\u202c", "GB", "+447700900123"),
        ("٠٧٧٠٠٩٠٠١٢٣", "GB", "+447700900123"),
    ],
)
def test_a_number_is_read_as_someone_who_lives_there_dials_it(
    said: str, region: str, e164: str
) -> None:
    phone = normalize_phone(said, region)
    assert phone is not None
    assert phone.e164 == e164


@pytest.mark.parametrize(
    ("said", "region", "verified"),
    [
        ("+15551234567", "US", False),
        ("+447700900123", "GB", False),
        ("+442071234567", "GB", True),
        ("+12125551234", "US", True),
        ("+4930123456", "DE", True),
    ],
)
def test_a_number_of_no_assigned_range_is_accepted_and_unverified(
    said: str, region: str, verified: bool
) -> None:
    phone = normalize_phone(said, region)
    assert phone is not None
    assert (phone.e164, phone.verified) == (said, verified)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "said",
    [
        "",
        " ",
        "call me",
        "+",
        "1",
        "+44",
        "+44 77",
        "+999 123 456 789",
        "+1 212 555",
        "+12125550100 ext. 7",
        "+12125550100;ext=7",
        "+44 7700 900123 7700 900123",
        "9" * 51,
        "+447700900123\x00",
        "+447700900123\ud800",
    ],
)
def test_what_can_not_be_a_number_is_none(said: str, region: str) -> None:
    assert normalize_phone(said, region) is None


@pytest.mark.parametrize(
    ("said", "region"), [("555-0100", "US"), ("12345", "GB"), ("7946 0958", "GB"), ("12", "DE")]
)
def test_a_number_without_its_area_code_is_none(said: str, region: str) -> None:
    assert normalize_phone(said, region) is None


@given(ANY_TEXT | LIKE_NUMBERS, st.sampled_from(REGIONS))
def test_any_text_is_a_full_number_or_none(said: str, region: str) -> None:
    phone = normalize_phone(said, region)
    if phone is not None:
        assert phone.e164[0] == "+"
        assert phone.e164[1:].isascii()
        assert phone.e164[1:].isdecimal()
        assert len(phone.e164) <= 16


@given(st.integers(100_000_000, 9_999_999_999), st.sampled_from(REGIONS))
def test_reading_a_number_again_changes_nothing(digits: int, region: str) -> None:
    phone = normalize_phone(str(digits), region)
    if phone is not None:
        for elsewhere in REGIONS:
            assert normalize_phone(phone.e164, elsewhere) == phone


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("ana@example.com", "ana@example.com"),
        ("  Ana.Ruiz@Example.COM \n", "ana.ruiz@example.com"),
        ("o'brien+clinic@example.co.uk", "o'brien+clinic@example.co.uk"),
        ("test@ex.com", "test@ex.com"),
        ("ana@clinic.test", "ana@clinic.test"),
        ("zoë@example.com", "zoë@example.com"),
    ],
)
def test_an_address_is_stored_in_lower_case(said: str, stored: str) -> None:
    assert normalize_email(said) == stored


@pytest.mark.parametrize(
    "said",
    [
        "",
        "ana",
        "ana@",
        "@example.com",
        "ana@example",
        "ana at example dot com",
        "ana@@example.com",
        "ana@example..com",
        "ana@exam ple.com",
        "ana@example.com, bo@example.com",
        "ana@example.com\nBcc: bo@example.com",
        "Ana <ana@example.com>",
        "ana@[127.0.0.1]",
        "a" * 250 + "@example.com",
        "ana\x00@example.com",
        "ana\ud800@example.com",
    ],
)
def test_what_is_no_address_is_none(said: str) -> None:
    assert normalize_email(said) is None


@given(ANY_TEXT | st.emails() | st.emails().map(str.upper))
def test_any_text_is_an_address_or_none_and_again_the_same(said: str) -> None:
    address = normalize_email(said)
    if address is not None:
        assert "@" in address
        assert normalize_email(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ana",
        "משה",
        "😀",
        "line\nbreak",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ],
)
def test_text_that_postgresql_can_hold_is_clean(text: str) -> None:
    assert is_clean(text)


@pytest.mark.parametrize("text", ["\x00", "Ana\x00", "\ud800", "\udfffAna"])
def test_nul_and_lone_surrogates_are_not_clean(text: str) -> None:
    assert not is_clean(text)


@given(ANY_TEXT)
def test_clean_is_what_utf8_can_carry_without_nul(text: str) -> None:
    carried = text.encode(errors="replace").decode() == text and "\x00" not in text
    assert is_clean(text) is carried
