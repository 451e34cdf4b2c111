"""E-mail, from a booking to what a mail server took, read back as a patient's programs read it."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
from icalendar import Calendar, Component, Event, Timezone

from tests.database import Database
from tests.fakes.mail_server import Mailbox, mail_server
from tests.integration.clinics import NOW, Api, Json, running_api, settings_for
from tests.integration.patient_page import open_page
from tests.integration.v1_requests import HOUR, THURSDAY, Client, client
from voxanne.deliveries.smtp import SmtpSender
from voxanne.deployment import page_address
from voxanne.outbox.worker import Worker
from voxanne.work import create_senders

FROM = "clinics@voxanne.example"
EMAIL = "maya@example.com"
DAY = timedelta(days=1)
SET_PATIENT = """
UPDATE appointments SET metadata = jsonb_set(metadata, '{{patient,{field}}}', to_jsonb($1::text))
"""


@dataclass(frozen=True)
class Post:
    """A clinic, its staff, its worker and the mail server that takes what is sent."""

    api: Api
    staff: Client
    mailbox: Mailbox
    worker: Worker

    async def book(self, start: datetime = THURSDAY, /, **changes: object) -> Json:
        return await self.staff.book(start, **{"email": EMAIL, **changes})

    async def deliver(self) -> list[EmailMessage]:
        """What the next round of deliveries sends."""
        before = len(self.mailbox.raw)
        await self.worker.drain()
        return self.mailbox.messages[before:]

    async def delivered(self, booked: Json) -> dict[str, tuple[str, str | None]]:
        """kind → status and error code, of the newest version."""
        rows = await self.api.rows(
            "SELECT kind, status, error_code FROM deliveries "
            "WHERE subject_id = $1 AND channel = 'email' ORDER BY version",
            UUID(booked["id"]),
        )
        return {row["kind"]: (row["status"], row["error_code"]) for row in rows}

    async def set(self, column: str, value: object) -> None:
        await self.api.value(f"UPDATE organizations SET {column} = $1", value)


@pytest.fixture
async def post(database: Database) -> AsyncIterator[Post]:
    async with running_api(database) as api, mail_server() as mailbox:
        settings = settings_for(
            database.owner_url,
            smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
            email_from=FROM,
            public_url="http://clinic.test",
        )
        sender = create_senders(settings, api.pool, api.fernet)["email"]
        assert isinstance(sender, SmtpSender)
        post = Post(api, await client(api, "staff"), mailbox, Worker(api.pool, {"email": sender}))
        await post.set("email", "care@harbor.example")
        await post.set("phone", "+442079460000")
        await post.set("address", "1 High Street\nLondon")
        yield post


def attached(message: EmailMessage) -> tuple[Calendar, Event]:
    """The calendar file, as it is attached."""
    [file] = list(message.iter_attachments())
    assert file.get_content_type() == "text/calendar"
    assert file.get_filename() == "appointment.ics"
    content = file.get_payload(decode=True)
    assert isinstance(content, bytes)
    calendar = Calendar.from_ical(content)
    [event] = [part for part in calendar.walk() if isinstance(part, Event)]
    # RFC 6047, 2.4: the part names the method too.
    assert file["content-type"].params["method"] == str(calendar["method"])
    return calendar, event


def property_of(component: Component, name: str) -> str:
    """As the file has it."""
    written = component[name].to_ical()
    return written if isinstance(written, str) else str(written, "utf-8")


def body(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


async def test_a_booking_is_confirmed_by_e_mail(post: Post) -> None:
    booked = await post.book()

    [message] = await post.deliver()

    assert post.mailbox.recipients == [EMAIL]
    assert message["from"] == f"Harbor Dental <{FROM}>"
    assert message["to"] == f"Maya Okafor <{EMAIL}>"
    assert message["reply-to"] == "care@harbor.example"
    assert message["subject"] == "Your appointment at Harbor Dental"
    assert message["auto-submitted"] == "auto-generated"
    assert message["message-id"].strip() == f"<email_confirmation.1.{booked['id']}@voxanne.example>"
    assert abs(message["date"].datetime - NOW) < timedelta(minutes=5)
    text = body(message)
    assert text.startswith("Hello Maya Okafor,\n")
    for line in (
        "When: Thursday 26 November at 10 am",
        "Where: 1 High Street London",
        "Phone: +442079460000",
    ):
        assert line in text.splitlines()
    assert await post.delivered(booked) == {"email_confirmation": ("sent", None)}
    assert await post.deliver() == []


async def test_the_link_opens_the_patients_page(post: Post) -> None:
    await post.book()
    [message] = await post.deliver()

    [link] = re.findall(r"^http://clinic\.test(/a/.+)$", body(message), re.MULTILINE)

    assert (await open_page(post.api, link)).facts["Name"] == "Maya Okafor"


async def test_nothing_says_what_it_is_for(post: Post) -> None:
    await post.api.value("UPDATE services SET name = 'Root canal'")
    await post.book(notes="a broken incisor")

    await post.deliver()

    _, event = attached(post.mailbox.messages[0])
    seen = body(post.mailbox.messages[0]) + event.to_ical().decode()
    seen += str(post.mailbox.messages[0])
    for word in ("onsultation", "canal", "incisor"):
        assert word not in seen


async def test_a_calendar_follows_by_uid_and_sequence(post: Post) -> None:
    booked = await post.book()
    [first] = await post.deliver()
    changes = {"scheduled_at": (THURSDAY + DAY).isoformat()}
    await post.staff.patch(f"appointments/{booked['id']}", changes, if_match='"1"')
    [second] = await post.deliver()
    await post.staff.post(f"appointments/{booked['id']}/cancel")
    [third] = await post.deliver()

    said = []
    for message in (first, second, third):
        calendar, event = attached(message)
        assert str(event["uid"]) == f"{booked['id']}@voxanne"
        assert str(event["organizer"]) == "mailto:care@harbor.example"
        assert str(event["attendee"]) == f"mailto:{EMAIL}"
        assert str(event["summary"]) == "Appointment at Harbor Dental"
        said.append(
            (str(calendar["method"]), str(event["sequence"]), str(event["status"]), event.start)
        )
    assert said == [
        ("REQUEST", "0", "CONFIRMED", THURSDAY),
        ("REQUEST", "1", "CONFIRMED", THURSDAY + DAY),
        ("CANCEL", "2", "CANCELLED", THURSDAY + DAY),
    ]
    assert [message["subject"] for message in (second, third)] == [
        "Your appointment at Harbor Dental has changed",
        "Your appointment at Harbor Dental is cancelled",
    ]
    assert "When: Friday 27 November at 10 am" in body(second)
    assert "http://" not in body(third)
    stamps = [property_of(attached(message)[1], "dtstamp") for message in (first, second, third)]
    assert stamps == sorted(stamps)
    ids = [message["message-id"] for message in (first, second, third)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("start", "wall", "offset"),
    [
        (datetime(2027, 3, 26, 9, tzinfo=UTC), "20270326T090000", "+0000"),
        (datetime(2027, 3, 29, 8, tzinfo=UTC), "20270329T090000", "+0100"),
        (datetime(2027, 10, 29, 8, tzinfo=UTC), "20271029T090000", "+0100"),
        (datetime(2027, 11, 1, 9, tzinfo=UTC), "20271101T090000", "+0000"),
    ],
)
async def test_both_sides_of_a_clock_change(
    post: Post, start: datetime, wall: str, offset: str
) -> None:
    await post.set("horizon_days", 500)
    await post.book(start)

    [message] = await post.deliver()

    calendar, event = attached(message)
    assert event.start == start
    assert property_of(event, "dtstart") == wall
    assert event["dtstart"].params["TZID"] == "Europe/London"
    [zone] = [part for part in calendar.walk() if isinstance(part, Timezone)]
    assert property_of(zone.subcomponents[0], "tzoffsetto") == offset
    assert "at 9 am" in body(message)


@pytest.mark.parametrize(
    ("language", "subject", "when"),
    [
        ("de", "Ihr Termin bei Harbor Dental", "Wann: Donnerstag, 26. November, 10 Uhr"),
        ("es", "Su cita en Harbor Dental", "Cuándo: jueves 26 de noviembre a las 10:00"),
    ],
)
async def test_it_speaks_the_clinics_language(
    post: Post, language: str, subject: str, when: str
) -> None:
    await post.set("language", language)
    await post.set("country", language.upper())
    await post.book()

    [message] = await post.deliver()

    assert message["subject"] == subject
    assert message["content-language"] == language
    assert when in body(message).splitlines()
    assert "Harbor Dental" in str(attached(message)[1]["summary"])


@pytest.mark.parametrize(
    "name",
    [
        "Praxis Dr. Müller, Köln",
        'The "Clinic" <x@y.example>',
        "Clinic\r\nBcc: everybody@example.com",
        "Clinic\nX: y\r\n\r\nbody",
        "北京 clinic \u2028 \x00"[:-1],
        "A" * 200,
    ],
)
async def test_no_name_makes_a_header(post: Post, name: str) -> None:
    await post.set("name", name)
    await post.api.value("UPDATE leads SET name = $1", name)
    booked = await post.book()
    await post.api.value(
        SET_PATIENT.format(field="name"),
        name,
    )

    [message] = await post.deliver()

    assert post.mailbox.recipients == [EMAIL]
    assert [address.addr_spec for address in message["to"].addresses] == [EMAIL]
    assert [address.addr_spec for address in message["from"].addresses] == [FROM]
    assert {header.lower() for header in message} == {
        *("from", "to", "reply-to", "subject", "date", "message-id", "auto-submitted"),
        *("content-language", "mime-version", "content-type"),
    }
    one_line = " ".join(name.replace("\u2028", " ").split())
    assert message["from"].addresses[0].display_name.replace(" ", "") == one_line.replace(" ", "")
    assert message["subject"].replace(" ", "").endswith(one_line.replace(" ", ""))
    assert str(attached(message)[1]["uid"]) == f"{booked['id']}@voxanne"


async def test_without_an_address_of_the_clinic_the_sender_organizes(post: Post) -> None:
    for column in ("email", "address", "phone"):
        await post.set(column, None)
    await post.book()

    [message] = await post.deliver()

    assert message["reply-to"] is None
    assert str(attached(message)[1]["organizer"]) == f"mailto:{FROM}"
    assert "Where" not in body(message)


async def test_what_was_overtaken_is_not_sent(post: Post) -> None:
    """The rows as an earlier version of them would be claimed."""
    booked = await post.book()
    await post.api.value(
        "UPDATE appointments SET status = 'cancelled' WHERE id = $1", UUID(booked["id"])
    )

    assert await post.deliver() == []
    assert await post.delivered(booked) == {"email_confirmation": ("voided", "overtaken")}


async def test_an_address_was_erased(post: Post) -> None:
    booked = await post.book()
    await post.api.value("UPDATE appointments SET metadata = '{}', contact_id = NULL")

    assert await post.deliver() == []
    assert await post.delivered(booked) == {"email_confirmation": ("voided", "no_address")}


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("o'neil+dental@example.com", "o'neil+dental@example.com"),
        ("anna@müller.example", "anna@xn--mller-kva.example"),
        ("jürgen@example.com", None),
        ("a..b@example.com", None),
        ("=?x?q?y?=@example.com", None),
    ],
)
async def test_an_address_is_written_to_or_failed(
    post: Post, address: str, reached: str | None
) -> None:
    booked = await post.book()
    await post.api.value(
        SET_PATIENT.format(field="email"),
        address,
    )

    await post.deliver()

    assert post.mailbox.recipients == ([reached] if reached else [])
    expected = ("sent", None) if reached else ("failed", "bad_address")
    assert await post.delivered(booked) == {"email_confirmation": expected}


async def test_a_zone_that_is_not_ianas(post: Post) -> None:
    """PostgreSQL takes some: they are written in UTC."""
    await post.book(THURSDAY + HOUR)
    await post.set("timezone", "UTC+01")

    [message] = await post.deliver()

    assert attached(message)[1].start == THURSDAY + HOUR


async def test_where_a_page_is(post: Post) -> None:
    url = post.api.database.owner_url
    for changes, address in (
        ({"public_url": "https://book.example/x/"}, "https://book.example/x/a/T"),
        ({"host": "127.0.0.1", "port": 3001}, "http://127.0.0.1:3001/a/T"),
        ({"host": "::1", "port": 80}, "http://[::1]:80/a/T"),
        ({"env": "production"}, None),
    ):
        assert page_address(settings_for(url, **changes), "T") == address
