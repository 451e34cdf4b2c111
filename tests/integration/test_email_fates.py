"""What becomes of an e-mail when the mail server says no, breaks off, hangs or can't be trusted."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.database import Database
from tests.fakes.mail_server import BREAK, HANG, Mailbox, mail_server
from tests.integration.clinics import NOW, running_api, settings_for
from tests.integration.v1_requests import client
from voxanne.deliveries.console import ConsoleSender
from voxanne.deliveries.smtp import FATE_UNKNOWN, MailServer, SmtpSender
from voxanne.outbox.types import Delivery, Failed, Result, Retry, Sent, Voided
from voxanne.outbox.worker import Worker
from voxanne.work import create_senders

FROM = "clinics@voxanne.example"
PATIENT = {"name": "Maya Okafor", "email": "maya@example.com"}
CLINIC: dict[str, Any] = {
    "org_id": str(UUID(int=1)),
    "name": "Harbor Dental",
    "timezone": "Europe/London",
    "country": "GB",
    "language": "en",
    "address": None,
    "phone": None,
    "email": None,
    "now": NOW.isoformat(),
}


def delivery(**changes: Any) -> Delivery:
    appointment = {
        "appointment_id": str(UUID(int=2)),
        "status": "confirmed",
        "scheduled_at": "2026-11-26T10:00:00+00:00",
        "ends_at": "2026-11-26T11:00:00+00:00",
        "updated_at": NOW.isoformat(),
        "version": 1,
        "practitioner_name": "Dr Grey",
        "patient": PATIENT,
    }
    given: dict[str, Any] = {
        "channel": "email",
        "organization_id": UUID(int=1),
        "subject_id": UUID(int=2),
        "kind": "email_confirmation",
        "version": 1,
        "attempt": 1,
        "tries": 1,
        "uncertain": False,
        "stale": False,
        "created_at": NOW,
        "lapses_at": None,
        "external_id": None,
        "organization": CLINIC,
        "details": {"appointment": appointment, "link": "T"},
        **changes,
    }
    return Delivery(**given)


def sender(mailbox: Mailbox, **changes: Any) -> SmtpSender:
    server = {"host": "127.0.0.1", "port": mailbox.port, "tls": "none"}
    options = {name: changes.pop(name) for name in ("trust", "seconds_max") if name in changes}
    return SmtpSender(MailServer(**{**server, **changes}), FROM, lambda _token: None, **options)


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as mailbox:
        yield mailbox


async def fate(mailbox: Mailbox, **script: str) -> Result:
    mailbox.script = {command.replace("_", " "): what for command, what in script.items()}
    return await sender(mailbox).send(delivery())


async def test_what_the_server_took_is_sent(mailbox: Mailbox) -> None:
    result = await fate(mailbox)

    assert result == Sent(f"<email_confirmation.1.{UUID(int=2)}@voxanne.example>")
    assert len(mailbox.raw) == 1


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "DATA", "after_DATA"])
@pytest.mark.parametrize("code", [421, 450, 451, 452])
async def test_what_is_put_off_is_tried_again(mailbox: Mailbox, command: str, code: int) -> None:
    result = await fate(mailbox, **{command: f"{code} maya@example.com is busy"})

    assert isinstance(result, Retry)
    assert not result.uncertain
    assert result.error_code == f"smtp_{code}"
    assert "maya" not in result.error
    assert mailbox.raw == []


@pytest.mark.parametrize(
    ("command", "failed"),
    [
        ("MAIL", "The mail server refuses VOXANNE_EMAIL_FROM (550)."),
        ("RCPT", "The mail server takes nothing for the patient's address (550)."),
        ("DATA", "The mail server refuses the message (550)."),
        ("after_DATA", "The mail server refuses the message (550)."),
    ],
)
async def test_what_is_refused_has_failed(mailbox: Mailbox, command: str, failed: str) -> None:
    result = await fate(mailbox, **{command: "550 <maya@example.com>: no such user"})

    assert result == Failed("smtp_550", failed)
    assert mailbox.raw == []


async def test_a_server_that_wants_none_of_us_is_tried_again(mailbox: Mailbox) -> None:
    result = await fate(mailbox, EHLO="554 go away")

    assert isinstance(result, Retry)
    assert not result.uncertain


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT"])
async def test_a_break_before_the_message_is_certain(mailbox: Mailbox, command: str) -> None:
    result = await fate(mailbox, **{command: BREAK})

    assert result == Retry("unreachable", "The mail server can't be reached.")


@pytest.mark.parametrize("command", ["DATA", "after_DATA"])
async def test_a_break_from_then_on_is_for_staff_to_decide(mailbox: Mailbox, command: str) -> None:
    assert await fate(mailbox, **{command: BREAK}) == FATE_UNKNOWN


async def test_an_answer_that_is_none_is_for_staff_to_decide(mailbox: Mailbox) -> None:
    assert await fate(mailbox, after_DATA="hello") == FATE_UNKNOWN
    assert await fate(mailbox, DATA="250 as you like") == FATE_UNKNOWN


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "after_DATA"])
async def test_no_answer_in_time(mailbox: Mailbox, command: str) -> None:
    mailbox.script = {command.replace("_", " "): HANG}

    result = await sender(mailbox, seconds_max=0.5).send(delivery())

    late = Retry("timeout", "The mail server didn't answer in time.")
    assert result == (FATE_UNKNOWN if command == "after_DATA" else late)


@pytest.mark.parametrize("end", [BREAK, HANG, "500 what?", "nonsense"])
async def test_how_the_conversation_ends_changes_nothing(mailbox: Mailbox, end: str) -> None:
    mailbox.script = {"QUIT": end}

    result = await sender(mailbox, seconds_max=2.0).send(delivery())

    assert isinstance(result, Sent)
    assert len(mailbox.raw) == 1


async def test_nobody_listens() -> None:
    async with mail_server() as mailbox:
        pass

    result = await sender(mailbox).send(delivery())

    assert result == Retry("unreachable", "The mail server can't be reached.")


async def test_an_uncertain_attempt_is_never_repeated(mailbox: Mailbox) -> None:
    assert await sender(mailbox).look_up(delivery(uncertain=True)) == FATE_UNKNOWN


# Who we are, and who they are


async def test_the_login() -> None:
    async with mail_server(login=("clinics", "p@ss:w/rd")) as mailbox:
        right = sender(mailbox, username="clinics", password="p@ss:w/rd")
        wrong = sender(mailbox, username="clinics", password="x")

        assert isinstance(await right.send(delivery()), Sent)
        refused = await wrong.send(delivery())

    assert refused == Retry("smtp_535", "The mail server refuses us or our login (535).")
    assert mailbox.logins[0] == ("clinics", "p@ss:w/rd")
    assert len(mailbox.raw) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, by itself; with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    return path


def context_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_the_connection_is_made_secure_or_not_at_all(certificate: Path, tls: str) -> None:
    trust = ssl.create_default_context(cafile=certificate)
    context = context_of(certificate)
    async with mail_server(tls=context, implicit=tls == "implicit") as mailbox:
        trusted = await sender(mailbox, tls=tls, trust=trust).send(delivery())
        stranger = await sender(mailbox, tls=tls).send(delivery())

    assert isinstance(trusted, Sent)
    assert mailbox.encrypted == [True]
    assert stranger == Retry("tls", "The connection to the mail server can't be made secure.")


async def test_without_starttls_nothing_is_sent(mailbox: Mailbox) -> None:
    result = await sender(mailbox, tls="starttls").send(delivery())

    assert isinstance(result, Retry)
    assert result.error_code == "not_supported"
    assert mailbox.raw == []


# By the worker


async def test_each_fate_is_settled_in_the_database(database: Database) -> None:
    async with running_api(database) as api, mail_server() as mailbox:
        worker = Worker(api.pool, {"email": sender(mailbox)})
        booked = await (await client(api, "staff")).book(email="maya@example.com")

        async def state() -> tuple[str, str | None, bool, int]:
            [row] = await api.rows("SELECT * FROM deliveries WHERE channel = 'email'")
            return row["status"], row["error_code"], row["uncertain"], row["attempts"]

        mailbox.script = {"RCPT": "451 later"}
        await worker.drain()
        assert await state() == ("queued", "smtp_451", False, 1)
        mailbox.script = {"after DATA": BREAK}
        await api.value("UPDATE deliveries SET due_at = now() - interval '1 year'")
        await worker.drain()
        assert await state() == ("failed", "fate_unknown", False, 2)
        alerts = "SELECT count(*) FROM alerts WHERE kind = 'delivery_failed'"
        assert await api.value(alerts) == 1
        # Staff have asked the patient, who has none.
        mailbox.script = {}
        retry = "SELECT retry_delivery($1, $2, 'email_confirmation')"
        await api.value(retry, api.clinic.id, UUID(booked["id"]))
        await worker.drain()
        assert (await state())[:3] == ("sent", None, False)
    first, second = (message["message-id"] for message in mailbox.messages)
    assert first == second


async def test_a_worker_that_died_while_sending_sends_no_second_one(database: Database) -> None:
    async with running_api(database) as api, mail_server() as mailbox:
        worker = Worker(api.pool, {"email": sender(mailbox)})
        await (await client(api, "staff")).book(email="maya@example.com")
        assert len((await worker.claim("email", 1)).deliveries) == 1
        await api.value("UPDATE deliveries SET due_at = now() - interval '1 year'")

        await worker.drain()

        [row] = await api.rows("SELECT * FROM deliveries WHERE channel = 'email'")
    assert (row["status"], row["error_code"]) == ("failed", "fate_unknown")
    assert mailbox.raw == []


# Without a mail server


async def test_development_prints_and_production_does_not(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_api(database) as api:

        def chosen(**changes: object) -> ConsoleSender:
            settings = settings_for(database.owner_url, **changes)
            made = create_senders(settings, api.pool, api.fernet)["email"]
            assert isinstance(made, ConsoleSender)
            return made

        printed = await chosen(host="127.0.0.1", port=3001).send(delivery())
        text = capsys.readouterr().out
        silent = await chosen(env="production").send(delivery())

    assert isinstance(printed, Sent)
    assert "email_confirmation to maya@example.com" in text
    assert "Your appointment at Harbor Dental" in text
    assert "http://127.0.0.1:3001/a/T" in text
    assert isinstance(silent, Voided)
    assert silent.error_code == "email_off"
    assert capsys.readouterr().out == ""


async def test_many_at_once(mailbox: Mailbox) -> None:
    results = await asyncio.gather(*(sender(mailbox).send(delivery()) for _ in range(32)))

    assert all(isinstance(result, Sent) for result in results)
    assert len(mailbox.raw) == 32
