"""Whatever callers do, and however much of what they were told gets lost: no false alarm."""

import os
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.database import Booking
from tests.sql.diary import ANN, BOB, EVE, OVERBOOK, TOM, Diary, at
from tests.stress.rich import Scene
from voxanne.stress.oracle import Entry, Journal, find_anomalies

pytestmark = pytest.mark.asyncio(loop_scope="package")
# For more of them: VOXANNE_ORACLE_EXAMPLES=300.
EXAMPLES = int(os.environ.get("VOXANNE_ORACLE_EXAMPLES", "6"))
CALLERS = (ANN, BOB, EVE, TOM)
STARTS = [at("08:00") + timedelta(days=1, minutes=10 * n) for n in range(12)]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("book", "book", "hold", "take", "move", "cancel", "overbook", "again", "wait", "mark")
        ),
        st.integers(0, 11),
        st.integers(0, 3),
    ),
    max_size=25,
)


class Story:
    """A true history on the scene's clinic; all that is made in it goes with its transaction."""

    def __init__(self, scene: Scene) -> None:
        diary = scene.diary
        own = Diary(diary.database, diary.owner, diary.owner, diary.org_id)
        self.scene = Scene(own, scene.other, Journal(scene.journal.entries), scene.now)
        self.made: list[Booking] = []
        self.holds: list[tuple[int, str]] = []

    async def step(self, kind: str, place: int, who: int) -> None:
        scene, start, caller = self.scene, STARTS[place], CALLERS[who]
        known = self.made[place % len(self.made)] if self.made else None
        if kind in ("book", "again"):
            key = {"idempotency_key": f"story-{place}-{who}"} if kind == "again" else {}
            self._learn(await scene.book(start, caller, **key))
        elif kind == "overbook":
            self._learn(await scene.book(start, caller, **OVERBOOK))
        elif kind == "hold":
            await scene.hold(start, f"call-{who}")
            self.holds.append((place, f"call-{who}"))
        elif kind == "take" and self.holds:
            held, call = self.holds.pop()
            self._learn(await scene.book(STARTS[held], caller, call_id=call))
        elif kind == "wait":
            await scene.wait(timedelta(minutes=3 * who, hours=place // 8))
        elif known is not None:
            await self._change(kind, known, place)

    async def _change(self, kind: str, known: Booking, place: int) -> None:
        if kind == "move":
            await self.scene.move(known, STARTS[place])
        elif kind == "cancel":
            await self.scene.cancel(known)
        elif kind == "mark":
            await self.scene.diary.mark(known, ("completed", "no_show")[place % 2])

    def _learn(self, answer: Booking) -> None:
        if answer["success"]:
            self.made.append(answer)


def blurred(entries: list[Entry], chance: Random) -> list[Entry]:
    """As callers might have seen it: answers late or lost, and in another order."""
    seen = []
    for entry in entries:
        told: dict[str, Any] = {
            "began": entry.began - chance.random() * 5,
            "ended": entry.ended + chance.random() * 5,
        }
        if chance.random() < 0.3:
            lost = {"outcome": None, "appointment_id": None, "version": None, "replayed": False}
            told |= {**lost, "answer": {}}
        seen.append(replace(entry, **told))
    chance.shuffle(seen)
    return seen


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS, seed=st.integers(0, 1000))
async def test_a_true_history_raises_no_alarm(
    scene: Scene, steps: list[tuple[str, int, int]], seed: int
) -> None:
    owner = scene.diary.owner
    transaction = owner.transaction()
    await transaction.start()
    try:
        story = Story(scene)
        for step in steps:
            await story.step(*step)
        await owner.execute("UPDATE deliveries SET status = 'voided' WHERE status = 'queued'")
        entries = story.scene.journal.entries
        for seen in (entries, blurred(entries, Random(seed))):
            assert await find_anomalies(owner, Journal(seen)) == []
    finally:
        await transaction.rollback()
