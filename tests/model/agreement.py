"""What the database answered, held against what the model did."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.model.naive_diary import ALTERNATIVES_MAX, Answer, Appointment, Diary, Wish
from tests.model.naive_hours import DAY_MINUTES, minute
from tests.model.stored_diary import StoredDiary, wall

Json = dict[str, Any]
WITH_ALTERNATIVES = {"SLOT_UNAVAILABLE", "OUTSIDE_HOURS", "TOO_SOON", "HOLD_EXPIRED"}
PAGES_MAX = 1000
NEARBY = timedelta(hours=12)


@dataclass(frozen=True)
class Window:
    """A question for what's free: starts in [first, until), wall time in minutes of the day."""

    first: datetime
    until: datetime
    time_from: int = 0
    time_until: int = DAY_MINUTES


@dataclass
class Agreement:
    """The same diary twice. Each method asserts."""

    model: Diary
    stored: StoredDiary

    def on_answer(self, expected: Answer, answer: Json, wish: Wish | None = None) -> None:
        """A new appointment gets the database's id; refusals have alternatives where they may."""
        assert answer.get("error") == expected.code, (expected, answer)
        assert answer["success"] is (expected.code is None)
        if expected.appointment is not None:
            self.on_appointment(expected, expected.appointment, answer)
        if wish is not None:
            if expected.code in WITH_ALTERNATIVES:
                self.on_alternatives(wish, self.read_slots(answer["alternatives"]))
            else:
                assert "alternatives" not in answer

    def on_appointment(self, expected: Answer, appointment: Appointment, answer: Json) -> None:
        id_ = UUID(answer.get("appointment_id") or answer["hold_id"])
        if appointment.id is None:
            appointment.id = id_
        assert id_ == appointment.id, (expected, answer)
        assert answer.get("replayed", False) is expected.replayed
        if "scheduled_at" in answer:
            assert datetime.fromisoformat(answer["scheduled_at"]) == appointment.start
            assert self.stored.practitioner_id(appointment.practitioner) == UUID(
                answer["practitioner_id"]
            ), (expected, answer)
            number = appointment.practitioner
            assert answer["practitioner_name"] == (f"Dr {number}" if number else None)
        if "ends_at" in answer:
            assert datetime.fromisoformat(answer["ends_at"]) == appointment.end
        if "expires_at" in answer:
            assert datetime.fromisoformat(answer["expires_at"]) == appointment.expires_at

    def on_rows(self) -> None:
        """Whatever keeps somebody out is in both, to the last column; and nobody is in two."""
        expected = {
            one.id: (
                self.stored.practitioner_id(one.practitioner),
                None if one.room is None else UUID(int=one.room),
                (one.service, one.start, one.end, one.kept, one.call),
                (one.status, one.expires_at if one.status == "held" else None, one.version),
            )
            for one in self.model.live()
        }
        found = {
            row["id"]: (
                row["practitioner_id"],
                row["room_id"],
                (
                    row["service_type"],
                    row["scheduled_at"],
                    row["ends_at"],
                    range(minute(row["kept_from"]), minute(row["kept_until"])),
                    row["call_id"],
                ),
                (row["status"], row["expires_at"], row["version"]),
            )
            for row in self.stored.live_rows(self.model.now)
        }
        assert found == expected
        assert self.stored.overlaps() == 0

    def ask(self, wish: Wish, window: Window, **parameters: object) -> Json:
        answer: Json = self.stored.call(
            "check_availability",
            service_type=wish.service,
            until=window.until,
            practitioner_id=self.stored.practitioner_id(wish.practitioner),
            duration_minutes=wish.minutes,
            time_from=wall(window.time_from),
            time_until=wall(window.time_until),
            call_id=wish.call,
            **{"from": window.first, **parameters},
        )
        return answer

    def on_availability(self, wish: Wish, window: Window, limit: int = 500) -> None:
        """The whole list, page by page; and a reason exactly when it is empty."""
        answer = self.ask(wish, window, limit=limit, spread=False)
        service = self.model.service(wish.service)
        if service is None or not self.model.candidates(wish):
            assert answer["error"] == (
                "UNKNOWN_SERVICE" if service is None else "UNKNOWN_PRACTITIONER"
            )
            return
        expected = self.model.available(
            replace(wish, start=window.first), window.until, window.time_from, window.time_until
        )
        assert (answer["reason"] is None) is bool(expected), (expected, answer)
        found = self.read_slots(answer["slots"])
        for _ in range(PAGES_MAX):
            if answer["next_from"] is None:
                break
            assert answer["slots"], "an empty page isn't the last"
            further = datetime.fromisoformat(answer["next_from"])
            answer = self.ask(wish, window, limit=limit, spread=False, **{"from": further})
            found += self.read_slots(answer["slots"])
        assert [start for start, _ in found] == sorted(start for start, _ in found)
        assert sorted(found) == sorted(expected)

    def on_spread(self, wish: Wish, window: Window, limit: int) -> None:
        """Some of what's free, each start once; none only when there is none."""
        answer = self.ask(wish, window, limit=limit, spread=True)
        if not answer["success"]:
            return
        available = self.model.available(
            replace(wish, start=window.first), window.until, window.time_from, window.time_until
        )
        found = self.read_slots(answer["slots"])
        starts = [start for start, _ in found]
        assert set(found) <= set(available)
        assert starts == sorted(set(starts))
        assert len(starts) == min(limit, len({start for start, _ in available}))
        assert (answer["reason"] is None) is bool(available)

    def on_alternatives(self, wish: Wish, found: list[tuple[datetime, int]]) -> None:
        """Each can be had; the asked practitioner's first, the nearest first, none twice."""
        assert len(found) <= ALTERNATIVES_MAX
        assert len(set(found)) == len(found)
        asked = wish.practitioner
        for start, practitioner in found:
            at_start = replace(wish, start=start, practitioner=practitioner)
            assert self.model.accepts(practitioner, at_start), (start, practitioner)
        distances = defaultdict(list)
        for start, practitioner in found:
            distances[asked in (None, practitioner)].append(abs(start - wish.start))
        assert all(near == sorted(near) for near in distances.values()), found
        theirs = [practitioner == asked for _, practitioner in found]
        assert theirs == sorted(theirs, reverse=True), found
        self.on_nearest(wish, found)

    def on_nearest(self, wish: Wish, found: list[tuple[datetime, int]]) -> None:
        """Nothing nearby that is nearer than what is told was left out."""
        around = Window(wish.start - NEARBY, wish.start + NEARBY)
        anybody = replace(wish, start=around.first, practitioner=None, hold=None)
        there = self.model.available(anybody, around.until)
        if len(found) < ALTERNATIVES_MAX:
            assert {start for start, _ in there} <= {start for start, _ in found}, (found, there)
        asked = wish.practitioner
        theirs = {start for start, who in there if asked in (None, who)}
        told = [abs(start - wish.start) for start, who in found if asked in (None, who)]
        nearest = sorted(abs(start - wish.start) for start in theirs)[:ALTERNATIVES_MAX]
        assert told[: len(nearest)] == nearest, (found, there)

    def read_slots(self, slots: list[Json]) -> list[tuple[datetime, int]]:
        """Start and practitioner's number of each."""
        read = []
        for slot in slots:
            id_ = UUID(slot["practitioner_id"])
            number = 0 if id_ == self.stored.org_id else id_.int
            assert slot["practitioner_name"] == (f"Dr {number}" if number else None)
            start, end = (datetime.fromisoformat(slot[key]) for key in ("starts_at", "ends_at"))
            assert start < end
            read.append((start, number))
        return read
