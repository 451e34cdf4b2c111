"""What the agent says: one sentence per outcome, in words a caller understands.

Dates and times are spoken by `speech`, questions about a date by `dates`.
"""

from collections.abc import Sequence
from typing import Final

from voxanne.booking.outcomes import Outcome
from voxanne.language.catalogue import ENGLISH, say
from voxanne.language.speech import speak_either

REFUSED: Final[dict[Outcome, str]] = {
    Outcome.SLOT_UNAVAILABLE: "I'm sorry, that time is already taken. Which other time would suit "
    "you?",
    Outcome.CALENDAR_STALE: "I can't see the practitioner's calendar right now. I can take a "
    "message, and somebody will call you back.",
    Outcome.INVALID_ORGANIZATION: "I'm sorry, this line isn't set up for bookings yet.",
    Outcome.INVALID_PHONE: "I need a phone number with its area code. Could you say it once more?",
    Outcome.INVALID_EMAIL: "That e-mail address doesn't seem right. Could you spell it for me, or "
    "shall we leave it out?",
    Outcome.INVALID_NAME: "I need the patient's name for the booking. Could you say it once more?",
    Outcome.INVALID_DATE: "I didn't get the day and time. Which day and time would you like?",
    Outcome.INVALID_DURATION: "An appointment lasts between one minute and a day. How long should "
    "it be?",
    Outcome.INVALID_HOURS: "Those opening hours don't fit together. Please check when they begin "
    "and end.",
    Outcome.INVALID_TIMEZONE: "I don't know that time zone. Please give the city it's named after.",
    Outcome.INVALID_ARGUMENTS: "I couldn't read the details of that request. Could we go through "
    "them once more?",
    Outcome.DATE_IN_PAST: "That time has already passed. Which day and time would you like?",
    Outcome.NEEDS_CONFIRMATION: "I'd like to be sure I have that right. Could you say it once "
    "more?",
    Outcome.OUTSIDE_HOURS: "I'm sorry, the clinic is closed at that time. Which other time would "
    "suit you?",
    Outcome.TOO_SOON: "I'm sorry, that's too soon for the clinic to prepare. Would a later time "
    "do?",
    Outcome.TOO_FAR_AHEAD: "I'm sorry, the clinic doesn't book that far ahead yet. Would an "
    "earlier date do?",
    Outcome.UNKNOWN_SERVICE: "I'm sorry, the clinic doesn't offer that. What would you like to "
    "come in for?",
    Outcome.UNKNOWN_PRACTITIONER: "I'm sorry, I don't know that practitioner here. Who would you "
    "like to see?",
    Outcome.UNKNOWN_TOOL: "There is no such tool here.",
    Outcome.HOLD_EXPIRED: "I'm sorry, I couldn't keep that time for you any longer. Shall I look "
    "again?",
    Outcome.NOT_FOUND: "I'm sorry, I can't find that here. Could we check the details once more?",
    Outcome.NOT_YOURS: "I'm sorry, I can only change what was booked from the number you're "
    "calling from.",
    Outcome.BUSY: "The booking system isn't answering right now. Please try again in a moment.",
    Outcome.RATE_LIMITED: "That was a lot of requests at once. Please wait a minute and try again.",
    Outcome.UNAUTHORIZED: "I'm sorry, I'm not allowed to do that. The clinic's staff can help you.",
    Outcome.FORBIDDEN_ORGANIZATION: "I'm sorry, this line isn't set up for that clinic.",
    Outcome.IDEMPOTENCY_MISMATCH: "This request was already made with other details. Please make "
    "it anew.",
    Outcome.LIMIT_REACHED: "I'm sorry, that's as many as I can book for you. Would you like to "
    "change one instead?",
    Outcome.EMERGENCY: "This may be an emergency. Please hang up and call the emergency number "
    "now.",
    Outcome.STALE_VERSION: "That has changed in the meantime. Let me look at it again first.",
    Outcome.INTERNAL_ERROR: "Something went wrong on our side, and nothing was changed. Please try "
    "again.",
}

# Why nothing is free: of the clinic, and of the practitioner who was asked for. An absence's own
# reason and who is away stay with the staff.
CLINIC_REASONS: Final[dict[str, str]] = {
    "closed": "The clinic is closed then.",
    "holiday": "The clinic is closed for a public holiday then.",
    "break": "The clinic has a break then.",
    "away": "Nobody is available then.",
    "too_long": "There isn't enough time for such a long appointment then.",
    "fully_booked": "Everything is booked then.",
    "calendar_stale": "I can't see the clinic's calendar right now.",
    "too_soon": "That's too soon for the clinic to prepare.",
    "too_far": "The clinic doesn't book that far ahead yet.",
    "past": "That time has already passed.",
}
PRACTITIONER_REASONS: Final[dict[str, str]] = {
    "closed": "{practitioner} isn't in then.",
    "break": "{practitioner} isn't available then.",
    "away": "{practitioner} isn't available then.",
    "fully_booked": "{practitioner} is fully booked then.",
    "calendar_stale": "I can't see {practitioner}'s calendar right now.",
}
NOTHING_FREE: Final = "fully_booked"


def refuse(outcome: Outcome, language: str = ENGLISH) -> str:
    """The sentence of an outcome that needs no details."""
    return say(language, REFUSED[outcome])


def speak_reason(language: str, reason: str | None, practitioner: str | None = None) -> str:
    """Why there is nothing: a code of check_availability, of the practitioner who was asked for."""
    if reason not in CLINIC_REASONS:
        reason = NOTHING_FREE
    if practitioner is not None and reason in PRACTITIONER_REASONS:
        return say(language, PRACTITIONER_REASONS[reason], practitioner=practitioner)
    return say(language, CLINIC_REASONS[reason])


def speak_alternatives(language: str, spoken: Sequence[str]) -> str:
    """`I could offer A, B, or C.`, of moments as they are spoken; "" for none."""
    if not spoken:
        return ""
    return say(language, "I could offer {times}.", times=speak_either(language, spoken))
