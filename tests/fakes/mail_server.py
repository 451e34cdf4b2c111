"""A mail server in this process: aiosmtpd, with a script of what goes wrong at which command."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

BREAK = "break"  # the connection is gone
HANG = "hang"  # no answer comes
# What a command may be told to do: an answer such as "550 no", BREAK or HANG.
Script = dict[str, str]


@dataclass
class Mailbox:
    """What the server took, and what it is to do. `after DATA`: once it has the message."""

    script: Script = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0

    @property
    def messages(self) -> list[EmailMessage]:
        parsed = [message_from_bytes(content, policy=policy.default) for content in self.raw]
        return [message for message in parsed if isinstance(message, EmailMessage)]


class _Server(SMTP):
    """Asks the script before each command; the message itself is DATA, its answer `after DATA`."""

    def __init__(self, mailbox: Mailbox, **options: Any) -> None:
        super().__init__(_Handler(mailbox), hostname="mail.test", **options)
        self.mailbox = mailbox

    async def _obeys(self, command: str) -> bool:
        """Whether the command goes on as usual."""
        match self.mailbox.script.get(command):
            case None:
                return True
            case "break":
                cut_off(self)
            case "hang":
                await asyncio.Event().wait()
            case str(answer):
                await self.push(answer)
        return False

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        if await self._obeys("EHLO"):
            await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802
        if await self._obeys("EHLO"):
            await super().smtp_HELO(hostname)

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802
        if await self._obeys("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802
        if await self._obeys("RCPT"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if await self._obeys("DATA"):
            await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        if await self._obeys("QUIT"):
            await super().smtp_QUIT(arg)


def cut_off(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


@dataclass
class _Handler:
    mailbox: Mailbox

    async def handle_DATA(  # noqa: N802
        self, server: _Server, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        answer = self.mailbox.script.get("after DATA")
        if answer in (BREAK, HANG, None):
            self.mailbox.raw.append(content)
            self.mailbox.recipients += envelope.rcpt_tos
            assert server.transport is not None
            self.mailbox.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        if answer == BREAK:
            cut_off(server)
        elif answer == HANG:
            await asyncio.Event().wait()
        elif answer is not None:
            return answer
        return "250 taken"


@contextlib.asynccontextmanager
async def mail_server(
    *,
    login: tuple[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    implicit: bool = False,
) -> AsyncIterator[Mailbox]:
    """Listens on a free port of 127.0.0.1. `tls`: offers STARTTLS, or with `implicit` only TLS."""
    mailbox = Mailbox()

    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, said: Any
    ) -> AuthResult:
        assert isinstance(said, LoginPassword)
        mailbox.logins.append((said.login.decode(), said.password.decode()))
        return AuthResult(success=mailbox.logins[-1] == login, handled=False)

    def serve() -> SMTP:
        return _Server(
            mailbox,
            authenticator=authenticate if login else None,
            auth_require_tls=False,
            tls_context=None if implicit else tls,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(serve, "127.0.0.1", 0, ssl=tls if implicit else None)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        for task in asyncio.all_tasks():
            if "_handle_client" in str(task.get_coro()):
                task.cancel()
