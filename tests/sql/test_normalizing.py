"""Names, phones and e-mails as the database stores them."""

import re
import unicodedata

import asyncpg
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

NAMES = {
    "John Smith": "John Smith",
    "john smith": "John Smith",
    "JOHN SMITH": "John Smith",
    "  john \t smith \n": "John Smith",
    "John McDonald": "John McDonald",
    "McDonald": "McDonald",
    "O'CONNOR": "O'Connor",
    "o'connor": "O'Connor",
    "o’connor": "O’Connor",
    "mary-jane": "Mary-Jane",
    "ludwig van beethoven": "Ludwig van Beethoven",
    "LUDWIG VAN BEETHOVEN": "Ludwig van Beethoven",
    "Ludwig van Beethoven": "Ludwig van Beethoven",
    "van morrison": "Van Morrison",
    "JD Salinger": "JD Salinger",
    "John Smith III": "John Smith III",
    "JOHN SMITH III": "John Smith III",
    "X": "X",
    "émile zola": "Émile Zola",
    "ÉMILE ZOLA": "Émile Zola",
    "E\u0301MILE ZOLA": "Émile Zola",
    "søren kierkegaard": "Søren Kierkegaard",
    "محمد عبد الله": "محمد عبد الله",
    "שרה כהן": "שרה כהן",
    "अमिताभ बच्चन": "अमिताभ बच्चन",
    "王小明": "王小明",
    "นภา": "นภา",
    "иван петров": "Иван Петров",
    "Ann\u00a0Taylor": "Ann Taylor",
    "Ann\u2028Taylor": "Ann Taylor",
    "علی\u200cرضا": "علی\u200cرضا",  # the joiner is spelling, not decoration
    "a" * 120: "A" + "a" * 119,
}

NO_NAMES = {
    "empty": "",
    "blank": " \t\n",
    "no-break-space": "\u00a0",
    "emoji-only": "😀",
    "name-and-emoji": "Ann 😀",
    "name-and-heart": "Ann ❤️",
    "digits": "12345",
    "punctuation": "--",
    "bell": "An\u0007n",
    "escape": "Ann\u001b[31m",
    "delete": "An\u007fn",
    "right-to-left-override": "Ann\u202etxt",
    "isolate": "Ann\u2067",
    "private-use": "Ann\ue000",
    "tags": "Ann\U000e0041",
    "121-characters": "a" * 121,
    "10,000-characters": "a" * 10_000,
    "10,000-spaces": " " * 10_000,
}

PHONES = {
    "+442079460958": "+442079460958",
    "+44 20 7946 0958": "+442079460958",
    "+44-20-7946-0958": "+442079460958",
    "+44.20.7946.0958": "+442079460958",
    "+1 (555) 123-4567": "+15551234567",
    " +1 555\u00a0123\u20114567 ": "+15551234567",
    "0044 20 7946 0958": "+442079460958",
    "00442079460958": "+442079460958",
    "+1234567": "+1234567",
    "+123456789012345": "+123456789012345",
}

NO_PHONES = {
    "empty": "",
    "blank": "  ",
    "letters": "+44 20 7946 CALL",
    "anonymous": "anonymous",
    "national": "020 7946 0958",
    "no-plus": "442079460958",
    "too-short": "+123456",
    "too-long": "+1234567890123456",
    "country-code-zero": "+0123456789",
    "two-pluses": "++442079460958",
    "two-numbers": "+442079460958,+442079460959",
    "arabic-digits": "+٤٤٢٠٧٩٤٦٠٩٥٨",
    "sip": "sip:+442079460958@example.com",
    "extension": "+442079460958 x12",
    "10,000-digits": "+" + "1" * 10_000,
}

EMAILS = {
    "ann@example.com": "ann@example.com",
    "Ann.Taylor@Example.COM": "ann.taylor@example.com",
    " ann@example.com\n": "ann@example.com",
    "ann+clinic@mail.example.co.uk": "ann+clinic@mail.example.co.uk",
    "o'connor@example.com": "o'connor@example.com",
    "用户@例子.广告": "用户@例子.广告",
}

NO_EMAILS = {
    "empty": "",
    "words": "ann at example dot com",
    "no-domain": "ann@",
    "no-local-part": "@example.com",
    "no-dot": "ann@localhost",
    "two-dots": "ann@example..com",
    "last-dot": "ann@example.com.",
    "two-ats": "ann@b@example.com",
    "space-inside": "ann taylor@example.com",
    "line-break-inside": "ann@example.com\nBcc: all@example.com",
    "two-addresses": "ann@example.com,bob@example.com",
    "display-name": "Ann <ann@example.com>",
    "quotes": '"ann"@example.com',
    "local-part-of-65": "a" * 65 + "@example.com",
    "255-characters": "a@" + "b" * 249 + ".com",
    "10,000-characters": "a" * 10_000 + "@example.com",
}


def parametrize_table(table: dict[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("given_text", "stored"), table.items(), ids=[ascii(text)[1:41] for text in table]
    )


def parametrize_refused(table: dict[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("given_text", table.values(), ids=table.keys())


async def normalize(reader: asyncpg.Connection, kind: str, text: str) -> str | None:
    stored: str | None = await reader.fetchval(f"SELECT normalize_{kind}($1)", text)
    return stored


@parametrize_table(NAMES)
async def test_a_name_is_stored_as_said(
    reader: asyncpg.Connection, given_text: str, stored: str
) -> None:
    assert await normalize(reader, "name", given_text) == stored


@parametrize_refused(NO_NAMES)
async def test_what_can_not_be_a_name_is_refused(
    reader: asyncpg.Connection, given_text: str
) -> None:
    assert await normalize(reader, "name", given_text) is None


@pytest.mark.parametrize(
    "given_text",
    [
        pytest.param("Ann ⭐", id="star"),
        pytest.param("Ann ⌚", id="watch"),
        pytest.param("An\u200bn", id="zero-width-space"),
        pytest.param("Ann\u2060", id="word-joiner"),
    ],
)
async def test_no_symbol_or_hidden_character_is_stored_in_a_name(
    reader: asyncpg.Connection, given_text: str
) -> None:
    stored = await normalize(reader, "name", given_text)
    assert stored in (None, "Ann")


@parametrize_table(PHONES)
async def test_a_phone_number_is_stored_as_e164(
    reader: asyncpg.Connection, given_text: str, stored: str
) -> None:
    assert await normalize(reader, "phone", given_text) == stored


@parametrize_refused(NO_PHONES)
async def test_what_is_no_international_number_is_refused(
    reader: asyncpg.Connection, given_text: str
) -> None:
    assert await normalize(reader, "phone", given_text) is None


async def test_a_number_followed_by_anything_is_refused_at_any_distance(
    reader: asyncpg.Connection,
) -> None:
    assert await normalize(reader, "phone", "+442079460958" + " " * 40 + "or so") is None


@parametrize_table(EMAILS)
async def test_an_email_is_stored_in_lower_case(
    reader: asyncpg.Connection, given_text: str, stored: str
) -> None:
    assert await normalize(reader, "email", given_text) == stored


@parametrize_refused(NO_EMAILS)
async def test_what_is_no_email_is_refused(reader: asyncpg.Connection, given_text: str) -> None:
    assert await normalize(reader, "email", given_text) is None


@pytest.mark.parametrize("kind", ["name", "phone", "email"])
async def test_nothing_stays_nothing(reader: asyncpg.Connection, kind: str) -> None:
    assert await reader.fetchval(f"SELECT normalize_{kind}(NULL)") is None


@pytest.mark.parametrize(
    "spelling",
    ["émile  zola", "ÉMILE ZOLA", "Emile Zola", "E\u0301mile Zola", "Émile Zola.", "Emile, Zola"],
)
async def test_a_person_is_one_however_written(reader: asyncpg.Connection, spelling: str) -> None:
    name = await normalize(reader, "name", spelling)
    assert await reader.fetchval("SELECT person_key($1)", name) == "emile zola"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann Taylor", "Anna Taylor"), ("王小明", "王小红"), ("محمد", "محمود"), ("李", "Li")],
)
async def test_two_people_stay_two(reader: asyncpg.Connection, one: str, other: str) -> None:
    assert await reader.fetchval("SELECT person_key($1) <> person_key($2)", one, other)


# Text that PostgreSQL can hold: no NUL, no lone surrogate.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=150)
latin_words = st.lists(
    st.text(st.sampled_from("abzABZÉéøß'’-."), min_size=1, max_size=8), min_size=1, max_size=4
).map(" ".join)
phones = st.text(st.sampled_from("0123456789+ -().\u00a0x"), max_size=30)
emails = st.one_of(texts, st.emails(), st.text(st.sampled_from('aB1.@_-+ \n"'), max_size=30))
many = settings(
    max_examples=150,
    deadline=None,
    # One session for all examples: they write nothing.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@many
@given(name=texts | latin_words)
@example(name="İstanbul")
@example(name="ß")
@example(name="ǆ")
async def test_any_name_is_refused_or_fit_to_show(reader: asyncpg.Connection, name: str) -> None:
    stored = await normalize(reader, "name", name)
    if stored is None:
        return
    assert 1 <= len(stored) <= 120
    assert stored == unicodedata.normalize("NFC", stored).strip()
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|  ", stored)
    assert await reader.fetchval("SELECT person_key($1)", stored)


@many
@given(name=latin_words, shout=st.booleans())
async def test_a_stored_name_stays_as_it_is(
    reader: asyncpg.Connection, name: str, shout: bool
) -> None:
    stored = await normalize(reader, "name", name.upper() if shout else name.lower())
    assume(stored is not None)
    assert stored is not None
    assert await normalize(reader, "name", stored) == stored


async def test_a_stored_name_of_mixed_case_stays_as_it_is(reader: asyncpg.Connection) -> None:
    stored = await normalize(reader, "name", "JD s")
    assert stored is not None
    assert await normalize(reader, "name", stored) == stored


@many
@given(phone=texts | phones)
async def test_any_phone_is_refused_or_e164(reader: asyncpg.Connection, phone: str) -> None:
    stored = await normalize(reader, "phone", phone)
    if stored is None:
        return
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}", stored)
    assert await normalize(reader, "phone", stored) == stored


@many
@given(email=emails)
async def test_any_email_is_refused_or_an_address(reader: asyncpg.Connection, email: str) -> None:
    stored = await normalize(reader, "email", email)
    if stored is None:
        return
    assert len(stored) <= 254
    assert re.fullmatch(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+", stored)
    assert await normalize(reader, "email", stored) == stored
