"""Replies to what a voice platform asks besides tool calls. Facts: Vapi's server messages."""

import re
from collections.abc import Mapping
from typing import Final

from voxanne.booking import functions
from voxanne.inbound.voice.assistant import assistant_for_call
from voxanne.inbound.voice.tools import Caller
from voxanne.inbound.voice.tools.clinic import (
    destination_of,
    find_topic,
    find_transfer,
    no_transfer,
)
from voxanne.inbound.voice.tools.clinic_facts import (
    ClinicFacts,
    find_facts,
    speak_address,
    speak_hours,
    speak_practitioners,
    speak_services,
)
from voxanne.language.catalogue import say

# What is asked of us, and answered from the database. A caller is waiting on the line.
QUESTIONS: Final = frozenset(
    {"assistant-request", "transfer-destination-request", "knowledge-base-request"}
)
QUESTION_CHARACTERS_MAX: Final = 1_000
MESSAGES_LOOKED_AT_MAX: Final = 20

_WORD = re.compile(r"\w{4,}")


async def answer_question(
    database: functions.Database, caller: Caller, kind: str, message: Mapping[str, object]
) -> dict[str, object]:
    """The reply to one of QUESTIONS. Raises whatever `database` raises."""
    if kind == "transfer-destination-request":
        answer = await find_transfer(database, caller)
        destination = destination_of(answer, caller)
        if destination is None:
            return {"error": no_transfer(answer, caller)}
        return {"destination": destination}
    facts = await find_facts(database, caller)
    if kind == "assistant-request":
        return assistant_for_call(caller, facts)
    return {"documents": documents_for(question_in(message), facts, caller)}


def plain_reply(kind: str | None, language: str) -> dict[str, object]:
    """What the platform expects for a message of this type when nothing can be looked up; `{}`
    where it expects nothing."""
    match kind:
        case "assistant-request":
            sorry = say(
                language, "I'm sorry, we can't take your call right now. Please call again later."
            )
            return {"error": sorry}
        case "transfer-destination-request" | "handoff-destination-request":
            return {
                "error": say(
                    language,
                    "I'm sorry, I can't put you through right now. May I take a message?",
                )
            }
        case "knowledge-base-request":
            return {"documents": []}
        case _:
            return {}


def documents_for(question: str, facts: ClinicFacts, caller: Caller) -> list[dict[str, object]]:
    """What the clinic tells everyone, each with the share of the question's words it holds; what
    the question is plainly about counts as wholly alike."""
    asked = _words(question)
    topic = find_topic(question)
    contents = {
        "hours": speak_hours(facts, caller),
        "services": speak_services(facts, caller),
        "practitioners": speak_practitioners(facts, caller),
    }
    if facts.address is not None:
        contents["address"] = speak_address(facts, caller)
    found = []
    for about, content in contents.items():
        shared = len(asked & _words(content)) / max(1, len(asked))
        similarity = 1.0 if about == topic else shared
        if similarity > 0:
            found.append((round(similarity, 2), about, content))
    return [
        {"content": content, "similarity": similarity, "uuid": about}
        for similarity, about, content in sorted(found, reverse=True)
    ]


def question_in(message: Mapping[str, object]) -> str:
    """What the caller said last, in either of the histories that may come with the request."""
    for key, said in (("messages", "message"), ("messagesOpenAIFormatted", "content")):
        history = message.get(key)
        for entry in reversed(
            history[-MESSAGES_LOOKED_AT_MAX:] if isinstance(history, list) else []
        ):
            text = entry.get(said) if isinstance(entry, dict) else None
            if isinstance(text, str) and entry.get("role") == "user":
                return text[:QUESTION_CHARACTERS_MAX]
    return ""


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
