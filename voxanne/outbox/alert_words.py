"""What an alert tells staff, by its kind. No ids, and never a patient's details."""

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "delivery_failed": "A message or calendar entry could not be delivered, and is given up.",
    "calendar_broken": "A calendar connection is broken. Connect it again; what waits follows.",
    "calendar_stale": "A calendar couldn't be read for longer than the clinic allows.",
    "calendar_conflict": "The calendar and the diary disagree about an appointment.",
    "webhook_disabled": "A webhook failed for so long that it was turned off.",
    "sms_broken": "The text message account is refused: set it again.",
    "sms_opt_out_word": "A patient texted a word that stops all texts, and may want to cancel.",
    "emergency": "A caller described an emergency.",
    "emergency_message": "A caller left an emergency message.",
    "high_message": "A caller left an urgent message.",
    "promise_mismatch": "A caller was told something that the diary doesn't have.",
}
OTHER_WORDS: Final = "Something needs a look."
