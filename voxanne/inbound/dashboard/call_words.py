"""What is said of calls on their pages: platforms' codes and the check's rules in plain words."""

from collections.abc import Mapping
from typing import Final

from voxanne.promises.check import Rule

# Vapi has hundreds of these and makes new ones; the rest are their own words, made readable.
END_REASONS: Final[Mapping[str, str]] = {
    "customer-ended-call": "The caller hung up",
    "assistant-ended-call": "The agent ended the call",
    "assistant-said-end-call-phrase": "The agent said goodbye",
    "assistant-forwarded-call": "Put through to a person",
    "silence-timed-out": "Nobody spoke any more",
    "exceeded-max-duration": "The longest duration was reached",
    "voicemail": "A voicemail answered",
    "customer-busy": "The line was busy",
    "customer-did-not-answer": "Nobody answered",
    "customer-did-not-give-microphone-permission": "The browser gave no microphone",
    "manually-canceled": "Cancelled before it began",
    "twilio-failed-to-connect-call": "The carrier couldn't connect the call",
    "vonage-failed-to-connect-call": "The carrier couldn't connect the call",
    "phone-call-provider-closed-websocket": "The carrier dropped the call",
    "assistant-not-found": "The line's assistant doesn't exist",
    "assistant-request-failed": "The line had no assistant: it couldn't be asked for",
    "assistant-request-returned-error": "The line had no assistant: asking for it failed",
    "assistant-join-timed-out": "The agent didn't join in time",
    "worker-shutdown": "The platform restarted in mid-call",
}
PROMISES: Final[Mapping[str, tuple[str, str]]] = {
    "unchecked": ("not checked yet", "neutral"),
    "none": ("nothing promised", "neutral"),
    "kept": ("kept", "ok"),
    "mismatch": ("mismatch", "bad"),
    "unclear": ("look at it", "warn"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    "booked": "booked",
    "moved": "moved",
    "cancelled": "cancelled",
    "message": "message",
    "waitlist": "waitlist",
}
SOURCES: Final[Mapping[str, str]] = {
    "inbound": "Phone",
    "outbound": "Phone, called by us",
    "web": "Web call",
    "chat": "Chat",
}
# What was said; and what the diary has, with {at} where it has a time.
RULES: Final[Mapping[str, tuple[str, str]]] = {
    Rule.BOOKED_NOT_FOUND: (
        "The caller was told that an appointment is booked.",
        "There is no such appointment.",
    ),
    Rule.OTHER_DAY: ("The caller was told another day.", "{at}"),
    Rule.OTHER_TIME: ("The caller was told another time.", "{at}"),
    Rule.CANCELLED_STILL_THERE: (
        "The caller was told that the appointment is cancelled.",
        "It still stands: {at}",
    ),
    Rule.MOVED_NOT_MOVED: (
        "The caller was told that the appointment is moved.",
        "It wasn't moved: {at}",
    ),
    Rule.CANCELLED_NOT_FOUND: (
        "The caller was told that an appointment is cancelled.",
        "There is none at that time under this number.",
    ),
    Rule.MESSAGE_NOT_FOUND: (
        "The caller was told that a message is passed on.",
        "No message was left in this call.",
    ),
    Rule.WAITLIST_NOT_FOUND: (
        "The caller was told that they are on the waitlist.",
        "They aren't on it.",
    ),
    Rule.WILL_BOOK: (
        "The agent was about to book when the call ended.",
        "Nothing was booked in this call.",
    ),
    Rule.BOOKED_BUT_SAID_NOT: (
        "The caller was told that nothing is booked.",
        "Booked all the same: {at}",
    ),
    Rule.MODEL: (
        "The language model finds that the caller was told something else.",
        "See the appointments below.",
    ),
}
NOT_IN_DIARY: Final = "there is none"


def end_reason(code: str | None) -> str:
    """In words: the platform's own, made readable, where we have none."""
    if code is None:
        return ""
    if code in END_REASONS:
        return END_REASONS[code]
    words = " ".join(code.replace(".", " ").replace("-", " ").replace("_", " ").split())
    return words[:1].upper() + words[1:]
