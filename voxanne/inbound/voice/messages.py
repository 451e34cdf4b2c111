"""Replies to what a voice platform sends besides tool calls. Facts: Vapi's server messages."""

from collections.abc import Mapping

TRANSFER_REFUSED = "I'm sorry, I can't put you through right now. May I take a message?"
NO_ASSISTANT = "I'm sorry, this number isn't set up yet. Please call again later."


def reply_to(kind: str | None, message: Mapping[str, object]) -> dict[str, object]:
    """What the platform expects for a message of this type; `{}` where it expects nothing."""
    match kind:
        case "assistant-request":
            return {"error": NO_ASSISTANT}
        case "transfer-destination-request" | "handoff-destination-request":
            return {"error": TRANSFER_REFUSED}
        case "knowledge-base-request":
            return {"documents": []}
        case _:
            return {}
