"""Deployments for the doctor to look at. No test in here."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from cryptography.fernet import Fernet

from tests.database import Database
from tests.fakes.fault_proxy import FaultProxy
from tests.fakes.google_calendar import (
    CALENDAR_PATH,
    CLIENT_ID,
    CLIENT_SECRET,
    FakeGoogle,
    fake_google,
)
from tests.fakes.mail_server import Mailbox, mail_server
from tests.fakes.twilio_messages import FakeTwilio, fake_twilio
from tests.integration.clinics import connected_app, serving, settings_for
from voxanne.doctor import Examination, Finding, State, examine
from voxanne.postgres import organizations

ACCOUNT, TOKEN = "AC00000000000000000000000000000001", "a-token-of-the-clinic"
MAIL_LOGIN = ("voxanne", "a-password-of-the-deployment")
KEY = Fernet.generate_key().decode()
SECRETS = (TOKEN, MAIL_LOGIN[1], KEY, CLIENT_SECRET)


def scene_of(database: Database, **settings: object) -> Examination:
    """Of this database alone, in development, with a key."""
    chosen = settings_for(database.owner_url, encryption_keys=KEY, **settings)
    return Examination(chosen, database.owner_url)


@dataclass(frozen=True, slots=True)
class InTransaction(Examination):
    """Looks by one session, so that what was planted there is seen, and rolled back."""

    session: asyncpg.Connection | None = None

    @contextlib.asynccontextmanager
    async def owner(self) -> AsyncIterator[asyncpg.Connection]:
        assert self.session is not None
        yield self.session


async def found(scene: Examination, check: str) -> Finding:
    """What this check finds; and none but itself was made."""
    report = await examine(scene, [check])
    (result,) = report.results
    assert result.name == check
    assert report.ready is (result.finding.state is not State.FAILED)
    told = result.finding.detail + result.finding.fix
    assert not [secret for secret in SECRETS if secret in told]
    return result.finding


@dataclass
class Deployment:
    """One clinic that uses everything, its API on a socket, and the vendors' stand-ins."""

    database: Database
    scene: Examination
    clinic: UUID
    google: FakeGoogle
    google_proxy: FaultProxy
    twilio: FakeTwilio
    mailbox: Mailbox
    backup: Path
    calendar: UUID

    async def execute(self, query: str, *arguments: object) -> None:
        await (await self.database.owner()).execute(query, *arguments)

    async def finds(self, check: str) -> Finding:
        return await found(self.scene, check)

    def with_settings(self, **changes: Any) -> "Deployment":
        settings = self.scene.settings.model_copy(update=changes)
        return replace(self, scene=replace(self.scene, settings=settings))


@contextlib.asynccontextmanager
async def whole_deployment(database: Database, folder: Path) -> AsyncIterator[Deployment]:
    """Healthy, in real time."""
    async with (
        fake_google() as google,
        FaultProxy("127.0.0.1", google.port) as google_proxy,
        fake_twilio(**{ACCOUNT: TOKEN}) as twilio,
        mail_server(login=MAIL_LOGIN) as mailbox,
    ):
        backup = folder / "backups" / "voxanne.dump"
        backup.parent.mkdir()
        backup.write_bytes(b"PGDMP")
        chosen = settings_for(
            database.owner_url,
            encryption_keys=KEY,
            data_dir=folder,
            google_client_id=CLIENT_ID,
            google_client_secret=CLIENT_SECRET,
            google_oauth_url=google_proxy.url,
            google_calendar_url=google_proxy.url + CALENDAR_PATH,
            twilio_url=twilio.url,
            smtp_url=f"smtp://{MAIL_LOGIN[0]}:{MAIL_LOGIN[1]}@127.0.0.1:{mailbox.port}",
            email_from="care@clinics.example",
            backup_dir=backup.parent,
        )
        async with (
            connected_app(chosen, database.owner_url) as (app, _, _),
            serving(app) as http,
        ):
            url = str(http.base_url).rstrip("/")
            chosen = chosen.model_copy(update={"public_url": url})
            scene = Examination(chosen, database.owner_url)
            clinic = await _open_clinic(database)
            calendar = await connect_google(database, clinic, google)
            yield Deployment(
                database, scene, clinic, google, google_proxy, twilio, mailbox, backup, calendar
            )


async def connect_google(
    database: Database, clinic: UUID, google: FakeGoogle, practitioner: UUID | None = None
) -> UUID:
    """As after a consent, read just now."""
    google.calendar()
    answer = await database.call(
        await database.owner(),
        "connect_calendar",
        clinic,
        practitioner_id=practitioner,
        vendor="google",
        calendar="primary",
        account=None,
        credentials=Fernet(KEY).encrypt(json.dumps(google.grant()).encode()),
        access_expires_at=google.now() + timedelta(seconds=google.access_seconds),
    )
    return UUID(answer["id"])


async def _open_clinic(database: Database) -> UUID:
    """With a calendar, text messages, staff, and callers that are asked who they are."""
    owner = await database.owner()
    clinic = await organizations.create_organization(
        owner, "Harbor Dental", timezone="Europe/London", country="GB"
    )
    await owner.execute("UPDATE organizations SET caller_check = 'name' WHERE id = $1", clinic)
    await owner.execute(
        "INSERT INTO sms_accounts (org_id, account_sid, encrypted_token, number) "
        "VALUES ($1, $2, $3, '+442079460100')",
        clinic,
        ACCOUNT,
        Fernet(KEY).encrypt(TOKEN.encode()),
    )
    await owner.execute(
        "WITH person AS (INSERT INTO staff_accounts (email) VALUES ('desk@clinics.example') "
        "RETURNING id) INSERT INTO memberships (org_id, staff_id, role) "
        "SELECT $1, id, 'owner' FROM person",
        clinic,
    )
    return clinic
