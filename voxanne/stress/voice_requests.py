"""Phone calls as a clinic gets them, as requests of a voice platform.

A call is a few tool calls, one every STEP_SECONDS. Whatever is booked, held or moved gets a time
nobody else wants, so that nothing is refused: what is measured is the work.
"""

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from voxanne.stress.people import PEOPLE_MAX, person
from voxanne.stress.vapi_body import Template

STEP_SECONDS: Final = 0.5
# Of every hundred calls so many are of this kind.
CALLS: Final = (
    (45, ("lookupCaller", "checkAvailability", "holdSlot", "bookClinicAppointment")),
    (20, ("getClinicInfo", "checkAvailability")),
    (20, ("lookupCaller", "checkAvailability", "rescheduleAppointment")),
    (15, ("lookupCaller", "cancelAppointment")),
)
REQUESTS_PER_CALL: Final = sum(share * len(tools) for share, tools in CALLS) / 100
STEPS_MAX: Final = max(len(tools) for _, tools in CALLS)
# The times that are free in every diary, see sql/diary.sql.
FREE_TIMES: Final = (time(12, 15), time(17, 0))
PRACTITIONERS: Final = 10
BOOKED_WEEKS: Final = 2  # ahead; moves go elsewhere, and never meet a booking
MOVED_WEEKS: Final = 26
ZONE: Final = ZoneInfo("Europe/London")
_TIMED: Final = {"scheduledAt": "@@scheduled_at@@", "practitioner": "@@practitioner@@"}
ARGUMENTS: Final[dict[str, dict[str, str]]] = {
    "lookupCaller": {},
    "getClinicInfo": {"topic": "hours"},
    "checkAvailability": {"serviceType": "consultation", "timeOfDay": "morning"},
    "holdSlot": {"serviceType": "consultation", **_TIMED},
    "bookClinicAppointment": {"name": "@@name@@", "serviceType": "consultation", **_TIMED},
    "rescheduleAppointment": {"appointmentId": "@@appointment@@", **_TIMED},
    "cancelAppointment": {"appointmentId": "@@appointment@@"},
}


@dataclass(frozen=True, slots=True)
class Clinics:
    """Where the calls go: clinics as `sql/diary.sql` makes them. `keys`: one of each, from the
    first on; `monday`: of this week; `first_day`: the first weekday with appointments from it on;
    `first_call` numbers the calls, so that no two plans of a run meet.
    """

    keys: tuple[str, ...]
    appointments_per_clinic: int
    leads: int
    first_day: int
    monday: str
    first_call: int


class Calls:
    """Every request with the second it is due, in order, for ever."""

    def __init__(self, host: str, clinics: Clinics, requests_per_second: float) -> None:
        self._clinics = clinics
        self._monday = date.fromisoformat(clinics.monday)
        self._between = REQUESTS_PER_CALL / requests_per_second
        self._templates = {
            tool: Template(tool, arguments, host, clinics.keys)
            for tool, arguments in ARGUMENTS.items()
        }
        self._kinds = [tools for share, tools in CALLS for _ in range(share)]

    def __iter__(self) -> Iterator[tuple[float, bytes]]:
        """Some calls are under way when it begins, so that the rate is the same all along."""
        under_way: list[tuple[float, int, int]] = []
        for number in count():
            starts = number * self._between - STEP_SECONDS * STEPS_MAX
            while under_way and under_way[0][0] <= starts:
                due, request = self._step(under_way)
                if due >= 0:
                    yield due, request
            heapq.heappush(under_way, (starts, self._clinics.first_call + number, 0))

    def _step(self, under_way: list[tuple[float, int, int]]) -> tuple[float, bytes]:
        due, number, step = under_way[0]
        tools = self._kinds[number * 37 % len(self._kinds)]
        if step + 1 < len(tools):
            heapq.heapreplace(under_way, (due + STEP_SECONDS, number, step + 1))
        else:
            heapq.heappop(under_way)
        clinic = number % len(self._clinics.keys)
        known = not ("bookClinicAppointment" in tools or "getClinicInfo" in tools)
        values = self._values(clinic, number // len(self._clinics.keys), number, step, known=known)
        return due, self._templates[tools[step]].request(clinic, values)

    def _values(
        self, clinic: int, turn: int, number: int, step: int, *, known: bool
    ) -> dict[str, str]:
        """`turn`: how many calls this clinic had before."""
        somebody = person(number % PEOPLE_MAX)
        appointment = self._upcoming(turn)
        lead = appointment * 7919 % self._clinics.leads
        phone = f"+447{(clinic + 1) * 10_000 + lead:09}" if known else somebody.phone
        return {
            "call": f"7420f27a-30fd-4f49-a995-{number:012x}",
            "tool_call": f"call_{number:020x}{step:04x}",
            "caller": phone,
            "name": somebody.name,
            "scheduled_at": self._free(turn, MOVED_WEEKS if known else BOOKED_WEEKS).isoformat(),
            # Half of those who book don't ask for anybody.
            "practitioner": "anyone"
            if turn % 2 and not known
            else f"Dr {turn // 2 % PRACTITIONERS}",
            "appointment": _id_of("appointment", clinic + 1, appointment),
        }

    def _upcoming(self, turn: int) -> int:
        """One of the clinic's own appointments after this week, another each turn."""
        first = max(0, (6 - self._clinics.first_day) * 52)
        return first + turn % (self._clinics.appointments_per_clinic - first)

    def _free(self, turn: int, weeks: int) -> datetime:
        day = turn // (len(FREE_TIMES) * PRACTITIONERS)
        weekday = self._monday + timedelta(days=7 * weeks + day // 5 * 7 + day % 5)
        return datetime.combine(weekday, FREE_TIMES[turn % len(FREE_TIMES)], ZONE)


def _id_of(kind: str, clinic: int, number: int) -> str:
    """As `bench.id_of`."""
    text = f"{kind}{clinic}.{number}".encode()
    return str(UUID(hashlib.md5(text, usedforsecurity=False).hexdigest()))
