"""`call`: a phone call by typing."""

import asyncio
import contextlib
import json
import re
import signal
import sys
import textwrap
from typing import TextIO

import click
import httpx2

from voxanne.app import create_app
from voxanne.cli.phrases import HELP, Memory, Note, ToolCall, understand
from voxanne.cli.root import cli, deployment, load_settings, migrate_if_embedded, say
from voxanne.cli.telephone import WAIT_SECONDS_MAX, PhoneCall, Transcript
from voxanne.deployment import Deployment, load_fernet, open_api_pool
from voxanne.postgres.organizations import create_key, find_organization

with contextlib.suppress(ImportError):
    import readline  # noqa: F401 - input() edits lines with it

CALLER = "+447700900100"  # Ofcom's range for fiction
WITHHELD = "withheld"
QUIT = frozenset({"quit", "exit", "bye", "goodbye", "hang up"})
# All of them hang up; while that is done they have no effect.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LISTED_MAX = 9
PRIVATE_URL = "http://in-this-process"
INTRODUCTION = (
    "You are the caller. What you type is matched by simple rules, not by a language model; the "
    "tools, the diary and the answers are the real ones. `help` shows what can be said."
)


@cli.command()
@click.argument("organization", metavar="ORG")
@click.option("--url", help="call this running instance  [default: a private one, in this process]")
@click.option(
    "--key-file",
    type=click.File(),
    help="the clinic's API key, for an instance on another database  [default: one for this call]",
)
@click.option(
    "--from", "number", default=CALLER, show_default=True, help=f"who calls, or `{WITHHELD}`"
)
@click.option("--language", help="what the platform reports the caller to speak: es, de")
@click.option("--json", "as_json", is_flag=True, help="print one JSON object a line")
def call(
    organization: str,
    url: str | None,
    key_file: TextIO | None,
    number: str,
    language: str | None,
    as_json: bool,
) -> None:
    """Call ORG (id or name) by typing: no voice account, no language model, the real tools.

    Plays the voice platform: shows each tool call, its answer, and what the agent says. What the
    call holds is released when you hang up. Lines may be piped in; then exit code 0 only if all
    were understood. docs/how-to/try-a-call.md has an example.

    \b
    Examples:
      voxanne call "Harbor Dental"
      printf 'free tomorrow\\nquit\\n' | voxanne call "Harbor Dental" --from +447700900123
    """
    caller = _number(number)
    if key_file is not None and url is None:
        raise click.UsageError("--key-file goes with --url.")
    settings = load_settings(quiet=True)
    for stop in STOPS:
        signal.signal(stop, _hang_up_once)
    with contextlib.ExitStack() as stack:
        opened = None
        if key_file is None:
            opened = stack.enter_context(deployment(settings))
            migrate_if_embedded(opened)
        runner = stack.enter_context(asyncio.Runner())
        line = contextlib.AsyncExitStack()
        stack.callback(lambda: runner.run(line.aclose()))
        http = runner.run(_connect(line, opened, organization, url, key_file))
        conversation = Conversation(PhoneCall(http, caller, language), runner, as_json=as_json)
        conversation.take_place(organization)
    sys.exit(0 if conversation.went_well else 1)


def _hang_up_once(_number: int, _frame: object) -> None:
    """Whoever is impatient and asks again must not break off the hanging up."""
    _ignore_stops()
    raise KeyboardInterrupt


def _ignore_stops() -> None:
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)


async def _connect(
    line: contextlib.AsyncExitStack,
    opened: Deployment | None,
    organization: str,
    url: str | None,
    key_file: TextIO | None,
) -> httpx2.AsyncClient:
    """A client that speaks for the clinic; what it needs lives as long as `line`."""
    transport = None
    if opened is None:
        assert key_file is not None
        key = key_file.read().strip()
    else:
        async with opened.owner() as connection:
            found = await find_organization(connection, organization)
            key = await create_key(connection, found, "agent", "voxanne call")
        line.push_async_callback(_drop_key, opened, key)
        if url is None:
            pool = await open_api_pool(opened)
            line.push_async_callback(pool.close)
            app = create_app(opened.settings, pool, load_fernet(opened.settings))
            transport = httpx2.ASGITransport(app=app)
    return await line.enter_async_context(
        httpx2.AsyncClient(
            base_url=url or PRIVATE_URL,
            transport=transport,
            headers={"Authorization": f"Bearer {key}"},
            timeout=WAIT_SECONDS_MAX,
        )
    )


async def _drop_key(opened: Deployment, key: str) -> None:
    async with opened.owner() as connection:
        await connection.execute(
            "DELETE FROM credentials WHERE secret_hash = sha256(convert_to($1, 'UTF8'))", key
        )


def _number(said: str) -> str | None:
    """E.164, or None for a withheld number."""
    if said.strip().lower() == WITHHELD:
        return None
    number = re.sub(r"[\s().-]", "", said)
    if not re.fullmatch(r"\+[1-9]\d{6,14}", number):
        raise click.UsageError(f"Write --from as {CALLER}, or `{WITHHELD}`.")
    return number


class Conversation:
    """What is typed, called and answered, from the greeting to the end-of-call report.

    `went_well`: every call was answered without an error and, of piped lines, all were understood.
    """

    def __init__(self, phone: PhoneCall, runner: asyncio.Runner, *, as_json: bool) -> None:
        self.phone = phone
        self.runner = runner
        self.as_json = as_json
        self.is_typed = sys.stdin.isatty()
        self.memory = Memory()
        self.transcript = Transcript()
        self.went_well = True

    def take_place(self, clinic: str) -> None:
        """Raises CallError when the instance doesn't answer as it should."""
        self._begin(clinic)
        try:
            while (said := self._listen()).lower() not in QUIT:
                self._turn(said)
        except (EOFError, KeyboardInterrupt):
            if self.is_typed:
                click.echo()
        _ignore_stops()
        self.runner.run(self.phone.hang_up())
        self._tell("end-of-call-report", "whatever the call held is released")

    def _begin(self, clinic: str) -> None:
        caller = self.phone.number
        if not self.as_json:
            self.transcript.title(f"A call to {clinic}, {f'from {caller}' if caller else WITHHELD}")
            self.transcript.line("", INTRODUCTION)
        greeting = self.runner.run(self.phone.begin())
        sent = {"call": self.phone.described}
        if self.as_json:
            self._print({"event": "assistant-request", **sent, "message": greeting})
        else:
            self._tell("assistant-request", json.dumps(sent))
            self.transcript.line("Agent", greeting or "(as the platform's assistant greets)")
        if caller is None:
            return
        self._use(ToolCall("lookupCaller", {}))
        if usual := self.memory.usual:
            self._tell("note", f"from now on with {usual}, or say: with anyone")

    def _listen(self) -> str:
        """The next line that says something. Raises EOFError at the end."""
        while True:
            if self.is_typed:
                said = input("" if self.as_json else f"  {'Caller':<8}").strip()
            elif line := sys.stdin.readline():
                said = line.strip()
                if said and not self.as_json:
                    self.transcript.line("Caller", said)
            else:
                raise EOFError
            if said:
                return said

    def _turn(self, said: str) -> None:
        if said.lower() == "help":
            say(textwrap.indent(HELP, "  "))
            return
        match understand(said, self.memory):
            case Note(text, understood):
                self._tell("note", text)
                self.went_well = self.went_well and (understood or self.is_typed)
            case ToolCall() as tool_call:
                self._use(tool_call, said)

    def _use(self, tool_call: ToolCall, said: str | None = None) -> None:
        tool, arguments = tool_call
        answer = self.runner.run(self.phone.use(tool, arguments))
        listed = self.memory.learn(tool_call, answer.result)
        self.went_well = self.went_well and not answer.is_error
        if self.as_json:
            sent = {"toolCallId": answer.tool_call_id, "tool": tool, "arguments": arguments}
            self._print({"said": said, **sent, "answer": answer.result})
            return
        self.transcript.tool_call(tool, arguments, answer, label=answer.tool_call_id)
        for number, one in enumerate(listed[:LISTED_MAX], 1):
            self.transcript.line("", f"{number}  {one['spoken']}")

    def _tell(self, event: str, text: str) -> None:
        """What happens besides the conversation."""
        if self.as_json:
            self._print({"event": event, "text": text})
        else:
            self.transcript.line("event", f"{event}: {text}")

    def _print(self, record: dict[str, object]) -> None:
        click.echo(json.dumps(record, ensure_ascii=False))
