"""Request bodies as Vapi sends them, invented after the fields it documents. No test in here."""

import json
from collections.abc import Mapping, Sequence

from tests.printed import plant

TWILIO_TOKEN = plant("the vendor's token", "twilio-auth-token-5f3a")
CONTROL_URL = "https://phone-call-websocket.example.test/7420f27a/control"

CALL_ID = "7420f27a-30fd-4f49-a995-5549ae7cc00d"
PHONE_NUMBER_ID = "0f6b1d9e-7a0c-4c60-9a4e-0d2f3f1d9a11"
ASSISTANT_ID = "b0a5e4f3-7f5d-4d2b-8f43-6b8a8f6d2c55"
ACCOUNT_ID = "acc0acc0-0000-4000-8000-000000000001"
DIALLED = "+442079460123"
CALLER = plant("a caller's number", "+447700900123")
SENT_AT_MS = 1777907426083


def tool_call(
    call_id: object = "call_1", name: str = "bookClinicAppointment", arguments: object = None
) -> dict[str, object]:
    """A call as on the wire: the arguments are an object."""
    if arguments is None:
        arguments = {"name": "Ana Ruiz", "scheduledAt": "2026-11-24T10:00"}
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
        "isPrecededByText": True,
    }


def envelope(
    calls: Sequence[Mapping[str, object]] = (),
    *,
    caller: str | None = CALLER,
    phone_number_id: str = PHONE_NUMBER_ID,
    dialled: str = DIALLED,
    assistant_id: str = ASSISTANT_ID,
    call_id: str = CALL_ID,
    metadata: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """A whole `tool-calls` body of the wire shape, secrets and stale call status included."""
    customer = {} if caller is None else {"number": caller, "sipUri": f"sip:{caller}@test"}
    line = {"id": phone_number_id, "number": dialled, "assistantId": assistant_id}
    message: dict[str, object] = {
        "timestamp": SENT_AT_MS,
        "type": "tool-calls",
        "toolCalls": list(calls),
        "toolCallList": list(calls),
        "toolWithToolCallList": [_with_tool(call) for call in calls],
        "artifact": _artifact(calls),
        "call": {
            "id": call_id,
            "orgId": ACCOUNT_ID,
            "createdAt": "2026-05-04T15:10:02.118Z",
            "type": "inboundPhoneCall",
            "status": "ringing",
            "phoneNumberId": phone_number_id,
            "assistantId": assistant_id,
            "customer": customer,
            "monitor": {"listenUrl": "wss://example.test/listen", "controlUrl": CONTROL_URL},
            "transport": {"provider": "twilio", "callSid": "CA0123"},
        },
        "phoneNumber": {
            **line,
            "orgId": ACCOUNT_ID,
            "provider": "twilio",
            "twilioAccountSid": "AC0123",
            "twilioAuthToken": TWILIO_TOKEN,
        },
        "customer": customer,
        "assistant": {
            "id": assistant_id,
            "orgId": ACCOUNT_ID,
            "name": "Reception",
            "model": {"provider": "openai", "model": "gpt-4o", "maxTokens": 100},
            "metadata": dict(metadata or {}),
        },
    }
    return {"message": message}


def _with_tool(call: Mapping[str, object]) -> dict[str, object]:
    return {
        "type": "function",
        "function": {
            "name": "bookClinicAppointment",
            "description": "Books an appointment.",
            "parameters": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
        "async": False,
        "server": {
            "url": "https://clinic.example.test/api/vapi",
            "timeoutSeconds": 12,
            "secret": "tool-server-secret-77",
            "headers": {"X-Clinic": "header-secret-88"},
        },
        "parameters": [{"key": "caller_number", "value": "{{ customer.number }}"}],
        "messages": [{"type": "request-start", "content": "One moment."}],
        "toolCall": dict(call),
    }


def _artifact(calls: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The history, in which the arguments are a string, unlike in the lists."""
    return {
        "messages": [
            {"role": "system", "message": "You are the receptionist.", "time": SENT_AT_MS - 9000},
            {"role": "user", "message": "Tuesday at ten, please.", "time": SENT_AT_MS - 2000},
            {"role": "tool_calls", "toolCalls": [stringified(call) for call in calls]},
        ],
        "variableValues": {"now": "May 4, 2026, 3:10 PM UTC", "customer": {"number": CALLER}},
    }


def stringified(call: Mapping[str, object]) -> dict[str, object]:
    """The same call as the published types have it: the arguments are a JSON string."""
    function = call["function"]
    assert isinstance(function, dict)
    return {**call, "function": {**function, "arguments": json.dumps(function["arguments"])}}


def function_call(
    name: str = "bookClinicAppointment", parameters: object = None
) -> dict[str, object]:
    """A legacy `function-call` body, answered with {"result": …}."""
    call = {"id": CALL_ID, "phoneNumberId": PHONE_NUMBER_ID, "customer": {"number": CALLER}}
    function = {"name": name, "parameters": parameters}
    return {"message": {"type": "function-call", "functionCall": function, "call": call}}


def direct(
    arguments: object, call_id: object = "t1", org_id: str | None = None
) -> dict[str, object]:
    """The direct shape, with an organization's claim when one is given."""
    body: dict[str, object] = {"toolCallId": call_id, "tool": {"arguments": arguments}}
    if org_id is not None:
        body["metadata"] = {"org_id": org_id}
    return body
