"""The bytes of a tool call as the voice platform sends it: whole assistant, history and all.

About 6 kB, cut into pieces once, so that making a request costs the load generator next to nothing.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

_FIELDS: Final = (
    *("call", "tool_call", "caller", "name", "scheduled_at", "practitioner", "appointment"),
)
_MARK: Final = re.compile(r"@@(" + "|".join(_FIELDS) + ")@@")
_ACCOUNT: Final = "acc0acc0-0000-4000-8000-000000000001"
_ASSISTANT: Final = "b0a5e4f3-7f5d-4d2b-8f43-6b8a8f6d2c55"
_LINE: Final = "0f6b1d9e-7a0c-4c60-9a4e-0d2f3f1d9a11"
_PROMPT: Final = (
    "You are the receptionist of a dental clinic. Greet the caller, find out what they need, and "
    "book an appointment for them. Ask for the name, the reason for the visit, the day and the "
    "time, one question at a time, and read the appointment back before you book it. Never promise "
    "a time before the tool has confirmed it. If the tool refuses, say what it said and offer what "
    "it offers. Never talk about another patient. Today is {{now}}. "
)


class Template:
    """Requests for one tool. `arguments`: of the model, with `@@field@@` where a request has a
    value of its own; `keys`: of the clinics, by whose position a request names one.
    """

    def __init__(
        self, tool: str, arguments: Mapping[str, str], host: str, keys: Sequence[str]
    ) -> None:
        pieces = _MARK.split(json.dumps(_body(tool, arguments), separators=(",", ":")))
        self._constants, self._fields = pieces[::2], pieces[1::2]
        self._constant_bytes = sum(len(piece) for piece in self._constants)
        self._heads = [_head(tool, host, key) for key in keys]

    def request(self, clinic: int, values: Mapping[str, str]) -> bytes:
        filled = [values[field] for field in self._fields]
        parts = [""] * (2 * len(filled) + 1)
        parts[::2], parts[1::2] = self._constants, filled
        length = self._constant_bytes + sum(map(len, filled))
        return self._heads[clinic] + f"{length}\r\n\r\n{''.join(parts)}".encode()


def tool_of(request: bytes) -> str:
    """Which tool a Template's request calls."""
    return request[: request.index(b" HTTP/")].rpartition(b"/")[2].decode()


def _head(tool: str, host: str, key: str) -> bytes:
    """Everything up to the value of Content-Length, which comes last."""
    return (
        f"POST /api/vapi/tools/{tool} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        "User-Agent: axios/1.7.9\r\nAccept: application/json, text/plain, */*\r\n"
        "Content-Type: application/json\r\nX-Call-Id: {{call.id}}\r\nContent-Length: "
    ).encode()


def _body(tool: str, arguments: Mapping[str, str]) -> dict[str, object]:
    customer = {"number": "@@caller@@", "sipUri": "sip:@@caller@@@carrier.test"}
    line = {"id": _LINE, "number": "+12125550100", "assistantId": _ASSISTANT}
    call = _tool_call(tool, arguments)
    return {
        "message": {
            "timestamp": 1795255200000,
            "type": "tool-calls",
            "toolCalls": [call],
            "toolCallList": [call],
            "toolWithToolCallList": [{**_tool(tool), "toolCall": call}],
            "artifact": _artifact(),
            "call": {
                "id": "@@call@@",
                "orgId": _ACCOUNT,
                "createdAt": "2026-11-21T09:59:02.118Z",
                "updatedAt": "2026-11-21T09:59:02.118Z",
                "type": "inboundPhoneCall",
                "status": "ringing",
                "phoneNumberId": _LINE,
                "assistantId": _ASSISTANT,
                "customer": customer,
                "monitor": {
                    "listenUrl": "wss://voice.test/listen",
                    "controlUrl": "https://voice.test/",
                },
                "transport": {"provider": "twilio", "callSid": "CA0123456789abcdef0123456789"},
            },
            "phoneNumber": {**line, "orgId": _ACCOUNT, "provider": "twilio", "name": "Front desk"},
            "customer": customer,
            "assistant": {
                "id": _ASSISTANT,
                "orgId": _ACCOUNT,
                "name": "Reception",
                "voice": {"provider": "11labs", "voiceId": "sarah", "stability": 0.5},
                "transcriber": {"provider": "deepgram", "model": "nova-3", "language": "en"},
                "model": {
                    "provider": "openai",
                    "model": "gpt-4o",
                    "maxTokens": 250,
                    "temperature": 0.2,
                    "messages": [{"role": "system", "content": _PROMPT * 2}],
                },
                "firstMessage": "Thank you for calling. How can I help you today?",
                "serverMessages": ["tool-calls", "end-of-call-report", "status-update"],
                "metadata": {},
            },
        }
    }


def _tool_call(tool: str, arguments: Mapping[str, str]) -> dict[str, object]:
    return {
        "id": "@@tool_call@@",
        "type": "function",
        "function": {"name": tool, "arguments": dict(arguments)},
        "isPrecededByText": True,
    }


def _tool(tool: str) -> dict[str, object]:
    texts = {"type": "string", "description": "As the caller said it, in plain words."}
    return {
        "type": "function",
        "function": {
            "name": tool,
            "description": "Books an appointment. Say only what its message says.",
            "parameters": {
                "type": "object",
                "properties": dict.fromkeys(("name", "scheduledAt", "serviceType", "email"), texts),
                "required": ["name", "scheduledAt"],
            },
        },
        "async": False,
        "server": {"url": "https://clinic.test/api/vapi", "timeoutSeconds": 20},
        "messages": [{"type": "request-start", "content": "One moment, please."}],
    }


def _artifact() -> dict[str, object]:
    said = (
        ("system", _PROMPT),
        ("bot", "Thank you for calling. How can I help you today?"),
        ("user", "Hello, this is @@name@@, I'd like to come in for a consultation."),
        ("bot", "Of course. Which day and time would suit you?"),
        ("user", "Would @@scheduled_at@@ be possible?"),
    )
    openai = [{"role": role, "content": text} for role, text in said]
    messages = [
        {"role": role, "message": text, "time": 1795255200000 + 4000 * n, "secondsFromStart": 4 * n}
        for n, (role, text) in enumerate(said)
    ]
    return {
        "messages": messages,
        "messagesOpenAIFormatted": openai,
        "variableValues": {
            "now": "Nov 21, 2026, 10:00 AM UTC",
            "customer": {"number": "@@caller@@"},
        },
    }
