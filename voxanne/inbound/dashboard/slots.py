"""Times that are asked for and offered on the forms that book and move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.appointment_words import OVERBOOKABLE, refusal_text
from voxanne.inbound.dashboard.local_times import LocalTime, read_local
from voxanne.inbound.dashboard.visit import Visit, read_id
from voxanne.inbound.v1.problems import RefusedError

REASON_CHARACTERS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Slot:
    """A time and with whom, as the form's fields have it. `practitioner` empty: whoever is free."""

    day: str
    time: str
    which: str
    practitioner: str

    @classmethod
    def of(cls, visit: Visit) -> "Slot":
        """What was typed, or the alternative whose button was pressed."""
        form = visit.form
        parts = form.get("choose").split("|")
        if len(parts) == 4:
            return cls(*parts)
        return cls(form.get("day"), form.get("time"), form.get("which"), form.get("practitioner"))

    def starts_at(self, visit: Visit) -> datetime:
        """UTC. Raises RefusedError."""
        return read_local(self.day, self.time, self.which, visit.when)

    def practitioner_id(self, visit: Visit) -> UUID | None:
        """None: whoever has it, or is free. The clinic's own id, which stands for all it has, too.

        Raises RefusedError.
        """
        said = read_id(self.practitioner)
        if self.practitioner and said is None:
            raise RefusedError(
                Outcome.UNKNOWN_PRACTITIONER, "There is no such practitioner.", status=422
            )
        return None if said == visit.clinic.id else said


def overbooking_reason(visit: Visit) -> str:
    """Why it is put over another on purpose; empty with a time that was offered instead."""
    if visit.form.get("choose"):
        return ""
    return visit.form.get("reason")[:REASON_CHARACTERS_MAX]


@dataclass(frozen=True, slots=True)
class Choice:
    """A time that could be had instead."""

    label: str
    slot: Slot

    @property
    def value(self) -> str:
        """What its button sends as `choose`."""
        slot = self.slot
        return "|".join((slot.day, slot.time, slot.which, slot.practitioner))


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a form comes back: beside which field (`where`), and what can be done."""

    code: str
    sentence: str
    where: str
    choices: Sequence[Choice] = ()
    twice: bool = False
    may_overbook: bool = False
    needs_reason: bool = False


_WHERE: Final[Mapping[Outcome, str]] = {
    Outcome.INVALID_NAME: "name",
    Outcome.INVALID_PHONE: "phone",
    Outcome.INVALID_EMAIL: "email",
    Outcome.UNKNOWN_SERVICE: "service",
    Outcome.UNKNOWN_PRACTITIONER: "practitioner",
    Outcome.INVALID_DURATION: "minutes",
    Outcome.IDEMPOTENCY_MISMATCH: "",
    Outcome.STALE_VERSION: "",
}


def refused_form(visit: Visit, refused: RefusedError) -> Refused:
    """As the form shows it."""
    may_overbook = refused.outcome in OVERBOOKABLE
    return Refused(
        refused.outcome,
        refusal_text(refused),
        str(refused.details.get("where") or _WHERE.get(refused.outcome, "time")),
        alternatives(visit, refused),
        twice=refused.outcome is Outcome.NEEDS_CONFIRMATION,
        may_overbook=may_overbook,
        needs_reason=may_overbook and bool(visit.form.get("overbook")),
    )


def problem_form(visit: Visit, refused: RefusedError) -> RefusedError:
    """The same for a script."""
    shown = refused_form(visit, refused)
    details: dict[str, Any] = {
        name: value for name, value in refused.details.items() if name != "alternatives"
    }
    if shown.choices:
        details["alternatives"] = [
            {
                "day": choice.slot.day,
                "time": choice.slot.time,
                "practitioner": choice.slot.practitioner,
                "label": choice.label,
                **({"which": choice.slot.which} if choice.slot.which else {}),
            }
            for choice in shown.choices
        ]
    if shown.may_overbook:
        details["may_overbook"] = True
    return RefusedError(refused.outcome, shown.sentence, details, status=refused.status)


def alternatives(visit: Visit, refused: RefusedError) -> list[Choice]:
    found = refused.details.get("alternatives") or ()
    choices = []
    for each in found if isinstance(found, Sequence) else ():
        at = LocalTime.of(datetime.fromisoformat(each["starts_at"]), visit.clinic.zone)
        label = visit.when.moment(each["starts_at"])
        if at.which:
            label += f" (the {at.which} one)"
        if each["practitioner_name"]:
            label += f" with {each['practitioner_name']}"
        # Of a clinic without practitioners it is the clinic's own id, which none is asked for by.
        who = each["practitioner_id"] if each["practitioner_name"] else ""
        choices.append(Choice(label, Slot(at.day, at.time, at.which, who)))
    return choices
