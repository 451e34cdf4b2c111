"""Whatever happens in whichever order, the database and the naive model answer the same.

Deterministic and bounded; `VOXANNE_MODEL_EXAMPLES=5000` makes a long run of new examples. What
fails is shrunk and printed as steps.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, event, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.database import Server
from tests.model.agreement import Agreement, Json, Window
from tests.model.clinics import (
    CALLERS,
    CALLS,
    DAYS,
    HOUR,
    Scene,
    minutes_of_start,
    scenes,
    ticks,
)
from tests.model.naive_diary import Answer, Appointment, Caller, Diary, Status, Wish
from tests.model.naive_hours import DAY_MINUTES
from tests.model.profiles import profile
from tests.model.stored_diary import StoredDiary, stored_diary

NOBODY = 9
FEW = 3  # appointments: fewer make no diary to speak of
services = st.sampled_from([0, 0, 0, 0, 1, 1, 1, NOBODY])
practitioners = st.sampled_from([None, None, None, None, 0, 0, 1, 1, 2, NOBODY])
durations = st.sampled_from([None, 10, 30, 45, 90, 180])
calls = st.sampled_from(CALLS)
callers = st.sampled_from(CALLERS)
nothing: Any = multiple()


class DiaryMachine(RuleBasedStateMachine):
    """One clinic and its callers, at a change of the clocks."""

    booked: Bundle[Appointment] = Bundle("booked")
    held: Bundle[Appointment] = Bundle("held")

    stored: StoredDiary

    @initialize(
        target=booked,
        scene=scenes(),
        minutes=st.one_of(ticks(-DAY_MINUTES, -HOUR), ticks(-2 * DAY_MINUTES, 3 * HOUR)),
        starts=st.lists(minutes_of_start, min_size=3, max_size=9),
    )
    def open_clinic(self, scene: Scene, minutes: int, starts: list[int]) -> Any:
        """Some call at once, for whatever and whomever there is."""
        self.scene = scene
        self.model = Diary(scene.clinic, scene.instant(minutes))
        self.stored.make(scene.clinic)
        self.stored.set_clock(self.model.now)
        self.agree = Agreement(self.model, self.stored)
        note(f"it is {self.model.now}")
        asked = [self.wish(n % 2, start, None, 45, None) for n, start in enumerate(starts)]
        made = [self.book_wish(wish, CALLERS[n % 3]) for n, wish in enumerate(asked)]
        return multiple(*(one for one in made if isinstance(one, Appointment)))

    def practitioner(self, chosen: int | None) -> int | None:
        """One of the clinic's; rarely nobody."""
        numbers = [one.number for one in self.scene.clinic.practitioners] or [0]
        return chosen if chosen in (None, NOBODY) else numbers[chosen % len(numbers)]

    def wish(
        self,
        service: int,
        start: int,
        practitioner: int | None,
        minutes: int | None,
        call: str | None,
    ) -> Wish:
        keys = [one.key for one in self.scene.clinic.services] or ["check", "clean"]
        return Wish(
            "massage" if service == NOBODY else keys[service % len(keys)],
            self.scene.instant(start),
            self.practitioner(practitioner),
            minutes,
            call,
        )

    def settle(self, what: str, expected: Answer, answer: Json, wish: Wish | None = None) -> Any:
        """Hold the answers against each other; the new appointment, if there is one."""
        note(f"{what}: {answer}")
        event(f"{what}: {expected.code or ('replayed' if expected.replayed else 'done')}")
        self.agree.on_answer(expected, answer, wish)
        made = None if expected.replayed or expected.code else expected.appointment
        if wish is not None:
            near = timedelta(hours=2)
            around = Window(wish.start - near, wish.start + near)
            self.agree.on_availability(Wish(wish.service, wish.start, minutes=wish.minutes), around)
        return nothing if made is None else made

    def book_wish(self, wish: Wish, caller: Caller, **parameters: object) -> Any:
        expected = self.model.book(wish, caller)
        answer = self.stored.call(
            "book_appointment_atomic",
            patient_name=caller.name,
            patient_email=None,
            patient_phone=caller.phone,
            **self.parameters_of(wish),
            service_type=wish.service,
            **parameters,
        )
        return self.settle("book", expected, answer, wish)

    def parameters_of(self, wish: Wish) -> Json:
        return {
            "scheduled_at": wish.start,
            "duration_minutes": wish.minutes,
            "practitioner_id": self.stored.practitioner_id(wish.practitioner),
            "call_id": wish.call,
        }

    @rule(
        target=booked,
        service=services,
        start=minutes_of_start,
        practitioner=practitioners,
        minutes=durations,
        call=calls,
        caller=callers,
    )
    def book(
        self,
        service: int,
        start: int,
        practitioner: int | None,
        minutes: int | None,
        call: str | None,
        caller: Caller,
    ) -> Any:
        wish = self.wish(service, start, practitioner, minutes, call)
        return self.book_wish(wish, caller)

    @rule(
        target=held,
        service=services,
        start=minutes_of_start,
        practitioner=practitioners,
        minutes=durations,
        call=calls,
    )
    def hold(
        self,
        service: int,
        start: int,
        practitioner: int | None,
        minutes: int | None,
        call: str | None,
    ) -> Any:
        return self.hold_wish(self.wish(service, start, practitioner, minutes, call))

    @rule(
        target=held,
        hold=held,
        later=st.sampled_from([0, 0, 30]),
        practitioner=st.sampled_from([None, None, 0, 1]),
        call=st.none() | calls,
    )
    def hold_again(
        self, hold: Appointment, later: int, practitioner: int | None, call: str | None
    ) -> Any:
        """In the same call the same hold, or a little later."""
        start = hold.start + timedelta(minutes=later)
        length = (hold.end - hold.start) // timedelta(minutes=1)
        wish = self.wish(0, 0, practitioner, length, call or hold.call)
        return self.hold_wish(replace(wish, start=start, service=hold.service))

    def hold_wish(self, wish: Wish) -> Any:
        expected = self.model.hold(wish)
        answer = self.stored.call(
            "hold_slot", **self.parameters_of(wish), service_type=wish.service
        )
        return self.settle("hold", expected, answer, wish)

    @rule(
        target=booked,
        hold=consumes(held),
        told=st.booleans(),
        later=st.sampled_from([0, 0, 0, 0, 30]),
        service=st.sampled_from([None, None, 0, 1]),
        practitioner=st.sampled_from([None, None, 0, 1]),
        call=st.none() | calls,
        caller=callers,
    )
    def book_hold(
        self,
        hold: Appointment,
        told: bool,
        later: int,
        service: int | None,
        practitioner: int | None,
        call: str | None,
        caller: Caller,
    ) -> Any:
        """What was held, or something else that ends it; whether the hold is named (`told`), or
        is only the call's. What has ended is no use to anyone.
        """
        start = hold.start + timedelta(minutes=later)
        length = (hold.end - hold.start) // timedelta(minutes=1)
        wish = replace(
            self.wish(service or 0, 0, practitioner, length, call or hold.call),
            start=start,
            hold=hold if told else None,
        )
        if service is None:
            wish = replace(wish, service=hold.service)
        made = self.book_wish(wish, caller, hold_id=hold.id if told else None)
        if hold.status == "ended":
            late = replace(wish, start=wish.start + timedelta(hours=3), hold=hold)
            self.book_wish(late, CALLERS[-1], hold_id=hold.id)
        return made

    @rule(
        appointment=booked,
        start=minutes_of_start,
        practitioner=practitioners,
        minutes=st.sampled_from([None, None, None, 30]),
        call=calls,
    )
    def move(
        self,
        appointment: Appointment,
        start: int,
        practitioner: int | None,
        minutes: int | None,
        call: str | None,
    ) -> None:
        wish = Wish(
            appointment.service,
            self.scene.instant(start),
            self.practitioner(practitioner),
            minutes,
            call,
        )
        self.move_to(appointment, wish)

    @rule(appointment=booked, other=booked, practitioner=practitioners)
    def move_beside(
        self, appointment: Appointment, other: Appointment, practitioner: int | None
    ) -> None:
        """Where another one ends, or to where it is itself."""
        start = other.start if other is appointment else other.end
        self.move_to(appointment, Wish(appointment.service, start, self.practitioner(practitioner)))

    def move_to(self, appointment: Appointment, wish: Wish) -> None:
        """Only staff may change the length."""
        staff = wish.minutes is not None
        expected = self.model.move(appointment, wish, staff)
        answer = self.stored.call(
            "reschedule_appointment",
            appointment_id=appointment.id,
            source="staff" if staff else "voice",
            **self.parameters_of(wish),
        )
        asked = wish.practitioner or appointment.practitioner
        self.settle("move", expected, answer, replace(wish, practitioner=asked, moving=appointment))

    @precondition(lambda self: len(self.model.live()) > FEW)
    @rule(appointment=consumes(booked))
    def cancel(self, appointment: Appointment) -> None:
        """And once more, which changes nothing; then it can't be moved."""
        id_ = {"appointment_id": appointment.id}
        for _ in range(2):
            expected = self.model.cancel(appointment)
            self.settle("cancel", expected, self.stored.call("cancel_appointment", **id_))
        if expected.code is None:
            self.move_to(appointment, Wish(appointment.service, appointment.start))

    @rule(
        appointment=booked,
        caller=callers,
        status=st.sampled_from(["no_show", "completed", "confirmed"]),
    )
    def change(self, appointment: Appointment, caller: Caller, status: Status) -> None:
        """Another's is nobody's business. Staff mark what became of it, and take that back."""
        assert appointment.caller is not None
        to = appointment.start
        expected = self.model.move(appointment, Wish(appointment.service, to))
        if caller.phone != appointment.caller.phone:
            expected = Answer("NOT_YOURS")
        answer = self.stored.call(
            "reschedule_appointment",
            appointment_id=appointment.id,
            caller_phone=caller.phone,
            scheduled_at=to,
        )
        self.settle("move as", expected, answer)
        if expected.code == "NOT_YOURS":
            answer = self.stored.call(
                "cancel_appointment", appointment_id=appointment.id, caller_phone=caller.phone
            )
            self.settle("cancel as", expected, answer)
        expected = self.model.mark(appointment, status)
        answer = self.stored.call(
            "mark_appointment", appointment_id=appointment.id, status=status, source="staff"
        )
        self.settle(status, expected, answer)

    @rule(
        hold=held,
        how=st.sampled_from(["released", "extended", "extended", "call ends"]),
        call=st.none() | calls,
    )
    def go_on(self, hold: Appointment, how: str, call: str | None) -> None:
        """Or not: by the hold's own call, or another."""
        call = call or hold.call
        if how == "released":
            expected = self.model.release(hold, call)
            answer = self.stored.call("release_hold", hold_id=hold.id, call_id=call)
            self.settle(how, expected, answer)
        elif call is not None and how == "extended":
            extended = self.model.extend_call(call)
            assert self.stored.call("extend_holds", call_id=call) == extended
        elif call is not None:
            self.model.release_call(call)
            self.stored.call("release_holds", call_id=call)

    @rule(
        until=st.sampled_from(["lapse", "just before a lapse", "beginning", "later"]),
        minutes=st.one_of(ticks(5, 30), ticks(5, 90)),
    )
    def let_time_pass(self, until: str, minutes: int) -> None:
        """To the very moment something happens by itself, to just before it, or to any other."""
        live, moment = self.model.live(), self.model.now + timedelta(minutes=minutes)
        lapses = [one.expires_at for one in live if one.status == "held" and one.expires_at]
        if until == "beginning":
            moment = min((one.start for one in live if one.start > self.model.now), default=moment)
        elif lapses and until != "later":
            moment = min(lapses) - timedelta(seconds=until != "lapse")
        self.let_come(moment)

    def let_come(self, moment: datetime) -> None:
        if moment > self.model.now:
            self.model.now = moment
            self.stored.set_clock(moment)
        note(f"it is {self.model.now}")

    @rule(
        service=services,
        first=ticks(DAYS[0] * DAY_MINUTES, DAYS[-1] * DAY_MINUTES),
        lasts=st.one_of(ticks(5, 6 * HOUR), ticks(5, 2 * DAY_MINUTES)),
        hours=st.tuples(ticks(0, DAY_MINUTES), ticks(0, DAY_MINUTES)).filter(
            lambda hours: hours[0] < hours[1]
        )
        | st.just((0, DAY_MINUTES)),
        practitioner=practitioners,
        minutes=durations,
        call=calls,
        limit=st.sampled_from([1, 2, 7, 500, 500]),
    )
    def look(
        self,
        service: int,
        first: int,
        lasts: int,
        hours: tuple[int, int],
        practitioner: int | None,
        minutes: int | None,
        call: str | None,
        limit: int,
    ) -> None:
        window = Window(self.scene.instant(first), self.scene.instant(first + lasts), *hours)
        wish = self.wish(service, first, practitioner, minutes, call)
        self.agree.on_availability(wish, window, limit)
        self.agree.on_spread(wish, window, min(limit, 6))

    @invariant()
    def same_rows(self) -> None:
        if hasattr(self, "agree"):
            self.agree.on_rows()


def run(stored: StoredDiary, chosen: settings) -> None:
    machine = type("Machine", (DiaryMachine,), {"stored": stored})
    run_state_machine_as_test(machine, settings=chosen)


def test_the_database_and_the_model_agree_on_every_answer(server: Server) -> None:
    with stored_diary(server) as stored:
        run(stored, profile(30, stateful_step_count=30))


@pytest.mark.parametrize(
    ("function", "answer"),
    {
        "slot_taken": "NULL",  # only the constraints are left, and they know no lapsed holds
        "is_own_hold": "false",
        "rank_practitioners": "p_candidates",
        "starts_within": "p_open",  # up to closing time, however long it takes
        "time_refusal": "NULL",
    }.items(),
)
def test_the_machine_finds_a_broken_function(server: Server, function: str, answer: str) -> None:
    """Or its silence means nothing."""
    without_shrinking = {"phases": [Phase.generate], "report_multiple_bugs": False}
    with stored_diary(server) as stored:
        stored.replace_function(function, answer)
        with pytest.raises(AssertionError):
            run(stored, profile(300, stateful_step_count=30, **without_shrinking))
