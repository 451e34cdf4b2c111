"""The assistant that answers a call, told what holds for this clinic now.

Where the clinic has one at the platform, it gets the clinic's facts as variables; otherwise one is
made for the call, from the same prompt and tools. It names no server: the platform then asks the
number's own, which is known to carry a credential.
"""

from typing import Any, Final

from babel import Locale

from voxanne.inbound.voice.prompt import PROMPT
from voxanne.inbound.voice.schemas import TOOL_SCHEMAS
from voxanne.inbound.voice.tools import Caller
from voxanne.inbound.voice.tools.clinic_facts import (
    ClinicFacts,
    speak_hours,
    speak_practitioners,
    speak_services,
    weekday_names,
)
from voxanne.language.catalogue import say
from voxanne.language.speech import speak_time

NAME_CHARACTERS_MAX: Final = 40
SERVER_MESSAGES: Final = (
    "tool-calls",
    "transfer-destination-request",
    "status-update",
    "end-of-call-report",
    "language-change-detected",
    "hang",
)
# The platform's own tool moves the call: without destinations it asks our server for one.
PLATFORM_TRANSFER: Final[dict[str, Any]] = {"type": "transferCall", "destinations": []}


def assistant_for_call(caller: Caller, facts: ClinicFacts) -> dict[str, object]:
    """The reply to an `assistant-request`."""
    overrides = {"variableValues": variables(caller, facts)}
    if caller.clinic.assistant_id is not None:
        return {"assistantId": caller.clinic.assistant_id, "assistantOverrides": overrides}
    return {"assistant": _transient(caller), "assistantOverrides": overrides}


def variables(caller: Caller, facts: ClinicFacts) -> dict[str, str]:
    """What the prompt names, and the time: in the clinic's zone and the caller's language."""
    now = caller.local(caller.now)
    return {
        "clinic": caller.clinic.name,
        "today": now.date().isoformat(),
        "weekday": weekday_names(caller.locale)[now.weekday()],
        "localTime": speak_time(now.time(), locale=caller.locale),
        "timezone": caller.clinic.timezone,
        "hours": speak_hours(facts, caller),
        "services": speak_services(facts, caller),
        "practitioners": speak_practitioners(facts, caller),
        "address": facts.address or "",
        "language": str(Locale.parse(caller.language).get_display_name("en")),
    }


def _transient(caller: Caller) -> dict[str, object]:
    """Vapi's default of 100 tokens would cut a tool's arguments off."""
    greeting = say(
        caller.language,
        "Thank you for calling {clinic}. How can I help you?",
        clinic=caller.clinic.name,
    )
    return {
        "name": caller.clinic.name[:NAME_CHARACTERS_MAX].strip(),
        "firstMessage": greeting,
        "model": {
            "provider": "openai",
            "model": "gpt-4.1",
            "temperature": 0.3,
            "maxTokens": 400,
            "messages": [{"role": "system", "content": PROMPT}],
            "tools": [*_FUNCTION_TOOLS, PLATFORM_TRANSFER],
        },
        "transcriber": {"provider": "deepgram", "model": "nova-3", "language": caller.language},
        "serverMessages": list(SERVER_MESSAGES),
        "metadata": {"org_id": str(caller.clinic.id)},
    }


_FUNCTION_TOOLS: Final = [
    {
        "type": "function",
        "async": False,
        "function": {
            "name": schema.name,
            "description": schema.description,
            "parameters": schema.parameters,
        },
    }
    for schema in TOOL_SCHEMAS
    if schema.name != "transferCall"
]
