"""A push: read what a clinic has at Vapi, plan what must change, and carry it out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from voxanne.cli import vapi_template as template
from voxanne.cli.vapi_rest import Json, VapiError, VapiRest
from voxanne.cli.vapi_template import Persona, Target
from voxanne.inbound.voice.schemas import ToolSchema

Kind = Literal["tool", "assistant"]


@dataclass(frozen=True, slots=True)
class Account:
    """What there is at Vapi: every tool by its id, and the clinic's assistant, if it has one."""

    tools: dict[str, Json]
    assistant: Json | None


@dataclass(frozen=True, slots=True)
class Change:
    """One object at Vapi: `before` as it is there, `fields` what is sent to make it right.

    `id` is None for one that has to be made.
    """

    kind: Kind
    name: str
    id: str | None
    before: Json
    fields: Json

    @property
    def action(self) -> str:
        return "create" if self.id is None else "update"


@dataclass(frozen=True, slots=True)
class Push:
    """One clinic's push to one account. Every method raises VapiError."""

    rest: VapiRest
    target: Target
    persona: Persona
    assistant_id: str | None

    def read(self) -> Account:
        tools = {tool["id"]: tool for tool in self.rest.list_all("/tool")}
        if self.assistant_id is None:
            return Account(tools, self._find_assistant())
        assistant = self.rest.read(f"/assistant/{self.assistant_id}")
        owner = template.organization_of(assistant)
        if owner not in (None, str(self.target.organization)):
            raise VapiError(f"That assistant belongs to the organization {owner}.")
        return Account(tools, assistant)

    def carry_out(self, account: Account, progress: Callable[[str], None]) -> Json:
        """Bring the account up to date; the assistant as it then is. Safe to run again.

        What was read is read again once the tools are made: their ids are known then, and somebody
        may have worked on the assistant meanwhile.
        """
        for change in plan(account, self.target, self.persona):
            if change.kind == "tool":
                self._send(change)
                progress(f"{change.action}d tool {change.name}")
        account = self.read()
        for change in plan(account, self.target, self.persona):
            if change.kind == "assistant":
                account = replace(account, assistant=self._send(change))
                progress(f"{change.action}d assistant {change.name}")
        assert account.assistant is not None
        return account.assistant

    def _send(self, change: Change) -> Json:
        if change.id is not None:
            return self.rest.change(f"/{change.kind}/{change.id}", change.fields)
        if change.kind == "assistant":
            return self.rest.create("/assistant", change.fields, self._find_assistant)
        return self.rest.create("/tool", change.fields, lambda: self._find_tool(change.name))

    def _find_tool(self, name: str) -> Json | None:
        tools = {tool["id"]: tool for tool in self.rest.list_all("/tool")}
        return _our_tool(tools, name, self.target)

    def _find_assistant(self) -> Json | None:
        wanted = str(self.target.organization)
        found = [
            assistant
            for assistant in self.rest.list_all("/assistant")
            if template.organization_of(assistant) == wanted
        ]
        if len(found) > 1:
            ids = ", ".join(assistant["id"] for assistant in found)
            raise VapiError(f"The clinic has several assistants; choose with --assistant-id: {ids}")
        return found[0] if found else None


def plan(account: Account, target: Target, persona: Persona) -> list[Change]:
    """What has to change, tools first. A tool that has no id yet stands in as `<its name>`."""
    target = with_credential(account, target)
    tools = [_tool_change(account, schema, target, persona) for schema in template.FUNCTION_TOOLS]
    ids = [change.id or f"<{change.name}>" for change in tools]
    changes = [*tools, _assistant_change(account, target, persona, ids)]
    return [change for change in changes if change.fields]


def with_credential(account: Account, target: Target) -> Target:
    """Without a credential of its own, the target takes the one the assistant already has."""
    if target.credential_id is not None or account.assistant is None:
        return target
    return replace(target, credential_id=template.credential_of(account.assistant))


def _tool_change(account: Account, schema: ToolSchema, target: Target, persona: Persona) -> Change:
    tool = _our_tool(account.tools, schema.name, target)
    if tool is None:
        return Change("tool", schema.name, None, {}, template.new_tool(schema, target, persona))
    return Change(
        "tool", schema.name, tool["id"], tool, template.tool_changes(tool, schema, target)
    )


def _assistant_change(
    account: Account, target: Target, persona: Persona, tool_ids: list[str]
) -> Change:
    assistant = account.assistant
    if assistant is None:
        fields = template.new_assistant(target, persona, tool_ids)
        return Change("assistant", fields["name"], None, {}, fields)
    fields = template.assistant_changes(assistant, target, persona, tool_ids, account.tools)
    return Change(
        "assistant", assistant.get("name") or assistant["id"], assistant["id"], assistant, fields
    )


def _our_tool(tools: dict[str, Json], name: str, target: Target) -> Json | None:
    ours = (tool for tool in tools.values() if template.is_our_tool(tool, name, target))
    return min(ours, key=lambda tool: str(tool.get("createdAt")), default=None)
