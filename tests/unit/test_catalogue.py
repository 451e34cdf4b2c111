"""Every sentence that is said can be said in every language, with the same placeholders."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

import voxanne
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.voice import sentences
from voxanne.inbound.voice.sentences import refuse
from voxanne.language import speech
from voxanne.language.catalogue import ENGLISH, LANGUAGES, known_language, say, say_many
from voxanne.texts import templates

PACKAGE = Path(voxanne.__file__).parent
CATALOGUE = "voxanne.language.catalogue"
TRANSLATED = [language for language in LANGUAGES if language != ENGLISH]

# Where a sentence isn't a literal: the argument as it is written, and the table it comes from.
TABLES: dict[tuple[str, str], Iterable[str]] = {
    ("inbound/voice/sentences.py", "REFUSED[outcome]"): sentences.REFUSED.values(),
    ("inbound/voice/sentences.py", "CLINIC_REASONS[reason]"): sentences.CLINIC_REASONS.values(),
    (
        "inbound/voice/sentences.py",
        "PRACTITIONER_REASONS[reason]",
    ): sentences.PRACTITIONER_REASONS.values(),
    ("texts/templates.py", "TEXTS[name]"): templates.TEXTS.values(),
    ("language/speech.py", "pattern"): (*speech.DAY_FIRST, *speech.MONTH_FIRST),
}

Sentence = str | tuple[str, str]


@dataclass(frozen=True)
class Call:
    """One call of `say` or `say_many`: where, the arguments after the language, and the values."""

    place: str
    file: str
    messages: list[ast.expr]
    values: set[str | None]

    @property
    def sentence(self) -> Sentence | None:
        """None for what isn't written out."""
        texts = [
            it.value
            for it in self.messages
            if isinstance(it, ast.Constant) and isinstance(it.value, str)
        ]
        if len(texts) != len(self.messages):
            return None
        return texts[0] if len(texts) == 1 else (texts[0], texts[1])


def calls() -> Iterator[Call]:
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        names = {
            imported.asname or imported.name: 1 + (imported.name == "say_many")
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == CATALOGUE
            for imported in node.names
            if imported.name in ("say", "say_many")
        }
        file = str(path.relative_to(PACKAGE))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if (count := names.get(node.func.id)) is None:
                    continue
                values = {keyword.arg for keyword in node.keywords}
                yield Call(f"{file}:{node.lineno}", file, node.args[1 : 1 + count], values)


@cache
def said() -> frozenset[Sentence]:
    written = {call.sentence for call in calls() if call.sentence is not None}
    return frozenset(written.union(*TABLES.values()))


@cache
def read(language: str) -> Catalog:
    path = PACKAGE / "locales" / language / "LC_MESSAGES" / "voxanne.po"
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_sentence_is_written_where_it_is_said() -> None:
    """Else nobody could list what there is to translate."""
    unwritten = {
        call.place: ast.unparse(call.messages[0])
        for call in calls()
        if call.sentence is None and (call.file, ast.unparse(call.messages[0])) not in TABLES
    }
    assert unwritten == {}


def test_every_table_is_spoken_from() -> None:
    spoken = {(call.file, ast.unparse(it)) for call in calls() for it in call.messages}
    assert set(TABLES) <= spoken


def test_every_placeholder_is_given_a_value() -> None:
    wrong = {}
    for call in calls():
        if call.sentence is None or None in call.values:
            continue
        texts = (call.sentence,) if isinstance(call.sentence, str) else call.sentence
        needed = set().union(*map(placeholders, texts))
        given = call.values | ({"count"} if len(texts) == 2 else set())
        if not (needed <= given and given - {"count"} <= needed):
            wrong[call.place] = f"needs {sorted(needed)}, is given {sorted(map(str, given))}"
    assert wrong == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_has_its_translation(language: str) -> None:
    known = {
        message.id
        for message in read(language)
        if message.id and not message.fuzzy and all(_strings(message.string))
    }
    missing, unused = sorted(map(str, said() - known)), sorted(map(str, known - said()))
    assert not missing, "\n".join([f"missing in {language}:", *missing])
    assert not unused, "\n".join([f"never said, in {language}:", *unused])
    assert not read(language).obsolete


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_sentence(language: str) -> None:
    wrong = {}
    for message in read(language):
        if not message.id:
            continue
        singular, *plural = _strings(message.id)
        allowed = [placeholders(singular), *map(placeholders, plural)]
        for at, translation in enumerate(_strings(message.string)):
            used = placeholders(translation)
            if used != allowed[min(at, len(allowed) - 1)]:
                wrong[translation] = sorted(used)
    assert wrong == {}


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_is_what_it_says(language: str) -> None:
    """Two forms of number, and no sentence twice: the later one would win unseen."""
    catalogue = read(language)
    assert str(catalogue.locale) == language
    assert (catalogue.num_plurals, catalogue.plural_expr) == (2, "(n != 1)")
    path = PACKAGE / "locales" / language / "LC_MESSAGES" / "voxanne.po"
    assert path.read_text("utf-8").count("\nmsgid ") == len(catalogue) + 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_has_its_sentence(language: str) -> None:
    assert set(sentences.REFUSED) == set(Outcome)
    for outcome in Outcome:
        spoken = refuse(outcome, language)
        assert spoken.endswith((".", "?"))
        assert "\n" not in spoken
        assert len(spoken) <= 140
        assert (spoken == sentences.REFUSED[outcome]) == (language == ENGLISH)


def test_a_sentence_in_each_language() -> None:
    sentence = "You're booked: {appointment}."
    assert say("en", sentence, appointment="X") == "You're booked: X."
    assert say("de", sentence, appointment="X") == say("de-AT", sentence, appointment="X")
    assert say("es", sentence, appointment="X") != say("en", sentence, appointment="X")
    assert say("fr", sentence, appointment="{X}") == "You're booked: {X}."
    assert say("de", "never written {down}", down="1") == "never written 1"


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("en", "You're booked: {appointment}.")


@pytest.mark.parametrize(
    ("count", "spoken"), [(1, "one day"), (2, "2 days"), (0, "0 days"), (21, "21 days")]
)
def test_numbers(count: int, spoken: str) -> None:
    for language in LANGUAGES:
        assert say_many(language, "one day", "{count} days", count) == spoken


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("DE_at", "de"),
        (" es-419 ", "es"),
        ("deu", None),
        ("fr", None),
        ("multi", None),
        ("", None),
        (None, None),
        (7, None),
        ("../de", None),
    ],
)
def test_known_language(tag: object, language: str | None) -> None:
    assert known_language(tag) == language


def _strings(text: str | Iterable[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))
