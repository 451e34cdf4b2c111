"""The stage: clinics with calendars and text messages, vendors behind faulty networks, workers."""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg
from cryptography.fernet import Fernet, MultiFernet

from tests.acceptance.commands import environment
from tests.database import Booking, Database
from tests.fakes import fault_proxy
from tests.fakes.fault_proxy import Fault, FaultProxy, random_faults
from tests.fakes.google_calendar import (
    CALENDAR_PATH,
    CLIENT_ID,
    CLIENT_SECRET,
    FakeGoogle,
    fake_google,
)
from tests.fakes.twilio_messages import FakeTwilio, fake_twilio

CLINICS = 4
WORKERS = 2
FAULTY_SHARE = 0.15
LEASE_SECONDS = 6
FAULTS: tuple[Fault, ...] = (
    fault_proxy.reset_before(),
    fault_proxy.reset_after(),
    fault_proxy.status(503),
    fault_proxy.status(429, {"Retry-After": "1"}),
    fault_proxy.status_after(500),
    fault_proxy.half_body(),
    fault_proxy.html(),
    fault_proxy.html(forwarded=True),
    fault_proxy.skewed_date(),
    fault_proxy.latency(0.3),
    fault_proxy.black_hole(forwarded=True),
)


@dataclass(frozen=True)
class Practitioner:
    """`calendar`: the id of theirs at Google."""

    id: UUID
    calendar: str


@dataclass(frozen=True)
class Clinic:
    id: UUID
    practitioners: tuple[Practitioner, ...]


@dataclass
class Stage:
    database: Database
    clinics: tuple[Clinic, ...]
    google: FakeGoogle
    twilio: FakeTwilio
    networks: tuple[FaultProxy, FaultProxy]
    settings: Mapping[str, str]
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed: int = 0

    def start_worker(self) -> None:
        log = (self.folder / f"worker-{self.killed}-{len(self.workers)}.log").open("wb")
        self.workers.append(
            subprocess.Popen(
                [sys.executable, "-m", "voxanne", "worker"],
                env=environment(**self.settings),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        )
        log.close()

    async def kill_again_and_again(self, chance: random.Random) -> None:
        """Every few seconds a worker dies without a word, and another one takes its place."""
        while True:
            await asyncio.sleep(chance.uniform(1.0, 3.0))
            worker = self.workers.pop(chance.randrange(len(self.workers)))
            worker.send_signal(signal.SIGKILL)
            await asyncio.to_thread(worker.wait)
            self.killed += 1
            self.google.expire_access()
            self.start_worker()

    async def stop_workers(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            # One that has only just begun doesn't hear it yet, and has nothing in hand.
            assert await asyncio.to_thread(worker.wait, 60) in (0, -signal.SIGTERM)
        self.workers.clear()

    async def book(
        self,
        connection: asyncpg.Connection,
        clinic: Clinic,
        practitioner: Practitioner,
        start: datetime,
        number: int,
    ) -> Booking:
        """Half an hour for the caller of that number."""
        return await self.database.call(
            connection,
            "book_appointment_atomic",
            clinic.id,
            patient_name="Ann Taylor",
            patient_email=None,
            patient_phone=f"+4477009{number:05}",
            service_type="consultation",
            scheduled_at=start,
            duration_minutes=30,
            practitioner_id=practitioner.id,
        )

    def calm(self) -> None:
        """From now on the networks are as they should be."""
        for network in self.networks:
            network.choose = None

    @property
    def fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(self.settings["VOXANNE_ENCRYPTION_KEYS"])])


@contextlib.asynccontextmanager
async def open_stage(
    database: Database, folder: Path, seed: int, *, clinics: int = CLINICS, faulty: bool = True
) -> AsyncIterator[Stage]:
    tokens = {f"AC{number}": f"token-{number}" for number in range(clinics)}
    async with (
        fake_google() as google,
        fake_twilio(**tokens) as twilio,
        FaultProxy(
            "127.0.0.1", google.port, random_faults(seed, FAULTY_SHARE, FAULTS)
        ) as to_google,
        FaultProxy(
            "127.0.0.1", twilio.port, random_faults(seed + 1, FAULTY_SHARE, FAULTS)
        ) as to_twilio,
    ):
        google_url, twilio_url = google.url, twilio.url
        if faulty:
            google_url, twilio_url = to_google.url, to_twilio.url
        settings = {
            "DATABASE_URL": database.owner_url,
            "VOXANNE_DATA_DIR": str(folder),
            "VOXANNE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "VOXANNE_GOOGLE_CLIENT_ID": CLIENT_ID,
            "VOXANNE_GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
            "VOXANNE_GOOGLE_OAUTH_URL": google_url,
            "VOXANNE_GOOGLE_CALENDAR_URL": google_url + CALENDAR_PATH,
            "VOXANNE_TWILIO_URL": twilio_url,
            "VOXANNE_WORKER_LEASE_SECONDS": str(LEASE_SECONDS),
            "PYTHONPATH": os.fspath(Path(__file__).parents[2]),
        }
        stage = Stage(database, (), google, twilio, (to_google, to_twilio), settings, folder)
        stage.clinics = tuple([await _open_clinic(stage, sid, tokens[sid]) for sid in tokens])
        try:
            yield stage
        finally:
            for worker in stage.workers:
                worker.kill()
                worker.wait()


def _faulty(port: int, seed: int) -> FaultProxy:
    return FaultProxy("127.0.0.1", port, random_faults(seed, FAULTY_SHARE, FAULTS))


async def _open_clinic(stage: Stage, account: str, token: str) -> Clinic:
    """Always open, with two practitioners: one has a calendar, the other shares the clinic's."""
    owner = await stage.database.owner()
    clinic = await stage.database.organization(name=f"Clinic {account}")
    own = await stage.database.practitioner(clinic, name="Dr Own")
    other = await stage.database.practitioner(clinic, name="Dr Shared")
    for practitioner, calendar in ((own, f"own-{account}"), (None, f"shared-{account}")):
        stage.google.calendar(calendar)
        connected = await stage.database.call(
            owner,
            "connect_calendar",
            clinic,
            practitioner_id=practitioner,
            vendor="google",
            calendar=calendar,
            account=None,
            credentials=stage.fernet.encrypt(json.dumps(stage.google.grant()).encode()),
        )
        assert connected["success"], connected
    set_up = await stage.database.call(
        owner,
        "set_sms_account",
        clinic,
        account_sid=account,
        encrypted_token=stage.fernet.encrypt(token.encode()),
        number="+4420794600" + account[2:].zfill(2),
    )
    assert set_up["success"], set_up
    return Clinic(
        clinic, (Practitioner(own, f"own-{account}"), Practitioner(other, f"shared-{account}"))
    )
