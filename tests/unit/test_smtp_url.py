"""VOXANNE_SMTP_URL: where e-mail goes, and how securely."""

import pytest
from pydantic import ValidationError

from voxanne.config import Settings
from voxanne.deliveries.smtp import MailServer, read_mail_server


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer("mail.example", 587, "starttls")),
        ("smtp://mail.example:25/", MailServer("mail.example", 25, "starttls")),
        ("smtps://mail.example", MailServer("mail.example", 465, "implicit")),
        ("smtps://127.0.0.1:4650", MailServer("127.0.0.1", 4650, "implicit")),
        ("smtp://127.0.0.1:1025", MailServer("127.0.0.1", 1025, "none")),
        ("smtp://[::1]:1025", MailServer("::1", 1025, "none")),
        ("smtp://localhost:1025", MailServer("localhost", 1025, "none")),
        ("smtp://10.0.0.7:25", MailServer("10.0.0.7", 25, "starttls")),
        ("smtp://localhost.example:25", MailServer("localhost.example", 25, "starttls")),
        (
            "smtp://care%40clinic.example:p%40ss%3Aw%2Frd@mail.example",
            MailServer("mail.example", 587, "starttls", "care@clinic.example", "p@ss:w/rd"),
        ),
    ],
)
def test_an_address_is_read(url: str, server: MailServer) -> None:
    assert read_mail_server(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example:587",
        "http://secret:secret@mail.example",
        "smtp://",
        "smtp://secret@mail.example",
        "smtp://user:secret@mail.example:x",
        "smtp://user:secret@mail.example:99999",
        "smtp://user:se/cret@mail.example",
        "smtp://user:secret@mail.example/path",
        "smtp://user:secret@mail.example?starttls=no",
        "smtp://[secret",
    ],
)
def test_a_wrong_one_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(ValueError, match="VOXANNE_SMTP_URL") as refused:
        read_mail_server(url)
    assert "secret" not in str(refused.value)


def settings(**values: str) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def test_whoever_sends_says_from_whom() -> None:
    with pytest.raises(ValidationError, match="VOXANNE_EMAIL_FROM"):
        settings(smtp_url="smtp://mail.example")
    chosen = settings(smtp_url="smtp://mail.example", email_from="care@clinics.example")
    assert chosen.email_from == "care@clinics.example"


@pytest.mark.parametrize(
    "address", ["care", "care@", "Care <care@x.y>", "a b@x.y", "a@x.y\r\nBcc: b@x.y", "ä@x.y"]
)
def test_a_sender_is_a_plain_address(address: str) -> None:
    with pytest.raises(ValidationError):
        settings(email_from=address)
