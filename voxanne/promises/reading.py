"""What an agent said was done: read from its turns, in order, each with the time it named."""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from voxanne.promises import phrases
from voxanne.promises.phrases import Kind, Phrase
from voxanne.promises.sentences import Sentence, plain_words, split_sentences
from voxanne.promises.times import NO_TIME, When, find_pairs, find_times
from voxanne.promises.turns import Turn

QUOTE_CHARACTERS_MAX: Final = 300
COMMITMENTS_MAX: Final = 50
TURNS_BACK_MAX: Final = 3  # to a time that was read back, and agreed to
LAST_TURNS: Final = 3

_SEPARATOR = re.compile(
    r"[,;:–—]|(?<= )-(?= )|\b(?:and|so|but|because|since|y|pero|asi que|porque|und|aber)\b"
)
_EASILY = re.compile(
    r"\b(?:no (?:problem|worries|trouble)|not a problem|no hay problema|no se preocupe|"
    r"kein problem)\b,?"
)
_FROM_TO: Final = (
    re.compile(r"\bfrom\b.*?\bto\b"),
    re.compile(r"\bdel\b.*?\bal\b"),
    re.compile(r"\bvon\b.*?\bauf\b"),
    re.compile(r"\bvom\b.*?\bauf\b"),
)
_INSTEAD = re.compile(
    r"\b(?:instead of|rather than|en (?:vez|lugar) del?|statt|anstatt|anstelle)\b.*"
)
_FROM = re.compile(r"\bfrom\b.*")
_NOT_THIS = re.compile(r"\b(?:not|no|nicht)\b.*?(?:\b(?:but|sino|sondern)\b|,|$)")
_BY_OTHERS = re.compile(r"^ (?:up\b|solid|by (?!phone)|until|through|out\b|already)")
_ABOUT_IT = re.compile(r"^(?:that|it|everything|this)\b")
_KEPT_FOR_NOW = re.compile(r"\b(?:reserv|put|got|have|habe|he )\w*")
_OR = re.compile(r"\b(?:or|oder)\b")
_ANYTHING = re.compile(r"\b(?:anything|something|algo|noch etwas|sonst)\b")


@dataclass(frozen=True, slots=True)
class Commitment:
    """Something that was said to be done. `sure`: the time was said with it, and nobody objected.
    `additional`: besides what was said before, not instead of it.
    """

    kind: Kind
    said: str
    when: When
    turn: int
    sure: bool = True
    additional: bool = False


@dataclass(frozen=True, slots=True)
class Denial:
    """That it wasn't done. `plain`: that nothing is booked, not only that a time can't be had."""

    said: str
    turn: int
    plain: bool


@dataclass(slots=True)
class Reading:
    """What was found, in order; `intended`: the agent was about to book when the call ended."""

    found: list[Commitment | Denial] = field(default_factory=list)
    intended: str | None = None

    @property
    def commitments(self) -> list[Commitment]:
        return [it for it in self.found if isinstance(it, Commitment)]


def read_commitments(turns: Sequence[Turn], today: date) -> Reading:
    """`today`: the clinic's date when the call began. Of turns without speakers all count."""
    agents = {turn.speaker for turn in turns} & {"agent"} or {"unknown"}
    reading = Reading()
    for at, turn in enumerate(turns):
        if turn.speaker in agents and len(reading.found) < COMMITMENTS_MAX:
            _read_turn(reading, turns, at, today)
    reading.found = [_contested(it, turns) for it in reading.found]
    reading.intended = _intended(reading, turns, agents)
    return reading


def _read_turn(reading: Reading, turns: Sequence[Turn], at: int, today: date) -> None:
    sentences = split_sentences(turns[at].said)
    for place, sentence in enumerate(sentences):
        if made := list(_commitments(sentence, sentences, place, turns, at, today)):
            reading.found.extend(_besides(made, reading, turns, at))
        elif denial := _denial(sentence, at):
            reading.found.append(denial)
        elif corrected := _corrected(reading, sentence, at, today):
            reading.found[-1] = corrected


def _commitments(
    sentence: Sentence,
    sentences: Sequence[Sentence],
    place: int,
    turns: Sequence[Turn],
    at: int,
    today: date,
) -> Iterator[Commitment]:
    plain, end = _statement(sentence)
    acts = [
        act for act in _acts(plain[:end]) if _is_done(act, sentence, plain[:end], sentences, place)
    ]
    for number, (begin, _, phrase) in enumerate(acts):
        until = acts[number + 1][0] if number + 1 < len(acts) else end
        since = acts[number - 1][1] if number else 0
        whens = _named_times(plain, begin, until, since, phrase, today)
        sure = not _OR.search(plain[begin:until])
        if not whens[0].is_whole:
            around, known = _around(whens[0], sentences, place, turns, at, phrase, today)
            sure = sure and known
            if phrase.weak and not around:
                continue
            whens = [around]
        for when in whens:
            said = sentence.text[:QUOTE_CHARACTERS_MAX]
            yield Commitment(phrase.kind, said, when, at, sure, additional=when is not whens[0])


def _statement(sentence: Sentence) -> tuple[str, int]:
    """The sentence, and where a question besides begins in it."""
    plain = sentence.plain
    if sentence.is_question and (besides := phrases.ASKED_BESIDES.search(plain)):
        return plain, besides.start()
    return plain, len(plain)


def _acts(plain: str) -> list[tuple[int, int, Phrase]]:
    found: list[tuple[int, int, Phrase]] = []
    for phrase in phrases.PHRASES:
        for match in phrase.pattern.finditer(plain):
            begin, end = match.span()
            if not any(begin < other_end and other < end for other, other_end, _ in found):
                found.append((begin, end, phrase))
    return sorted(found, key=lambda act: act[0])


def _is_done(
    act: tuple[int, int, Phrase],
    sentence: Sentence,
    plain: str,
    sentences: Sequence[Sentence],
    place: int,
) -> bool:
    """Was it stated? Not asked, denied, offered, made a condition of, or told of before."""
    begin, end, phrase = act
    words, after = plain[begin:end], plain[end:]
    parts = _SEPARATOR.split(_EASILY.sub("", plain[:begin]))
    own, before = parts[-1].strip(), " ".join(parts[:-1][-1:]).strip()
    if phrases.NOT_DONE.search(own) or phrases.INSIDE.search(words) or phrases.ASKS.match(own):
        return False
    if phrases.CONDITION.match(before) or phrases.CONDITION_AFTER.search(after):
        return False
    if phrases.BEFORE.search(f"{own} {words}") or (not own and phrases.BEFORE.search(before)):
        return False
    if _BY_OTHERS.match(after) or (_ABOUT_IT.match(words) and phrases.TAKEN.search(plain)):
        return False
    if _KEPT_FOR_NOW.search(words) and phrases.HELD.search(after):
        return False
    asked = sentence.is_question and not phrases.ASKED_BESIDES.search(sentence.plain, end)
    if asked and not phrases.ASKED_AGREEMENT.search(sentence.plain.rstrip(" ?.!")):
        return False
    follows = sentences[place + 1] if place + 1 < len(sentences) else None
    return not (
        phrase.kind is Kind.BOOKED
        and follows is not None
        and follows.is_question
        and phrases.WHICH_ONE.search(follows.plain)
        and not _ANYTHING.search(follows.plain)
    )


def _named_times(
    plain: str, begin: int, until: int, since: int, phrase: Phrase, today: date
) -> list[When]:
    """What was named with it: behind the phrase or in it, else before it."""
    segment = _own_times(_towards(plain[begin:until], phrase.kind))
    corrected = phrases.CORRECTED.search(segment)
    if corrected and (first := find_times(segment[: corrected.start()], phrase.language, today)):
        later = _NOT_THIS.sub("", segment[corrected.end() :])
        return [find_times(later, phrase.language, today, bare_hours=True).filled_from(first)]
    found = find_pairs(segment, phrase.language, today)
    if not found[0] and since < begin:
        return [find_times(_own_times(plain[since:begin]), phrase.language, today)]
    return found


def _towards(segment: str, kind: Kind) -> str:
    """Without the time that something was moved away from."""
    segment = _INSTEAD.sub("", segment)
    if kind is not Kind.MOVED:
        return segment
    for pattern in _FROM_TO:
        segment = pattern.sub(" to ", segment)
    return _FROM.sub("", segment)


def _own_times(segment: str) -> str:
    """Without the parts that name times of other things, such as when to arrive."""
    first, *others = re.split(r"(?<=[,;]) ", segment)
    return " ".join([first, *(part for part in others if not phrases.OTHER_TIMES.search(part))])


def _around(
    named: When,
    sentences: Sequence[Sentence],
    place: int,
    turns: Sequence[Turn],
    at: int,
    phrase: Phrase,
    today: date,
) -> tuple[When, bool]:
    """What wasn't named with it: from its turn, else from what was read back before and agreed to.
    And whether that is sure.
    """
    when = named
    for other in (*sentences[place + 1 :], *reversed(sentences[:place])):
        if other.is_question or phrases.OTHER_TIMES.search(other.plain):
            continue
        if phrases.REFUSED.search(other.plain) or _acts(other.plain):
            continue
        when = when.filled_from(find_times(other.plain, phrase.language, today))
    if when or (at > 0 and phrase.weak and not phrases.AGREED.search(_answer(turns, at))):
        return when, True
    for turn in reversed(turns[:at][-2 * TURNS_BACK_MAX :]):
        if turn.speaker == "caller":
            continue
        asked = [it for it in split_sentences(turn.said) if it.is_question]
        for sentence in reversed(asked):
            read = find_times(sentence.plain, phrase.language, today)
            if read and not phrases.OTHER_TIMES.search(sentence.plain):
                return read, False
        if phrase.weak and asked:
            break
    return NO_TIME, True


def _answer(turns: Sequence[Turn], at: int) -> str:
    """What the caller had said just before."""
    return plain_words(turns[at - 1].said) if turns[at - 1].speaker == "caller" else ""


def _denial(sentence: Sentence, at: int) -> Denial | None:
    plain = bool(phrases.NOT_BOOKED.search(sentence.plain))
    if not plain and not phrases.REFUSED.search(_EASILY.sub("", sentence.plain)):
        return None
    if sentence.is_question:
        return None
    return Denial(sentence.text[:QUOTE_CHARACTERS_MAX], at, plain)


def _corrected(reading: Reading, sentence: Sentence, at: int, today: date) -> Commitment | None:
    """The last commitment with the time that is put right here, if that is what is said."""
    last = reading.found[-1] if reading.found else None
    if not isinstance(last, Commitment) or at - last.turn > 2 or sentence.is_question:
        return None
    if not phrases.CORRECTED.search(sentence.plain):
        return None
    text = _NOT_THIS.sub("", sentence.plain)
    for language in ("en", "es", "de"):
        if when := find_times(text, language, today, bare_hours=True):
            said = f"{last.said} … {sentence.text}"[:QUOTE_CHARACTERS_MAX]
            return replace(last, when=when.filled_from(last.when), said=said, turn=at)
    return None


def _besides(
    made: Sequence[Commitment], reading: Reading, turns: Sequence[Turn], at: int
) -> list[Commitment]:
    """Marks what comes on top of what was said before."""
    earlier = reading.commitments
    if not earlier:
        return list(made)
    between = " ".join(turn.said for turn in turns[earlier[-1].turn + 1 : at])
    added = bool(phrases.ADDITIONAL.search(plain_words(f"{between[-400:]} {made[0].said}")))
    return [replace(it, additional=it.additional or added) for it in made]


def _contested(found: Commitment | Denial, turns: Sequence[Turn]) -> Commitment | Denial:
    if isinstance(found, Denial) or found.turn + 1 >= len(turns):
        return found
    answer = turns[found.turn + 1]
    objects = answer.speaker == "caller" and phrases.REFUSING.match(_plainer(answer.said))
    return replace(found, sure=False) if objects else found


def _plainer(said: str) -> str:
    """ "No, thanks" as "no thanks"."""
    return " ".join(plain_words(said).replace(",", " ").split())


def _intended(reading: Reading, turns: Sequence[Turn], agents: AbstractSet[str]) -> str | None:
    """What the agent was about to do at the end, where nothing came of it."""
    if any(it.kind in (Kind.BOOKED, Kind.MOVED) for it in reading.commitments):
        return None
    last = [at for at, turn in enumerate(turns) if turn.speaker in agents][-LAST_TURNS:]
    for at in last:
        for sentence in split_sentences(turns[at].said):
            if sentence.is_question or not phrases.WILL_BOOK.search(sentence.plain):
                continue
            after = _plainer(" ".join(turn.said for turn in turns[at + 1 :])[-1_000:])
            denied = any(isinstance(it, Denial) and it.turn >= at for it in reading.found)
            if not denied and not phrases.DECLINED.search(after):
                return sentence.text[:QUOTE_CHARACTERS_MAX]
    return None
