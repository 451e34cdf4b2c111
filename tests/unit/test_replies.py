"""What a patient texted back: strict, in any case, and never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxanne.texts.replies import CARRIER_OPT_OUT_WORDS, Reply, bare_word, read_reply

# Twilio's, as of November 2026; theirs, so written out here a second time.
TWILIO = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"]
TWILIO += ["ARRET", "ARRETE", "ARRETT"]


@pytest.mark.parametrize(
    "body", ["C", "c", " c ", "C.", "“C”", "(c)", "c!\n", "Ｃ", "confirm", "Sí"]
)
def test_confirms(body: str) -> None:
    assert read_reply(body) == Reply("confirm")


@pytest.mark.parametrize("body", ["R", " r. ", "Reschedule", "cambiar", "Verschieben!"])
def test_reschedules(body: str) -> None:
    assert read_reply(body) == Reply("reschedule")


@pytest.mark.parametrize("body", ["X", "x", "'x'", "Cancelar", "ANULAR", "absagen", "stornieren"])
def test_cancels(body: str) -> None:
    assert read_reply(body) == Reply("cancel")


@pytest.mark.parametrize(
    ("body", "digit"), [("1", 1), (" 9. ", 9), ("2)", 2), ("#3", 3), ("４", 4)]
)
def test_digits(body: str, digit: int) -> None:
    assert read_reply(body) == Reply("digit", digit=digit)


@pytest.mark.parametrize("word", TWILIO)
def test_what_the_carrier_takes_for_an_opt_out(word: str) -> None:
    for body in (word, word.lower(), f" {word.title()}. "):
        assert read_reply(body) == Reply("opt_out", word=word)
    assert set(TWILIO) == CARRIER_OPT_OUT_WORDS


@pytest.mark.parametrize(
    ("body", "meaning", "word"),
    [
        ("stop all", "opt_out", "STOPALL"),
        ("Opt-out", "opt_out", "OPTOUT"),
        ("arrêt", "opt_out", "ARRET"),
        ("STOPP", "opt_out", "STOPP"),
        ("Baja", "opt_out", "BAJA"),
        ("start", "opt_in", "START"),
        ("UNSTOP", "opt_in", "UNSTOP"),
        ("Help", "help", "HELP"),
        ("info?", "help", "INFO"),
        ("Yes!", "yes", None),
    ],
)
def test_consent(body: str, meaning: str, word: str | None) -> None:
    found = read_reply(body)
    assert (found.meaning, found.word) == (meaning, word)


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "?",
        "👍",
        "C👍",
        "0",
        "10",
        "C 1",
        "Ok",
        "please cancel",
        "stop by at 3?",
        "don't cancel",
        "X or C?",
        "ayuda",
        "C" * 41,
        "I can't come on Tuesday, may I come on Wednesday instead?",
        "\u0421",  # Cyrillic
    ],
)
def test_nothing_is_guessed(body: str) -> None:
    assert read_reply(body) == Reply("unknown")


@given(st.text())
def test_whatever_is_texted_is_read(body: str) -> None:
    found = read_reply(body)
    assert (found.digit is not None) == (found.meaning == "digit")
    assert len(bare_word(body)) <= 1000
