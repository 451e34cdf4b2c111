"""The clinics of a run: few people and rooms, so that callers meet; and what is known of each.

What is known of an appointment is what callers were told. It is there to choose what to move,
cancel and read next; whether it is true is the oracle's business.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import asyncpg

from voxanne.postgres.organizations import create_key, create_organization
from voxanne.stress.people import person
from voxanne.stress.workload.plan import CLOSES, OPENS, PEOPLE_PER_CLINIC

KNOWN_MAX: Final = 1_000  # appointments of one clinic
SCOPES: Final = ("agent", "staff", "admin")
HOLD_SECONDS: Final = 10  # the least there is, so that holds lapse while the run lasts
OFFER_MINUTES: Final = 1
UPCOMING_MAX: Final = 8
BARE_SERVICES: Final = ("consultation", "massage")
_ZONES: Final = (("Europe/London", "GB"), ("Europe/Berlin", "DE"), ("America/New_York", "US"))
_NAMESPACE: Final = UUID("6f8a5e7e-3d0c-4b57-9d55-0c8b8f0f0a10")
_SERVICES: Final[tuple[dict[str, Any], ...]] = (
    {"key": "consultation", "name": "Consultation", "duration_minutes": 30},
    {"key": "check-up", "name": "Check-up", "duration_minutes": 20, "buffer_after_minutes": 10},
    {
        "key": "surgery",
        "name": "Surgery",
        "duration_minutes": 60,
        "buffer_before_minutes": 10,
        "buffer_after_minutes": 20,
    },
    {"key": "hygiene", "name": "Hygiene", "duration_minutes": 40},
)
_NAMES: Final = ("Dr Vera Stone", "Dr Felix Marsh", "Dr Nora Field")
_ALL: Final = [str(service["key"]) for service in _SERVICES]


@dataclass(frozen=True, slots=True)
class Patient:
    """`relative`: somebody else who calls from the same number."""

    name: str
    phone: str
    email: str | None
    relative: str


@dataclass(slots=True)
class Known:
    """An appointment as far as callers were told. `version`: the highest anyone was told of."""

    id: UUID
    patient: Patient
    name: str
    service: str
    start: datetime
    practitioner_id: UUID | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Clinic:
    number: int
    id: UUID
    keys: Mapping[str, str]
    services: Sequence[str]
    timezone: str
    bare: bool
    practitioners: dict[str, UUID] = field(default_factory=dict)
    rooms: list[UUID] = field(default_factory=list)
    known: dict[UUID, Known] = field(default_factory=dict)
    wishes: list[str] = field(default_factory=list)

    def service(self, number: int) -> str:
        return self.services[number % len(self.services)]

    def patient(self, number: int) -> Patient:
        """The caller of that number. Some call several clinics, where nobody may know of it."""
        somebody = person((self.number % 7) * 31 + number)
        first, last = somebody.name.split()
        email = f"{first}.{last}.{number}@patients.example".lower() if number % 3 == 0 else None
        return Patient(somebody.name, somebody.phone, email, f"Robin {last}")

    def patients(self) -> list[Patient]:
        return [self.patient(number) for number in range(PEOPLE_PER_CLINIC)]

    def pick(self, share: float) -> Known | None:
        """One of the known ones, 0 being the oldest."""
        if not self.known:
            return None
        wanted = list(self.known)[int(share * len(self.known))]
        return self.known[wanted]

    def begun(self, now: datetime, share: float) -> Known | None:
        """One that has begun by now."""
        past = [known for known in self.known.values() if known.start <= now]
        return past[int(share * len(past))] if past else None

    def learn(self, told: Known) -> None:
        """What callers are told may come in late: an older version says nothing new."""
        before = self.known.get(told.id)
        if before is None:
            self.known[told.id] = told
            if len(self.known) > KNOWN_MAX:
                del self.known[next(iter(self.known))]
        elif told.version >= before.version:
            told.practitioner_id = told.practitioner_id or before.practitioner_id
            self.known[told.id] = told

    def forget(self, appointment: UUID) -> None:
        self.known.pop(appointment, None)


async def create_clinics(owner: asyncpg.Connection, seed: int, count: int) -> list[Clinic]:
    """Without their configuration, which the API takes. Their ids come from the seed."""
    clinics = []
    for number in range(count):
        zone, country = _ZONES[number % len(_ZONES)]
        clinic, bare = uuid5(_NAMESPACE, f"{seed}/{number}"), number % 5 == 4
        if bare:
            await owner.execute(
                "INSERT INTO organizations (id, name) VALUES ($1, $2)", clinic, f"Clinic {number}"
            )
            zone = "Europe/London"
        else:
            await create_organization(
                owner, f"Clinic {number}", timezone=zone, country=country, organization=clinic
            )
        keys = {scope: await create_key(owner, clinic, scope) for scope in SCOPES}
        services = BARE_SERVICES if bare else _ALL[: 3 if number % 5 == 3 else len(_ALL)]
        clinics.append(Clinic(number, clinic, keys, services, zone, bare))
    return clinics


def configuration(clinic: Clinic) -> dict[str, Any] | None:
    """What its administrator sends to /v1/clinic; None for one that has configured nothing."""
    if clinic.bare:
        return None
    shape = clinic.number % 5
    names = _NAMES[: {2: 3, 3: 1}.get(shape, 2)]
    rooms: list[dict[str, Any]] = []
    if shape == 2:  # one treatment room for three
        rooms = [{"name": "Room 1", "services": ["check-up", "surgery"]}]
    elif shape != 3:
        rooms = [{"name": "Room 1", "services": _ALL}, {"name": "Room 2", "services": _ALL[:2]}]
    listed = [service for service in _SERVICES if service["key"] in clinic.services]
    return {
        "practitioners": [{"name": name, "services": []} for name in names],
        "services": listed,
        "rooms": rooms,
        "hours": [
            {
                "practitioner": None,
                "weekday": day,
                "opens": f"{OPENS:02}:00",
                "closes": f"{CLOSES}:00",
            }
            for day in range(1, 8)
        ],
        "breaks": [],
        "notice_minutes": 0,
        "horizon_days": 30,
        "slot_minutes": 10,
        "hold_seconds": HOLD_SECONDS,
        "offer_minutes": OFFER_MINUTES,
        "upcoming_per_caller_max": UPCOMING_MAX,
        "holidays_region": None,
        "exceptions": [],
    }


async def read_members(owner: asyncpg.Connection, clinic: Clinic) -> None:
    """The ids of its practitioners and rooms, which requests name."""
    for row in await owner.fetch(
        "SELECT id, name FROM practitioners WHERE org_id = $1 AND active ORDER BY name", clinic.id
    ):
        clinic.practitioners[row["name"]] = row["id"]
    clinic.rooms.extend(
        row["id"]
        for row in await owner.fetch(
            "SELECT id FROM rooms WHERE org_id = $1 AND active ORDER BY name", clinic.id
        )
    )


def token(chance: random.Random) -> str:
    """An id as platforms make them, from the seed."""
    return f"{chance.getrandbits(96):024x}"


_SPACES: Final = re.compile(r"\s+")


def folded(name: str) -> str:
    """Names as they are compared."""
    return _SPACES.sub(" ", name).strip().casefold()
