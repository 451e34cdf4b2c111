"""Why a text message didn't get there, by Twilio's code, in words for staff.

Source: https://www.twilio.com/docs/api/errors
"""

from typing import Final

OPTED_OUT: Final = "21610"

_SENTENCES: Final = {
    "21211": "The phone number can't be reached by text message: it doesn't exist.",
    "21408": "The account may not send text messages to the number's country.",
    "21610": "The patient has opted out of text messages from this number.",
    "21612": "The carrier takes no text messages from our number to the patient's.",
    "21614": "The phone number can't receive text messages: it is no mobile number.",
    "30003": "The phone was unreachable: switched off or out of service.",
    "30004": "The phone or its carrier blocks our messages.",
    "30005": "The phone number is unknown to its carrier.",
    "30006": "The phone number is a landline, or its carrier takes no text messages.",
    "30007": "The carrier filtered the message as unwanted.",
    "30008": "The carrier didn't deliver the message and didn't say why.",
}


def sentence_of(code: str | None) -> str:
    """Never holds what the vendor wrote."""
    if code in _SENTENCES:
        return _SENTENCES[code]
    if code and code.isascii() and code.isdigit() and len(code) <= 6:
        return f"The message was not delivered (Twilio's error {code})."
    return "The message was not delivered."
