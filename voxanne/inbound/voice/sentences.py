"""What the agent says: one sentence per outcome, in words a caller understands.

Dates and times are spoken by `speech`, questions about a date by `dates`.
"""

from typing import Final

from voxanne.booking.outcomes import Outcome

REFUSED: Final[dict[Outcome, str]] = {
    Outcome.SLOT_UNAVAILABLE: "I'm sorry, that time is already taken. Which other time would suit "
    "you?",
    Outcome.INVALID_ORGANIZATION: "I'm sorry, this line isn't set up for bookings yet.",
    Outcome.INVALID_PHONE: "I need a phone number with its area code. Could you say it once more?",
    Outcome.INVALID_EMAIL: "That e-mail address doesn't seem right. Could you spell it for me, or "
    "shall we leave it out?",
    Outcome.INVALID_NAME: "I need the patient's name for the booking. Could you say it once more?",
    Outcome.INVALID_DATE: "I didn't get the day and time. Which day and time would you like?",
    Outcome.INVALID_DURATION: "An appointment lasts between one minute and a day. How long should "
    "it be?",
    Outcome.INVALID_ARGUMENTS: "I couldn't read the details of that request. Could we go through "
    "them once more?",
    Outcome.DATE_IN_PAST: "That time has already passed. Which day and time would you like?",
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
    Outcome.BUSY: "The booking system isn't answering right now. Please try again in a moment.",
    Outcome.FORBIDDEN_ORGANIZATION: "I'm sorry, this line isn't set up for that clinic.",
    Outcome.IDEMPOTENCY_MISMATCH: "This request was already made with other details. Please make "
    "it anew.",
    Outcome.INTERNAL_ERROR: "Something went wrong on our side, and nothing was changed. Please try "
    "again.",
}


def refuse(outcome: Outcome) -> str:
    """The sentence of an outcome that needs no details."""
    return REFUSED.get(outcome, REFUSED[Outcome.INTERNAL_ERROR])
