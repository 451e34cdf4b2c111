"""What a clinic has at Vapi, from the one template, and how it is worked into what is there.

Ours, and set by every push: the tools' functions and addresses, the marked part of the system
prompt, which of our tools the assistant has, its server, and its `metadata.org_id`. Set once, when
something is made, and the operator's from then on: name, first message, model, transcriber, time
limits and the sentences spoken while a tool works. Everything else is left as it is. No network in
here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from voxanne.inbound.voice.assistant import PLATFORM_TRANSFER, SERVER_MESSAGES
from voxanne.inbound.voice.schemas import TOOL_SCHEMAS, ToolSchema

Json = dict[str, Any]

ORGANIZATION_HEADER: Final = "X-Org-Id"
TIMEOUT_SECONDS: Final = 10
# Every call is safe to repeat: its id is the key of what it did.
BACKOFF: Final[Json] = {"type": "fixed", "maxRetries": 2, "baseDelaySeconds": 1}
FUNCTION_TOOLS: Final = tuple(schema for schema in TOOL_SCHEMAS if schema.name != "transferCall")
FUNCTION_NAMES: Final = frozenset(schema.name for schema in FUNCTION_TOOLS)

_BLOCK: Final = re.compile(r"<voxanne>.*?</voxanne>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Target:
    """Where Vapi shall send a clinic's calls, and as whom. `url` is the API's public address."""

    organization: UUID
    url: str
    credential_id: str | None

    def server(self, path: str) -> Json:
        """What every push sets of a server. The header may only agree with the credential."""
        server: Json = {
            "url": f"{self.url}{path}",
            "headers": {ORGANIZATION_HEADER: str(self.organization)},
        }
        return server | ({"credentialId": self.credential_id} if self.credential_id else {})

    def new_server(self, path: str) -> Json:
        return self.server(path) | {"timeoutSeconds": TIMEOUT_SECONDS, "backoffPlan": BACKOFF}


@dataclass(frozen=True, slots=True)
class Persona:
    """What the clinic's assistant is like. `assistant` is the one that is made for a call without
    a saved one; `prompt` has the clinic's words filled in; the others are said while a tool works.
    """

    assistant: Json
    prompt: str
    waiting: str
    failed: str


def new_tool(schema: ToolSchema, target: Target, persona: Persona) -> Json:
    """The body that makes a tool."""
    return {
        "type": "function",
        "async": False,
        "function": _function(schema),
        "server": target.new_server(f"/api/vapi/tools/{schema.name}"),
        "messages": [
            {"type": "request-start", "content": persona.waiting, "blocking": False},
            {"type": "request-failed", "content": persona.failed},
        ],
    }


def is_our_tool(tool: Json, name: str, target: Target) -> bool:
    """Whether this is the clinic's tool `name`: another clinic's may have the same address."""
    server = _object(tool.get("server"))
    named = _header(_object(server.get("headers")), ORGANIZATION_HEADER)
    return (
        tool.get("type") == "function"
        and function_name(tool) == name
        and server.get("url") == f"{target.url}/api/vapi/tools/{name}"
        and named.lower() == str(target.organization)
    )


def tool_changes(tool: Json, schema: ToolSchema, target: Target) -> Json:
    """The top-level fields to send so that the tool is as it should be; none when it is."""
    wanted = {
        "async": False,
        "function": _object(tool.get("function")) | _function(schema),
        "server": _merge(
            _object(tool.get("server")), target.server(f"/api/vapi/tools/{schema.name}")
        ),
    }
    return {field: value for field, value in wanted.items() if tool.get(field) != value}


def new_assistant(target: Target, persona: Persona, tool_ids: list[str]) -> Json:
    """The body that makes an assistant: the one for a call, with our server and saved tools."""
    model = persona.assistant["model"] | {
        "messages": _messages([], persona.prompt),
        "toolIds": tool_ids,
        "tools": [PLATFORM_TRANSFER],
    }
    return persona.assistant | {
        "model": model,
        "server": target.new_server("/api/vapi"),
        "metadata": {"org_id": str(target.organization)},
    }


def assistant_changes(
    assistant: Json,
    target: Target,
    persona: Persona,
    tool_ids: list[str],
    tools: Mapping[str, Json],
) -> Json:
    """The top-level fields to send; `model` whole, since Vapi replaces it whole.

    `tools` are the account's by id: one of another address that has a name of ours makes way.
    """
    wanted: Json = {
        "model": _model(_object(assistant.get("model")), persona, tool_ids, tools),
        "server": _merge(_object(assistant.get("server")), target.server("/api/vapi")),
        "metadata": _object(assistant.get("metadata")) | {"org_id": str(target.organization)},
    }
    messages = assistant.get("serverMessages")
    if isinstance(messages, list):  # unset, it is Vapi's default, which has ours
        wanted["serverMessages"] = list(dict.fromkeys([*messages, *SERVER_MESSAGES]))
    return {field: value for field, value in wanted.items() if assistant.get(field) != value}


def organization_of(assistant: Json) -> str | None:
    """The organization the assistant says it belongs to."""
    named = _object(assistant.get("metadata")).get("org_id")
    return named.lower() if isinstance(named, str) else None


def credential_of(assistant: Json) -> str | None:
    """The id of the stored credential that the assistant's requests are sent with."""
    credential = _object(assistant.get("server")).get("credentialId")
    return credential if isinstance(credential, str) else None


def function_name(tool: Json) -> str | None:
    name = _object(tool.get("function")).get("name")
    return name if isinstance(name, str) else None


def _function(schema: ToolSchema) -> Json:
    return {
        "name": schema.name,
        "description": schema.description,
        "parameters": schema.parameters,
    }


def _model(model: Json, persona: Persona, tool_ids: list[str], tools: Mapping[str, Json]) -> Json:
    pinned = {_object(pin).get("toolId") for pin in model.get("toolRefs") or ()}
    kept = [id_ for id_ in model.get("toolIds") or () if not _makes_way(id_, tool_ids, tools)]
    inline = [
        tool for tool in model.get("tools") or () if function_name(tool) not in FUNCTION_NAMES
    ]
    wanted = model | {
        "messages": _messages(model.get("messages") or [], persona.prompt),
        "toolIds": [*kept, *(id_ for id_ in tool_ids if id_ not in pinned and id_ not in kept)],
    }
    if not _transfers([*inline, *(tools.get(id_, {}) for id_ in kept)]):
        inline.append(PLATFORM_TRANSFER)
    return wanted | ({"tools": inline} if inline or "tools" in model else {})


def _makes_way(id_: str, ours: list[str], tools: Mapping[str, Json]) -> bool:
    return id_ not in ours and function_name(tools.get(id_, {})) in FUNCTION_NAMES


def _transfers(tools: Iterable[Json]) -> bool:
    return any(tool.get("type") == "transferCall" for tool in tools)


def _messages(messages: list[Json], prompt: str) -> list[Json]:
    """The messages with our marked part in the first system message, put there if it has none."""
    block = _block(prompt)
    for index, message in enumerate(messages):
        content = message.get("content")
        if message.get("role") == "system" and isinstance(content, str) and _BLOCK.search(content):
            changed = message | {"content": _BLOCK.sub(lambda _: block, content, count=1)}
            return [*messages[:index], changed, *messages[index + 1 :]]
    for index, message in enumerate(messages):
        if message.get("role") == "system" and isinstance(message.get("content"), str):
            changed = message | {"content": f"{block}\n\n{message['content']}"}
            return [*messages[:index], changed, *messages[index + 1 :]]
    return [{"role": "system", "content": block}, *messages]


def _block(prompt: str) -> str:
    return f"<voxanne>\n{prompt}\n</voxanne>"


def _merge(existing: Json, ours: Json) -> Json:
    """`ours` laid over what is there, object by object, so that what isn't ours stays."""
    merged = dict(existing)
    for key, value in ours.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            value = _merge(merged[key], value)
        merged[key] = value
    return merged


def _header(headers: Json, name: str) -> str:
    values = (value for key, value in headers.items() if key.lower() == name.lower())
    return str(next(values, ""))


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
