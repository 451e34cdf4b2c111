"""A clinic in June 2027 whose clock stands still, and each of the diary's functions in one line."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from tests.database import Booking, Database

LONDON = ZoneInfo("Europe/London")
MONDAY = date(2027, 6, 7)
TUESDAY = date(2027, 6, 8)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

# To the microsecond: what begins or lapses at this very moment is a case like any other.
STANDING_CLOCK = """
CREATE OR REPLACE FUNCTION current_moment() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  RETURN timestamptz 'epoch' + (SELECT clock_offset FROM public.clock);
END $$
"""
SET_CLOCK = """
INSERT INTO clock (clock_offset) VALUES (make_interval(secs => extract(epoch FROM $1::timestamptz)))
ON CONFLICT (only_row) DO UPDATE SET clock_offset = excluded.clock_offset
"""


WALL_TIMES = {"opens", "closes", "starts", "ends"}


@dataclass(frozen=True)
class Caller:
    name: str
    phone: str


ANN = Caller("Ann Taylor", "+442079460958")
TOM = Caller("Tom Taylor", "+442079460958")  # the same household
BOB = Caller("Bob Jones", "+442079460111")
EVE = Caller("Eve Miller", "+442079460222")
STAFF = {"source": "staff"}
OVERBOOK = {"source": "staff", "allow_overlap": True, "overlap_reason": "in pain"}


def at(clock: str, day: date = TUESDAY, zone: ZoneInfo = LONDON, fold: int = 0) -> datetime:
    """The instant of a wall time, on the Tuesday unless told."""
    return datetime.combine(day, time.fromisoformat(clock), zone).replace(fold=fold)


NOW = at("08:00", MONDAY)


def clock_of(instant: str, zone: ZoneInfo = LONDON) -> str:
    return datetime.fromisoformat(instant).astimezone(zone).strftime("%H:%M")


def clocks(slots: list[Booking], zone: ZoneInfo = LONDON) -> list[str]:
    """The wall times of slots or alternatives, as answered."""
    return [clock_of(slot["starts_at"], zone) for slot in slots]


def code(answer: Booking) -> str | None:
    """A refusal's code; None of a success."""
    error: str | None = answer.get("error")
    assert answer["success"] is (error is None)
    return error


@dataclass
class Diary:
    """One clinic. Written to as its owner, asked as the API; `None` as answer's code is success."""

    database: Database
    api: asyncpg.Connection
    owner: asyncpg.Connection
    org_id: UUID

    # The clinic

    async def set_clock(self, moment: datetime) -> None:
        await self.owner.execute(SET_CLOCK, moment)

    async def set(self, **columns: object) -> None:
        """Change the organization's row."""
        changes = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
        await self.owner.execute(
            f"UPDATE organizations SET {changes} WHERE id = $1", self.org_id, *columns.values()
        )

    async def practitioner(self, name: str = "Dr Grey", **columns: object) -> UUID:
        return await self.database.practitioner(self.org_id, name=name, **columns)

    async def practitioners(self, *names: str) -> list[UUID]:
        """With ids in the order of their names."""
        return [await self.practitioner(name, id=UUID(int=n)) for n, name in enumerate(names, 1)]

    async def service(self, key: str, minutes: int, **columns: object) -> None:
        await self.database.service(self.org_id, key, minutes, **columns)

    async def gives(self, practitioner_id: UUID, service: str) -> None:
        await self._insert(
            "practitioner_services", practitioner_id=practitioner_id, service_key=service
        )

    async def room(self, *services: str, **columns: object) -> UUID:
        """A room in which those services are given."""
        room_id = await self.database.room(self.org_id, **columns)
        for service in services:
            await self._insert("room_services", room_id=room_id, service_key=service)
        return room_id

    async def hours(
        self, *spans: str, weekday: int = 2, practitioner_id: UUID | None = None
    ) -> None:
        """Weekly, such as "09:00-17:00", on Tuesdays unless told."""
        for span in spans:
            opens, closes = span.split("-")
            await self._insert(
                "opening_hours",
                practitioner_id=practitioner_id,
                weekday=weekday,
                opens=opens,
                closes=closes,
            )

    async def pause(self, span: str, weekday: int = 2, **columns: object) -> None:
        starts, ends = span.split("-")
        await self._insert("breaks", weekday=weekday, starts=starts, ends=ends, **columns)

    async def special(self, span: str | None, day: date = TUESDAY, **columns: object) -> None:
        """Hours of one day; None: closed."""
        opens, closes = span.split("-") if span else (None, None)
        await self._insert("date_exceptions", day=day, opens=opens, closes=closes, **columns)

    async def away(
        self, practitioner_id: UUID, leaves: datetime, returns: datetime, reason: str = ""
    ) -> None:
        await self._insert(
            "absences",
            practitioner_id=practitioner_id,
            starts_at=leaves,
            ends_at=returns,
            reason=reason,
        )

    async def _insert(self, table: str, **columns: object) -> None:
        row = {"org_id": self.org_id, **columns}
        values = ", ".join(
            f"${n}" + ("::text::time" if name in WALL_TIMES else "")
            for n, name in enumerate(row, 1)
        )
        await self.owner.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})", *row.values()
        )

    # What is asked of it

    async def call(self, function: str, **given: object) -> Booking:
        return await self.database.call(self.api, function, self.org_id, **given)

    async def number(self, function: str, *arguments: object) -> int:
        """A function that counts, its arguments by position after the organization's."""
        values = ", ".join(f"${n}" for n in range(1, len(arguments) + 2))
        counted: int = await self.api.fetchval(
            f"SELECT {function}({values})", self.org_id, *arguments
        )
        return counted

    async def book(
        self, start: datetime | None, caller: Caller = ANN, /, **more: object
    ) -> Booking:
        who = {"patient_name": caller.name, "patient_phone": caller.phone}
        return await self.database.book(
            self.api, self.org_id, scheduled_at=start, **{**who, **more}
        )

    async def hold(
        self, start: datetime | None, call_id: str | None = "call-1", /, **more: object
    ) -> Booking:
        given: dict[str, object] = {"service_type": "consultation", **more}
        return await self.call("hold_slot", scheduled_at=start, call_id=call_id, **given)

    async def free(self, start: datetime, until: datetime, **more: object) -> Booking:
        given: dict[str, object] = {"service_type": "consultation", "limit": 500, "spread": False}
        return await self.call(
            "check_availability", **{**given, "from": start, "until": until, **more}
        )

    async def free_on(self, day: date = TUESDAY, /, **more: object) -> Booking:
        """What's free on one local day."""
        return await self.free(at("00:00", day), at("00:00", day + DAY), **more)

    async def starts_on(self, day: date = TUESDAY, /, **more: object) -> list[str]:
        """The wall times of it."""
        return clocks((await self.free_on(day, **more))["slots"])

    async def move(self, booking: Booking, start: datetime | None, **more: object) -> Booking:
        return await self.call(
            "reschedule_appointment",
            appointment_id=UUID(booking["appointment_id"]),
            scheduled_at=start,
            **more,
        )

    async def cancel(self, booking: Booking, **more: object) -> Booking:
        id_ = UUID(booking["appointment_id"])
        return await self.call("cancel_appointment", appointment_id=id_, **more)

    async def mark(self, booking: Booking, status: str | None, **more: object) -> Booking:
        return await self.call(
            "mark_appointment",
            appointment_id=UUID(booking["appointment_id"]),
            status=status,
            **{**STAFF, **more},
        )

    async def join(self, caller: Caller = ANN, /, **more: object) -> Booking:
        given: dict[str, object] = {"service_type": "consultation", **more}
        return await self.call("join_waitlist", name=caller.name, phone=caller.phone, **given)

    async def answer_offer(self, function: str, entry: Booking, **more: object) -> Booking:
        return await self.call(function, waitlist_id=UUID(entry["waitlist_id"]), **more)

    # What is in it

    async def row(self, answer: Booking) -> asyncpg.Record:
        """The appointment or hold that was answered."""
        id_ = UUID(answer.get("appointment_id") or answer["hold_id"])
        found = await self.owner.fetchrow("SELECT * FROM appointments WHERE id = $1", id_)
        assert found is not None
        return found

    async def count(self, table: str) -> int:
        counted: int = await self.owner.fetchval(f"SELECT count(*) FROM {table}")
        return counted

    async def events(self, kind: str) -> list[asyncpg.Record]:
        return await self.owner.fetch("SELECT * FROM events WHERE kind = $1 ORDER BY id", kind)

    async def deliveries(self, answer: Booking) -> dict[tuple[str, int], str]:
        """(kind, version) → status."""
        id_ = UUID(answer.get("appointment_id") or answer["hold_id"])
        rows = await self.owner.fetch("SELECT * FROM deliveries WHERE subject_id = $1", id_)
        return {(row["kind"], row["version"]): row["status"] for row in rows}


async def open_clinic(database: Database, **columns: object) -> Diary:
    """Always open, with no practitioner of its own, unless told; it is NOW."""
    owner = await database.owner()
    await owner.execute(STANDING_CLOCK)
    diary = Diary(
        database, await database.connect_api(), owner, await database.organization(**columns)
    )
    await diary.set_clock(NOW)
    return diary
