"""What a run will do, all of it from the seed: which steps, for whom, when, and which faults.

How the steps interleave, and so what each is answered, is the machine's to say.
"""

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

# A Friday before the clocks change in Europe: of the days that are booked one has 23 hours.
CLOCK: Final = datetime(2027, 3, 26, 9, 50, tzinfo=UTC)
DAYS: Final = 4
OPENS, CLOSES = 7, 19  # local hours, every day
GRID_MINUTES: Final = 10
PEOPLE_PER_CLINIC: Final = 80

Cut = Literal["unread", "half"]
Via = Literal["voice", "direct", "rpc", "rest"]

# Kind of step → how often of 1,000, and how many requests it makes when all goes well.
STEPS: Final[Mapping[str, tuple[int, int]]] = {
    "check": (130, 1),
    "book": (250, 1),
    "hold_book": (60, 2),
    "hold_leave": (30, 2),
    "retry": (45, 2),
    "duplicate": (40, 2),
    "twins": (30, 3),
    "race": (40, 4),
    "cancel_race": (45, 4),
    "move_race": (20, 3),
    "move": (60, 1),
    "cancel": (60, 1),
    "idempotency": (30, 3),
    "staff_move": (25, 1),
    "staff_cancel": (20, 1),
    "staff_overbook": (20, 1),
    "staff_soon": (15, 1),
    "staff_mark": (20, 1),
    "waitlist": (20, 2),
    "foreign": (35, 1),
    "nonsense": (35, 1),
    "read": (35, 1),
    "lookup": (20, 1),
}

FaultKind = Literal[
    "api killed",
    "api terminated",
    "worker killed",
    "worker terminated",
    "postgres crashed",
    "postgres restarted",
    "postgres backend killed",
    "postgres sessions ended",
    "api paused",
    "worker paused",
    "postgres session paused",
]
# Kind of fault → how often of 100. Those of KILLS end a process, or all of PostgreSQL's.
FAULTS: Final[Mapping[FaultKind, int]] = {
    "api killed": 27,
    "api terminated": 14,
    "worker killed": 21,
    "worker terminated": 9,
    "postgres crashed": 4,
    "postgres restarted": 4,
    "postgres backend killed": 3,
    "postgres sessions ended": 4,
    "api paused": 6,
    "worker paused": 4,
    "postgres session paused": 4,
}
KILLS: Final = frozenset(
    kind for kind in FAULTS if kind.endswith((" killed", " terminated", " crashed", " restarted"))
)
FAULT_SECONDS: Final = 4.0  # between two, on average


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    seconds: float
    rate: float
    clinics: int
    chaos: bool


@dataclass(frozen=True, slots=True)
class Step:
    """`due` in seconds from the start of the load. `picked`, 0 to 1, says which of what is there.
    `patience`: how often a caller without an answer asks again. `chance` is for details.
    """

    number: int
    due: float
    kind: str
    clinic: int
    other_clinic: int
    person: int
    service: int
    start: datetime
    via: Via
    picked: float
    cut: Cut | None
    patience: int
    chance: random.Random


@dataclass(frozen=True, slots=True)
class Fault:
    """`target` and `seconds` (of a pause) are drawn for every kind, `due` as of a step."""

    due: float
    kind: FaultKind
    target: int
    seconds: float


def plan_steps(plan: Plan) -> Iterator[Step]:
    """In the order they are due. The same for the same plan."""
    kinds, weights = list(STEPS), [often for often, _ in STEPS.values()]
    requests = 0
    for number in itertools.count():
        due = requests / plan.rate
        if due >= plan.seconds:
            return
        chance = random.Random(f"{plan.seed}/step/{number}")  # noqa: S311
        kind = chance.choices(kinds, weights)[0]
        clinic = _crowded(chance, plan.clinics)
        yield Step(
            number=number,
            due=due,
            kind=kind,
            clinic=clinic,
            other_clinic=(clinic + chance.randrange(1, max(2, plan.clinics))) % plan.clinics,
            person=_crowded(chance, PEOPLE_PER_CLINIC),
            service=chance.randrange(6),
            start=_start(chance),
            via=chance.choices(("voice", "direct", "rpc", "rest"), (50, 12, 18, 20))[0],
            picked=chance.random(),
            cut=chance.choices((None, "unread", "half"), (92, 6, 2))[0],
            patience=chance.choices((0, 1, 4), (20, 30, 50))[0],
            chance=chance,
        )
        requests += STEPS[kind][1]


def plan_faults(plan: Plan) -> Iterator[Fault]:
    """None without chaos. The last ones leave time for what they did to be seen."""
    if not plan.chaos:
        return
    chance = random.Random(f"{plan.seed}/faults")  # noqa: S311
    kinds, weights = list(FAULTS), list(FAULTS.values())
    due = 3.0
    while due < plan.seconds - 2.0:
        kind = chance.choices(kinds, weights)[0]
        yield Fault(due, kind, chance.randrange(1 << 16), chance.uniform(0.5, 2.0))
        due += chance.uniform(0.5, 1.5) * FAULT_SECONDS


def _crowded(chance: random.Random, count: int) -> int:
    """One of so many, the first far more often than the last, so that callers meet."""
    return int(count * chance.random() ** 2)


def _start(chance: random.Random) -> datetime:
    """On the grid of an opening hour, sooner days more often; clinics are in three zones, so that
    some of what is asked for is out of hours.
    """
    day = 1 + _crowded(chance, DAYS)
    minutes = chance.randrange((CLOSES - OPENS) * 60 // GRID_MINUTES) * GRID_MINUTES
    midnight = CLOCK.replace(hour=0, minute=0)
    return midnight + timedelta(days=day, hours=OPENS, minutes=minutes)
