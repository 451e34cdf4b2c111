"""A transcript's turns: who said what. Platforms write a line per utterance, with a label."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Speaker = Literal["agent", "caller", "unknown"]

TURNS_MAX: Final = 4_000
_AGENT: Final = ("ai", "bot", "assistant", "agent", "receptionist", "voxanne", "model")
_CALLER: Final = ("user", "customer", "caller", "human", "patient", "client")
_LABELLED = re.compile(
    rf"\s*(?:(?P<agent>{'|'.join(_AGENT)})|(?P<caller>{'|'.join(_CALLER)}))\s*:\s*(?P<said>.*)",
    re.IGNORECASE | re.DOTALL,
)
# What a listener says without taking the turn.
_HEARD: Final = frozenset(
    {"uh-huh", "uh huh", "mm-hmm", "mm hmm", "mhm", "mmhmm", "hm", "hmm", "aha", "ok", "okay"}
    | {"yeah", "yep", "yes", "right", "sure", "si", "sí", "ajá", "vale", "ja", "genau", "gut"}
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one of them said until the other spoke."""

    speaker: Speaker
    said: str


def read_turns(transcript: str) -> list[Turn]:
    """In order, neighbours by one speaker as one. A line without a label goes on with the last."""
    turns: list[Turn] = []
    for speaker, said in _lines(transcript):
        if not said:
            continue
        if turns and speaker in (None, turns[-1].speaker):
            turns[-1] = Turn(turns[-1].speaker, f"{turns[-1].said}\n{said}")
        elif len(turns) < TURNS_MAX:
            turns.append(Turn(speaker or "unknown", said))
    return turns


def without_interruptions(turns: list[Turn]) -> list[Turn]:
    """An agent's sentence that a caller's "mm-hmm" fell into is one sentence again."""
    joined: list[Turn] = []
    for turn in turns:
        if turn.speaker == "agent" and _interrupted(joined[-2:]):
            whole = f"{joined[-2].said.rstrip(' -–—…,')} {turn.said}"
            joined[-2:] = [Turn("agent", whole)]
        else:
            joined.append(turn)
    return joined


def _interrupted(last: list[Turn]) -> bool:
    if [turn.speaker for turn in last] != ["agent", "caller"]:
        return False
    unfinished = not last[0].said.rstrip().endswith((".", "?", "!"))
    return unfinished and last[1].said.strip(" .,!\n").lower() in _HEARD


def _lines(transcript: str) -> Iterator[tuple[Speaker | None, str]]:
    for line in transcript.splitlines():
        found = _LABELLED.fullmatch(line)
        if found is None:
            yield None, line.strip()
        else:
            yield ("agent" if found["agent"] else "caller"), found["said"].strip()
