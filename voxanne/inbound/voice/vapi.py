"""Vapi's request shapes, read; its response shapes, rendered. Pure, and nothing is copied.

The shapes were collected from Vapi's documents, its published types and captured bodies, which
disagree with each other; so everything is read tolerantly and nothing here trusts a type.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

TOOL_CALLS_MAX = 20
IDENTIFIER_CHARACTERS_MAX = 200
ORGANIZATION_CHARACTERS_MAX = 64
INVALID_CLAIM = "invalid"

# What carriers and platforms send in place of a number. The digits are Twilio's: the words
# anonymous, unknown, restricted, unavailable and blocked, typed on a telephone's keys.
_WITHHELD_WORDS = ("anonymous", "unknown", "restricted", "private", "withheld", "blocked")
_EMPTY_WORDS = ("unavailable", "null", "undefined", "none")
_WITHHELD_DIGITS = ("+266696687", "+8656696", "+7378742833", "+86282452253", "+2562533")
WITHHELD_NUMBERS = frozenset({*_WITHHELD_WORDS, *_EMPTY_WORDS, *_WITHHELD_DIGITS})

_TOOL_CALL_TYPES = frozenset({None, "tool-calls", "function-call"})
_LIST_KEYS = ("toolCallList", "toolCalls", "toolWithToolCallList")
_LINE_SEPARATORS = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_EMPTY: Mapping[str, object] = {}


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_STRICT_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


class InvalidBody(ValueError):  # noqa: N818 - named for what it says
    """The request's JSON is not an object."""


class Shape(StrEnum):
    """How the request was wrapped, which is how the answer must be."""

    ENVELOPE = "envelope"  # {"message": {...}}, or the same without the wrapper
    FUNCTION_CALL = "function-call"  # legacy: {"message": {"type": "function-call", ...}}
    DIRECT = "direct"  # {"toolCallId": ..., "tool": {"arguments": ...}}
    BARE = "bare"  # an apiRequest tool: the arguments and nothing else


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call. Without a usable id `id` is ""; `arguments` are None when unreadable."""

    id: str
    name: str | None
    arguments: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class Line:
    """What was dialled, as far as the request says."""

    phone_number_id: str | None
    number: str | None
    assistant_id: str | None


@dataclass(frozen=True, slots=True)
class VoiceRequest:
    """A request, whatever its shape.

    `message_type` is None for DIRECT and BARE. `message` is the `message` object or the body
    itself. `caller` is as sent, None when withheld or reachable over SIP only. Identity comes from
    signalling and headers only, never from a tool's arguments, which a model writes.
    `claimed_organizations` prove nothing: they can only contradict what the credential says.
    """

    shape: Shape
    message_type: str | None
    calls: tuple[ToolCall, ...]
    line: Line
    caller: str | None
    call_id: str | None
    claimed_organizations: tuple[str, ...]
    message: Mapping[str, object]
    sent_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one tool call is answered with: a JSON object, and whether it counts as an error."""

    payload: Mapping[str, object]
    is_error: bool = False


def parse_request(
    body: object, headers: Mapping[str, str], tool_name: str | None = None
) -> VoiceRequest:
    """Read a decoded JSON body. `headers` have lower-case names; `tool_name` is the URL's.

    Reads at most TOOL_CALLS_MAX calls: the rest are dropped and get no answer. Ids, names and line
    fields that are longer than IDENTIFIER_CHARACTERS_MAX or not printable count as missing;
    arguments are handed on untouched, NUL and lone surrogates included.
    Raises InvalidBody when the body is not an object, and nothing else.
    """
    if not isinstance(body, dict):
        raise InvalidBody("The request's body must be a JSON object.")
    shape, message = _recognize(body, tool_name)
    message_type = None
    if shape in (Shape.ENVELOPE, Shape.FUNCTION_CALL):
        message_type = _message_type(shape, message)
    # A bare body's fields are the model's arguments: a `call` or `customer` among them is no fact.
    signalled = _EMPTY if shape is Shape.BARE else message
    call = _object(signalled.get("call"))
    return VoiceRequest(
        shape=shape,
        message_type=message_type,
        calls=_calls(shape, message, message_type, tool_name),
        line=_line(signalled, call, headers),
        caller=_caller(signalled, call, headers),
        call_id=_first(
            call.get("id"), _object(signalled.get("chat")).get("id"), _header(headers, "x-call-id")
        ),
        claimed_organizations=_claims(shape, body, signalled, call, headers),
        message=message,
        sent_at_ms=_sent_at_ms(signalled.get("timestamp")),
    )


def render_results(shape: Shape, answers: Sequence[tuple[ToolCall, Answer]]) -> dict[str, object]:
    """The response body for a request of this shape: one entry per call, in order.

    FUNCTION_CALL, DIRECT and BARE have room for one answer: the first.
    """
    if shape is Shape.ENVELOPE:
        return {"results": [_result(call, answer) for call, answer in answers]}
    if not answers:
        return {}
    call, answer = answers[0]
    if shape is Shape.FUNCTION_CALL:
        return {"result": compact_json(answer.payload)}
    if shape is Shape.DIRECT:
        return {"toolCallId": call.id, "result": _encodable(answer.payload)}
    return _encodable(answer.payload)


def compact_json(payload: Mapping[str, object]) -> str:
    """One line of JSON: no character that any reader takes for a line break, no lone surrogate.

    Vapi takes a result with a line break for no result at all.
    """
    text = json.dumps(dict(payload), separators=(",", ":"), ensure_ascii=False)
    if text.isascii():
        return text
    return _SURROGATE.sub("\ufffd", text.translate(_LINE_SEPARATORS))


def _result(call: ToolCall, answer: Answer) -> dict[str, object]:
    """An entry of `results`. `name` is required by Vapi's schema, so it's never left out."""
    key = "error" if answer.is_error else "result"
    return {"name": call.name or "", "toolCallId": call.id, key: compact_json(answer.payload)}


def _encodable(payload: Mapping[str, object]) -> dict[str, object]:
    """The payload as a dict that UTF-8 can carry; it's rebuilt only when it holds a surrogate."""
    plain = dict(payload)
    if _SURROGATE.search(json.dumps(plain, ensure_ascii=False)):
        cleaned: dict[str, object] = json.loads(compact_json(plain))
        return cleaned
    return plain


def _recognize(
    body: dict[str, object], tool_name: str | None
) -> tuple[Shape, Mapping[str, object]]:
    """The shape, and the object that plays the part of `message`."""
    message = body.get("message")
    if isinstance(message, dict):
        return _wrapped_shape(message), message
    tool = body.get("tool")
    if "toolCallId" in body or (isinstance(tool, dict) and "arguments" in tool):
        return Shape.DIRECT, body
    flat = any(isinstance(body.get(key), list) for key in _LIST_KEYS)
    flat = flat or body.get("type") == "tool-calls" or isinstance(body.get("functionCall"), dict)
    # At the endpoint for all messages a bare body has no meaning, and a `type` names an event.
    if flat or (tool_name is None and _identifier(body.get("type"))):
        return _wrapped_shape(body), body
    return Shape.BARE, body


def _wrapped_shape(message: Mapping[str, object]) -> Shape:
    if any(message.get(key) for key in _LIST_KEYS):
        return Shape.ENVELOPE
    kind = message.get("type")
    if isinstance(message.get("functionCall"), dict):
        legacy = kind in (None, "function-call")
    else:
        legacy = kind == "function-call" and not any(key in message for key in _LIST_KEYS)
    return Shape.FUNCTION_CALL if legacy else Shape.ENVELOPE


def _message_type(shape: Shape, message: Mapping[str, object]) -> str | None:
    """`type`, or what the message must be when it carries calls but no type."""
    named = _identifier(message.get("type"))
    if named:
        return named
    if shape is Shape.FUNCTION_CALL:
        return "function-call"
    return "tool-calls" if any(key in message for key in _LIST_KEYS) else None


def _calls(
    shape: Shape, message: Mapping[str, object], message_type: str | None, tool_name: str | None
) -> tuple[ToolCall, ...]:
    match shape:
        case Shape.BARE:
            if tool_name is None or not isinstance(message, dict):
                return ()
            return (ToolCall("", tool_name, message),)
        case Shape.DIRECT:
            tool, call_id = message.get("tool"), message.get("toolCallId")
            source = message if tool is None else tool
            if isinstance(source, dict):
                return (_tool_call(source, tool_name, call_id),)
            return (ToolCall(_identifier(call_id), tool_name, None),)
        case Shape.FUNCTION_CALL:
            function = message.get("functionCall")
            if isinstance(function, dict):
                return (_tool_call(function, tool_name),)
            return (ToolCall("", tool_name, None),)
    # No other message runs a tool, whatever lists it carries, unless the URL names the tool.
    if tool_name is None and message_type not in _TOOL_CALL_TYPES:
        return ()
    for key in _LIST_KEYS:
        calls = _distinct(_listed(message.get(key), tool_name, nested=key == _LIST_KEYS[2]))
        if calls:
            return calls
    return ()


def _listed(value: object, tool_name: str | None, *, nested: bool) -> Iterator[ToolCall]:
    """The calls in one of the three lists; `toolWithToolCallList` holds them one level deeper."""
    if not isinstance(value, list):
        return
    for element in value:
        if not isinstance(element, dict):
            continue
        if not nested:
            yield _tool_call(element, tool_name)
        elif isinstance(inner := element.get("toolCall"), dict):
            yield _tool_call(inner, _tool_call_name(element) or tool_name)


def _distinct(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """The first of each id, up to TOOL_CALLS_MAX. Calls without an id are all different."""
    kept: list[ToolCall] = []
    seen: set[str] = set()
    for call in calls:
        if call.id and call.id in seen:
            continue
        seen.add(call.id)
        kept.append(call)
        if len(kept) == TOOL_CALLS_MAX:
            break
    return tuple(kept)


def _tool_call(
    source: Mapping[str, object], default_name: str | None, call_id: object = None
) -> ToolCall:
    identifier = (
        _identifier(call_id)
        or _identifier(source.get("id"))
        or _identifier(source.get("toolCallId"))
    )
    function = _object(source.get("function"))
    arguments: object = None
    for holder in (function, source):
        for key in ("arguments", "parameters"):
            if arguments is None:
                arguments = holder.get(key)
    name = _tool_call_name(source) or default_name
    return ToolCall(identifier, name, _read_arguments(arguments))


def _tool_call_name(source: Mapping[str, object]) -> str | None:
    return _first(_object(source.get("function")).get("name"), source.get("name"))


def _read_arguments(value: object) -> dict[str, object] | None:
    """An object, or a string that holds one. Nothing at all is an empty object."""
    if isinstance(value, str):
        if not value.strip():
            return {}
        try:
            value = _STRICT_JSON.decode(value)
        except (ValueError, RecursionError):
            return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def _line(
    message: Mapping[str, object], call: Mapping[str, object], headers: Mapping[str, str]
) -> Line:
    called = (_object(call.get("phoneNumber")), _object(message.get("phoneNumber")))
    assistants = (_object(call.get("assistant")), _object(message.get("assistant")))
    return Line(
        phone_number_id=_first(call.get("phoneNumberId"), *(place.get("id") for place in called)),
        number=_first(*(place.get("number") for place in called), _header(headers, "x-called")),
        assistant_id=_first(call.get("assistantId"), *(place.get("id") for place in assistants)),
    )


def _caller(
    message: Mapping[str, object], call: Mapping[str, object], headers: Mapping[str, str]
) -> str | None:
    """The first number named. If that one is withheld, no other place is asked."""
    number = _first(
        _object(call.get("customer")).get("number"),
        _object(message.get("customer")).get("number"),
        _object(call.get("from")).get("phoneNumber"),
        _header(headers, "x-caller"),
    )
    if number is None:
        return None
    folded = number.lower()
    over_internet = "@" in folded or folded.startswith(("sip:", "sips:", "client:"))
    return None if over_internet or folded in WITHHELD_NUMBERS else number


def _claims(
    shape: Shape,
    body: Mapping[str, object],
    message: Mapping[str, object],
    call: Mapping[str, object],
    headers: Mapping[str, str],
) -> tuple[str, ...]:
    """Every organization the request names for itself. `orgId` is Vapi's account, so not it."""
    overrides = _object(call.get("assistantOverrides"))
    places = (
        body if shape is Shape.DIRECT else _EMPTY,
        _object(body.get("metadata")),
        _object(message.get("metadata")),
        _object(call.get("metadata")),
        _object(_object(message.get("assistant")).get("metadata")),
        _object(_object(call.get("assistant")).get("metadata")),
        _object(overrides.get("metadata")),
        _object(overrides.get("variableValues")),
    )
    values = [place.get(key) for place in places for key in ("org_id", "organization_id")]
    claims = (_claim(value) for value in (*values, headers.get("x-org-id")))
    return tuple(dict.fromkeys(claim for claim in claims if claim))


def _claim(value: object) -> str:
    """The organization named, "" for none. One that can't be read must still contradict."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return INVALID_CLAIM
    value = value.strip()
    usable = len(value) <= ORGANIZATION_CHARACTERS_MAX and value.isprintable()
    return value if usable else INVALID_CLAIM


def _sent_at_ms(value: object) -> int | None:
    """`timestamp` in Unix milliseconds: a number, or an ISO string as bodies of 2024 had it."""
    if isinstance(value, str) and len(value) <= IDENTIFIER_CHARACTERS_MAX:
        digits = value.isascii() and value.isdecimal()
        value = int(value) if digits else _iso_to_ms(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # From 2001 to 5138; anything else, not-a-number included, is no time of a call in ms.
    return int(value) if 10**12 <= value < 10**14 else None


def _iso_to_ms(value: str) -> int | None:
    try:
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else _EMPTY


def _header(headers: Mapping[str, str], name: str) -> str:
    """A header's value; "" for a template that the platform sent without filling it in."""
    value = headers.get(name, "")
    return "" if "{{" in value else value


def _first(*values: object) -> str | None:
    """The first value that says something, without surrounding blanks."""
    for value in values:
        if text := _identifier(value).strip():
            return text
    return None


def _identifier(value: object) -> str:
    """A string as it is and a number in digits; "" when it can't be an id, a name or a number."""
    if isinstance(value, str):
        usable = len(value) <= IDENTIFIER_CHARACTERS_MAX and value.isprintable()
        return value if usable and not value.isspace() else ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(value) if -(10**20) < value < 10**20 else ""
