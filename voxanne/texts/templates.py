"""What text messages say: the built-in words, a clinic's own, and what may be in those.

Both are written alike, with placeholders. A text is plain: no mark-up, no logic.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from voxanne.language.catalogue import say
from voxanne.texts.replies import OPT_OUT_WORDS
from voxanne.texts.segments import measure

KINDS: Final = (
    "sms_confirmation",
    "sms_change",
    "sms_reminder",
    "sms_cancellation",
    "sms_waitlist_offer",
)
PLACEHOLDERS: Final = (
    "clinic",
    "patient",
    "when",
    "date",
    "time",
    "until",
    "practitioner",
    "service",
    "link",
    "phone",
    "address",
)
CHARACTERS_MAX: Final = 1600  # Twilio's
SEGMENTS_MAX: Final = 6  # of a clinic's own words, with example values

# By name. Of a name with `_without_…` the words for a clinic that has none.
TEXTS: Final[Mapping[str, str]] = {
    "sms_confirmation": "{clinic}: your appointment is booked for {when}. "
    "Reply C to confirm, R to reschedule, X to cancel: {link}",
    "sms_change": "{clinic}: your appointment is now on {when}. "
    "Reply C to confirm, R to reschedule, X to cancel: {link}",
    "sms_reminder": "{clinic}: a reminder of your appointment on {when}. "
    "Reply C to confirm, R to reschedule, X to cancel: {link}",
    "sms_cancellation": "{clinic}: your appointment on {when} is cancelled. To book again: {phone}",
    "sms_cancellation_without_phone": "{clinic}: your appointment on {when} is cancelled.",
    "sms_waitlist_offer": "{clinic}: a time is free for you on {when}, kept until {until}. "
    "Reply C to take it, X to decline: {link}",
    "confirmed": "{clinic}: thank you. Your appointment on {when} is confirmed.",
    "declined": "{clinic}: you don't take it, then. You stay on the waitlist.",
    "offer_gone": "{clinic}: sorry, that time is no longer free. You stay on the waitlist.",
    "which": "{clinic}: which one do you mean? Reply with its number.",
    "reschedule": "{clinic}: choose another time here: {link}",
    "reschedule_without_link": "{clinic}: for another time please call {phone}",
    "reschedule_without_phone": "{clinic}: for another time please call us.",
    "cancel_elsewhere": "{clinic}: please give up your appointment here: {link}",
    "cancel_elsewhere_without_link": "{clinic}: to give up your appointment please call {phone}",
    "cancel_elsewhere_without_phone": "{clinic}: to give up your appointment please call us.",
    "nothing_upcoming": "{clinic}: this number has no upcoming appointment. To talk to us: {phone}",
    "nothing_upcoming_without_phone": "{clinic}: this number has no upcoming appointment.",
    "not_understood": "{clinic}: sorry, we didn't understand that. "
    "Reply C to confirm, R to reschedule, X to cancel. To talk to us: {phone}",
    "not_understood_without_phone": "{clinic}: sorry, we didn't understand that. "
    "Reply C to confirm, R to reschedule, X to cancel.",
}

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
# What tells people to answer, in the languages that are spoken here.
_ASKING: Final = (
    r"reply|text|send|answer|respond|type|write|"
    r"responda|responde|responder|conteste|contesta|env[ií]e|env[ií]a|escriba|escribe|mande|"
    r"antworten|antworte|antwort|schreiben|schreib|senden|sende|schicken"
)
_OPTING_OUT: Final = "|".join(sorted(OPT_OUT_WORDS, key=len, reverse=True))
# With up to two small words or marks between: "Reply with 'stop'", "Antworten Sie mit STOP".
_INSTRUCTION: Final = re.compile(
    rf"\b(?:{_ASKING})\b(?:\W+(?:with|by|the|word|us|back|sie|mit|uns|con|la|el|palabra|das|wort)\b)"
    rf"{{0,4}}\W+(?P<word>{_OPTING_OUT})\b",
    re.IGNORECASE,
)
_SHOUTED: Final = re.compile(rf"\b(?P<word>{_OPTING_OUT})\b")  # in capitals it reads as a command


class TemplateError(ValueError):
    """A clinic's words won't do: which part of them, and why."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(reason)
        self.where = where
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Words:
    """What a text says, in which language. `own`: the clinic's; None: the built-in ones."""

    name: str
    language: str
    own: str | None = None

    def fill(self, values: Mapping[str, str]) -> str:
        """The text. Of `values` those may be missing or empty that are not known."""
        known = {name: values.get(name, "") for name in PLACEHOLDERS}
        if self.own is not None:
            text = _PLACEHOLDER.sub(lambda found: known[found[1]], self.own)
        else:
            name = _name_for(self.name, known)
            text = say(self.language, TEXTS[name], **known)
        # What there is no value for takes its colon with it.
        return text.strip().removesuffix(":").rstrip()[:CHARACTERS_MAX]


def built_in(name: str, language: str) -> str:
    """The words themselves, with their placeholders."""
    return say(language, TEXTS[name], **{each: f"{{{each}}}" for each in PLACEHOLDERS})


def check_template(kind: str, body: str, language: str) -> None:
    """Whether these may be a clinic's own words. Raises TemplateError."""
    if kind not in KINDS:
        raise TemplateError("kind", f"There is no such message. Known are: {', '.join(KINDS)}.")
    if not body.strip():
        raise TemplateError("body", "The text is empty.")
    if len(body) > CHARACTERS_MAX:
        raise TemplateError("body", f"The text has more than {CHARACTERS_MAX} characters.")
    if any(ord(character) < 32 and character != "\n" for character in body):
        raise TemplateError("body", "The text holds a character that can't be sent.")
    _check_placeholders(body)
    if found := _INSTRUCTION.search(body) or _SHOUTED.search(body):
        raise TemplateError(
            f"body: {found['word']}",
            f"Whoever answers {found['word'].upper()} is cut off by the carrier and gets no more "
            "messages. Ask for C, R or X, or give the link.",
        )
    length = measure(Words(kind, language, body).fill(example_values(language)))
    if length.segments > SEGMENTS_MAX:
        raise TemplateError(
            "body",
            f"The text takes {length.segments} segments ({length.encoding}); at most "
            f"{SEGMENTS_MAX} are sent.",
        )


def example_values(language: str) -> dict[str, str]:
    """Values of a usual length, for a preview."""
    return {
        "clinic": "Harbor Dental",
        "patient": "Maya Okafor",
        "when": say(language, "Thursday 26 November at 10 am"),
        "date": say(language, "Thursday 26 November"),
        "time": "10:00",
        "until": "09:30",
        "practitioner": "Dr Grey",
        "service": "Consultation",
        "link": "https://book.example.com/a/Zm9vYmFyYmF6cXV4",
        "phone": "+442079460000",
        "address": "1 Harbor Street",
    }


def _check_placeholders(body: str) -> None:
    for found in _PLACEHOLDER.finditer(body):
        if found[1] not in PLACEHOLDERS:
            listed = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise TemplateError(
                f"body: {found[0][:40]}", f"There is no such placeholder. Known are: {listed}."
            )
    if brace := re.search(r"[{}]", _PLACEHOLDER.sub("", body)):
        raise TemplateError(f"body: {brace[0]}", "A brace stands alone: write {clinic}.")


def _name_for(name: str, values: Mapping[str, str]) -> str:
    for value in ("link", "phone"):
        if not values[value] and f"{name}_without_{value}" in TEXTS:
            name = f"{name}_without_{value}"
            break
    without_phone = name.replace("_without_link", "_without_phone")
    if name.endswith("_without_link") and not values["phone"] and without_phone in TEXTS:
        return without_phone
    return name
