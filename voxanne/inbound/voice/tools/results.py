"""What a tool answers: always `success` and `message`; refused, also `error` and what to offer.

SQL decides and Python speaks: nothing of a refusal's own words or of anybody else's booking is
passed on.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from babel.lists import format_list

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.voice.sentences import refuse, speak_alternatives, speak_reason
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.language.catalogue import ENGLISH, say

ALTERNATIVES_MAX: Final = 3

Result = dict[str, object]


class RefusedError(Exception):
    """Why a tool can't do it: the outcome, its own sentence if it has one, and what goes with it.
    Never leaves run_tool."""

    def __init__(self, outcome: Outcome, message: str | None = None, **details: object) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.message = message
        self.details = details


def refusal(
    outcome: Outcome, language: str = ENGLISH, message: str | None = None, **details: object
) -> Result:
    """A refusal with its own sentence, or the outcome's."""
    said = message or refuse(outcome, language)
    return {"success": False, "error": outcome, "message": said, **details}


def refused(
    caller: Caller,
    answer: Mapping[str, Any],
    practitioner: str | None = None,
    *,
    name_them: bool = False,
) -> RefusedError:
    """A SQL function's refusal, with the times it offers instead. `practitioner` and `name_them` as
    in `offers`."""
    outcome = Outcome(answer["error"])
    if outcome is Outcome.NEEDS_CONFIRMATION and "needs" in answer:
        return _ask_who(caller, str(answer["needs"]))
    message = refuse(outcome, caller.language)
    if answer.get("reason"):
        why = speak_reason(caller.language, answer["reason"], practitioner)
        message = f"{why} {say(caller.language, 'Which other time would suit you?')}"
    if "alternatives" not in answer:
        return RefusedError(outcome, message)
    found = offers(
        caller, answer["alternatives"][:ALTERNATIVES_MAX], practitioner, name_them=name_them
    )
    spoken = [str(one["spoken"]) for one in found]
    message = f"{message} {speak_alternatives(caller.language, spoken)}".strip()
    return RefusedError(outcome, message, alternatives=found)


def offers(
    caller: Caller,
    slots: Sequence[Mapping[str, Any]],
    practitioner: str | None = None,
    *,
    name_them: bool = False,
) -> list[Result]:
    """Free times, in the clinic's wall time: whoever drops the offset is still right.

    With whom is spoken only where it isn't plain: not if all are with the `practitioner` who was
    asked for, or if none was and all are with the same one; unless `name_them`.
    """
    those = {slot["practitioner_name"] for slot in slots}
    plain = those == {practitioner} if practitioner else len(those) == 1 and not name_them
    return [
        {
            "startsAt": caller.local(_starts_at(slot)).isoformat(),
            "practitioner": slot["practitioner_name"],
            "spoken": _speak_slot(caller, slot, plain),
        }
        for slot in slots
    ]


def _speak_slot(caller: Caller, slot: Mapping[str, Any], plain: bool) -> str:
    when, practitioner = caller.speak(_starts_at(slot)), slot["practitioner_name"]
    if plain or practitioner is None:
        return when
    return say(caller.language, "{when} with {practitioner}", when=when, practitioner=practitioner)


def _starts_at(slot: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(slot["starts_at"])


def speak_appointment(caller: Caller, found: Mapping[str, Any]) -> str:
    """`consultation on Thursday 26 November at 10 am with Dr Grey`."""
    service = speak_service(found["service_type"])
    when = caller.speak(datetime.fromisoformat(found["scheduled_at"]))
    practitioner = found["practitioner_name"]
    if practitioner is None:
        return say(caller.language, "{service} on {when}", service=service, when=when)
    return say(
        caller.language,
        "{service} on {when} with {practitioner}",
        service=service,
        when=when,
        practitioner=practitioner,
    )


def speak_service(key: object) -> str:
    """A service's key, as it is said: `root_canal` is a root canal."""
    return str(key).replace("_", " ")


def every(caller: Caller, words: Sequence[str]) -> str:
    """`A, B and C` in the caller's language."""
    return str(format_list(list(words), style="standard", locale=caller.locale))


def _ask_who(caller: Caller, needs: str) -> RefusedError:
    """The clinic's caller check: caller ids can be forged."""
    if needs == "birth_date":
        question = say(
            caller.language, "To be sure it's you: what is the patient's date of birth, please?"
        )
        return RefusedError(Outcome.NEEDS_CONFIRMATION, question, needs="birthDate")
    question = say(caller.language, "To be sure it's you: what is the patient's full name, please?")
    return RefusedError(Outcome.NEEDS_CONFIRMATION, question, needs="name")
