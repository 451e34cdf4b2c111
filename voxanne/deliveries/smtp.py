"""Sends e-mail by SMTP. Until the message itself is handed over, whatever goes wrong is certain not
to have sent it; from then on until the server's answer nobody can know, and a mail server can't be
asked. So that is left to staff: a second message would be worse than one that is asked about.
"""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib

from voxanne.deliveries.email_message import Letter, address_letter, message_id, write_letter
from voxanne.outbox.types import Delivery, Failed, Result, Retry, Sent

QUIT_SECONDS_MAX: Final = 2.0
FATE_UNKNOWN: Final = Failed(
    "fate_unknown",
    "It may have been sent; the mail server can't be asked. Try again if the patient has none.",
)

Stage = Literal["connect", "sender", "recipient", "message", "end"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mail is handed over. `tls`: from the start, by STARTTLS, or not (this machine)."""

    host: str
    port: int
    tls: Literal["implicit", "starttls", "none"]
    username: str | None = None
    password: str | None = None


def read_mail_server(url: str) -> MailServer:
    """`smtp://user:password@host:587` (STARTTLS, except on this machine) or `smtps://…:465`.

    User and password are percent-decoded. Raises ValueError, whose text doesn't hold them.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("smtp", "smtps"):
        raise ValueError("VOXANNE_SMTP_URL must look like smtp://user:password@host:587")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("VOXANNE_SMTP_URL ends after the port: write / ? # in a password as %2F…")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("VOXANNE_SMTP_URL needs a user and a password, or neither")
    tls: Literal["implicit", "starttls", "none"] = "starttls"
    if parts.scheme == "smtps":
        tls = "implicit"
    elif _is_this_machine(host):
        tls = "none"
    return MailServer(
        host,
        port or (465 if tls == "implicit" else 587),
        tls,
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
    )


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """`seconds_max`: of one attempt, less than the worker gives it, so that what timed out before
    the message is known not to be sent. `trust`: whom the server's certificate must come from;
    None: whom the system trusts.
    """

    server: MailServer
    sender: str
    page_address: Callable[[str], str | None]
    seconds_max: float = 25.0
    trust: ssl.SSLContext | None = None

    async def send(self, delivery: Delivery) -> Result:
        letter = write_letter(delivery, self.page_address, self.sender)
        if not isinstance(letter, Letter):
            return letter
        message = address_letter(letter, delivery, self.sender)
        if isinstance(message, Failed):
            return message
        refused = await self._hand_over(message)
        return refused or Sent(message_id(delivery, self.sender))

    async def look_up(self, delivery: Delivery) -> Result | None:
        return FATE_UNKNOWN

    async def greet(self) -> Result | None:
        """Log in, say whom e-mail comes from, and leave. None: the server takes it from us."""
        stage: Stage = "connect"
        try:
            async with asyncio.timeout(self.seconds_max), self._connected() as client:
                stage = "sender"
                await client.mail(self.sender)
                stage = "end"
        except (aiosmtplib.SMTPException, OSError) as error:
            return _result(stage, error)
        return None

    async def _hand_over(self, message: EmailMessage) -> Result | None:
        """None: the server has it."""
        stage: Stage = "connect"
        to = message["To"].addresses[0].addr_spec
        try:
            async with asyncio.timeout(self.seconds_max), self._connected() as client:
                stage = "sender"
                await client.mail(self.sender)
                stage = "recipient"
                await client.rcpt(to)
                stage = "message"
                await client.data(message.as_bytes())
                stage = "end"
        except (aiosmtplib.SMTPException, OSError) as error:
            return _result(stage, error)
        return None

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        server = self.server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            # Its own name would be looked up in the DNS for each message.
            local_hostname=self.sender.rpartition("@")[2],
            timeout=self.seconds_max,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            tls_context=self.trust,
        )
        await client.connect()
        try:
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
            yield client
            await client.quit(timeout=QUIT_SECONDS_MAX)
        finally:
            client.close()


def _result(stage: Stage, error: Exception) -> Result | None:
    if stage == "end":
        return None  # how the conversation ended changes nothing
    if isinstance(error, aiosmtplib.SMTPResponseException) and 400 <= error.code < 600:
        return _refusal(stage, error.code)
    return FATE_UNKNOWN if stage == "message" else _unreachable(error)


def _refusal(stage: Stage, code: int) -> Result:
    """The server said no: nothing was sent. Its own words may hold the address, its code can't."""
    if code < 500:
        return Retry(f"smtp_{code}", f"The mail server asks to try again later ({code}).")
    match stage:
        case "connect":
            return Retry(f"smtp_{code}", f"The mail server refuses us or our login ({code}).")
        case "sender":
            return Failed(f"smtp_{code}", f"The mail server refuses VOXANNE_EMAIL_FROM ({code}).")
        case "recipient":
            return Failed(
                f"smtp_{code}", f"The mail server takes nothing for the patient's address ({code})."
            )
        case _:
            return Failed(f"smtp_{code}", f"The mail server refuses the message ({code}).")


def _unreachable(broken: Exception) -> Retry:
    """Nothing was sent: the conversation didn't get that far."""
    if isinstance(broken, TimeoutError):
        return Retry("timeout", "The mail server didn't answer in time.")
    if isinstance(broken, ssl.SSLError) or isinstance(broken.__cause__, ssl.SSLError):
        return Retry("tls", "The connection to the mail server can't be made secure.")
    if isinstance(broken, OSError | aiosmtplib.SMTPResponseException):
        return Retry("unreachable", "The mail server can't be reached.")
    return Retry("not_supported", "The mail server offers no STARTTLS, or no login we know.")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
