"""Which language a caller speaks, as the platform reports it.

Vapi names it in the transcriber's settings, in each message that carries the assistant, and reports
a change during the call in a message of its own. That is remembered by the process that heard it:
with several processes some answers may stay in the language the call began in.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from voxanne.inbound.voice.vapi import VoiceRequest
from voxanne.language.catalogue import known_language

LANGUAGE_CHANGED: Final = "language-change-detected"
CALLS_MAX: Final = 10_000

_EMPTY: Final[Mapping[str, object]] = {}


def reported_language(voice: VoiceRequest, headers: Mapping[str, str]) -> str:
    """`X-Language`, else the call's own transcriber's, else the assistant's: a language of the
    catalogue, "" when none of them is one."""
    call = _object(voice.message, "call")
    places = (
        _object(call, "assistantOverrides"),
        _object(call, "assistant"),
        _object(voice.message, "assistant"),
    )
    tags = (
        headers.get("x-language"),
        *(_object(place, "transcriber").get("language") for place in places),
    )
    return next((language for tag in tags if (language := known_language(tag))), "")


@dataclass(slots=True)
class ChangedLanguages:
    """The language each call has changed to; of more than CALLS_MAX the oldest are forgotten."""

    _changed: OrderedDict[tuple[UUID, str], str] = field(default_factory=OrderedDict)

    def hear(self, organization: UUID, voice: VoiceRequest) -> None:
        """Remember the change, if that is what the message reports."""
        language = known_language(voice.message.get("language"))
        if voice.message_type != LANGUAGE_CHANGED or voice.call_id is None or language is None:
            return
        call = (organization, voice.call_id)
        self._changed[call] = language
        self._changed.move_to_end(call)
        if len(self._changed) > CALLS_MAX:
            self._changed.popitem(last=False)

    def of(self, organization: UUID, call_id: str | None) -> str:
        """ "" for a call that has changed to none."""
        return self._changed.get((organization, call_id), "") if call_id else ""


def _object(holder: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = holder.get(key)
    return value if isinstance(value, dict) else _EMPTY
