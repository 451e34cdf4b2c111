"""What callers saw against what is stored: what can't both be is found, what can isn't."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.sql.diary import at
from tests.stress.rich import Scene
from voxanne.stress.oracle import Entry, Journal, find_anomalies, judge
from voxanne.stress.oracle.journal import JournalFile
from voxanne.stress.oracle.ledger import is_unsettled

pytestmark = pytest.mark.asyncio(loop_scope="package")
Entries = list[Entry]


async def test_true_answers_are_no_anomaly(scene: Scene) -> None:
    findings = await judge(scene.diary.owner, scene.journal)
    assert {finding.rule: finding.anomalies for finding in findings if finding.count} == {}
    assert [finding.rule for finding in findings if finding.looked == 0] == []


async def rules_of(scene: Scene, entries: Iterable[Entry]) -> set[str]:
    found = await find_anomalies(scene.diary.owner, Journal(entries))
    return {anomaly.rule for anomaly in found}


def new(scene: Scene, operation: str, outcome: str | None = "SUCCESS", **more: Any) -> Entry:
    """One more operation, asked while the journal was ending."""
    last = max(entry.ended for entry in scene.journal.entries)
    told = {"began": last + 1, "ended": last + 2, **more}
    number = len(scene.journal) + 1
    return Entry(number, operation, scene.diary.org_id, outcome=outcome, **told)


def id_of(scene: Scene, name: str) -> UUID:
    return UUID(scene.bookings[name]["appointment_id"])


def asked(start: datetime, **more: str) -> dict[str, Any]:
    return {"start": start.isoformat(), "service": "consultation", **more}


PLANTS: dict[str, tuple[set[str], Callable[[Scene], Entry]]] = {
    "a booking that isn't there": (
        {"acknowledged_and_lost"},
        lambda scene: new(scene, "book", appointment_id=uuid4(), asked=asked(at("10:00"))),
    ),
    "a booking in another clinic": (
        {"acknowledged_and_lost"},
        lambda scene: replace(
            new(scene, "book", appointment_id=id_of(scene, "ann"), replayed=True),
            org_id=scene.other.org_id,
        ),
    ),
    "a cancellation that isn't": (
        {"acknowledged_and_lost"},
        lambda scene: new(scene, "cancel", asked={"appointment_id": str(id_of(scene, "bob"))}),
    ),
    "a move that isn't": (
        {"acknowledged_otherwise"},
        lambda scene: new(
            scene, "move", appointment_id=id_of(scene, "bob"), asked=asked(at("20:00"))
        ),
    ),
    "a move of another version": (
        {"acknowledged_otherwise"},
        lambda scene: new(
            scene,
            "move",
            appointment_id=id_of(scene, "ann"),
            version=7,
            asked=asked(at("11:00")),
        ),
    ),
    "one key, two answers": (
        {"key_answered_twice"},
        lambda scene: new(
            scene,
            "retry",
            appointment_id=id_of(scene, "bob"),
            replayed=True,
            asked=asked(at("09:00"), key="key-1"),
        ),
    ),
    "new twice": (
        {"replay_of_another"},
        lambda scene: new(
            scene, "book", appointment_id=id_of(scene, "bob"), asked=asked(at("09:00"))
        ),
    ),
    "a replay of somebody else's": (
        {"replay_of_another"},
        lambda scene: new(
            scene,
            "duplicate",
            appointment_id=id_of(scene, "bob"),
            replayed=True,
            asked=asked(at("09:00"), phone="+442079460958"),
        ),
    ),
    "a replay of another time": (
        {"replay_of_another"},
        lambda scene: new(
            scene,
            "duplicate",
            appointment_id=id_of(scene, "bob"),
            replayed=True,
            asked=asked(at("09:30")),
            answer={"scheduled_at": at("09:00").isoformat()},
        ),
    ),
    "an older version than was told": (
        {"acknowledged_out_of_order"},
        lambda scene: new(
            scene,
            "move",
            appointment_id=id_of(scene, "ann"),
            version=2,
            asked=asked(at("10:00") + timedelta(days=1)),
        ),
    ),
    "refused for nothing": (
        {"refused_for_nothing"},
        lambda scene: new(scene, "book", "SLOT_UNAVAILABLE", asked=asked(at("07:00"))),
    ),
    "refused for another practitioner's": (
        {"refused_for_nothing"},
        lambda scene: new(
            scene,
            "book",
            "SLOT_UNAVAILABLE",
            asked=asked(at("17:30"), practitioner_id=str(UUID(int=1))),
        ),
    ),
    "refused for what was gone long before": (
        {"refused_for_nothing"},
        lambda scene: new(scene, "hold", "SLOT_UNAVAILABLE", asked=asked(at("11:00"))),
    ),
    "refused and done": (
        {"refused_and_written"},
        lambda scene: new(scene, "book", "OUTSIDE_HOURS", asked={"key": "import/9"}),
    ),
}


@pytest.mark.parametrize("planted", PLANTS)
async def test_a_wrong_answer_is_found(scene: Scene, planted: str) -> None:
    rules, make = PLANTS[planted]
    owner = scene.diary.owner
    transaction = owner.transaction()
    await transaction.start()
    try:
        if "refused_and_written" in rules:
            await owner.execute(
                "UPDATE appointments SET idempotency_key = 'import/9' WHERE id = $1",
                id_of(scene, "bob"),
            )
        assert await rules_of(scene, [*scene.journal.entries, make(scene)]) == rules
    finally:
        await transaction.rollback()


def without(scene: Scene, id_: UUID, *operations: str) -> tuple[Entries, Entries]:
    """The journal without what is told of an appointment, and that."""
    theirs = [
        entry
        for entry in scene.journal.entries
        if entry.appointment_id == id_ and entry.operation in operations
    ]
    return [entry for entry in scene.journal.entries if entry not in theirs], theirs


async def test_what_nobody_asked_for_is_found(scene: Scene) -> None:
    rest, (booked,) = without(scene, id_of(scene, "bob"), "book")
    assert await rules_of(scene, rest) == {"appointment_nobody_asked_for"}
    refused = replace(booked, outcome="OUTSIDE_HOURS", appointment_id=None)
    assert await rules_of(scene, [*rest, refused]) == {"appointment_nobody_asked_for"}


async def test_what_was_asked_without_an_answer_may_be_there(scene: Scene) -> None:
    rest, (booked,) = without(scene, id_of(scene, "bob"), "book")
    unanswered = replace(booked, outcome=None, appointment_id=None, version=None, answer={})
    assert await rules_of(scene, [*rest, unanswered]) == set()
    elsewhen = replace(unanswered, asked={**booked.asked, "start": at("09:10").isoformat()})
    another = replace(unanswered, asked={**booked.asked, "phone": "+442079460777"})
    for wrong in (elsewhen, another):
        assert await rules_of(scene, [*rest, wrong]) == {"appointment_nobody_asked_for"}


@pytest.mark.parametrize("outcome", [None, "BUSY", "INTERNAL_ERROR", "HTTP 502"])
async def test_after_some_answers_nobody_knows(scene: Scene, outcome: str | None) -> None:
    assert is_unsettled(new(scene, "book", outcome))
    assert not is_unsettled(new(scene, "book", "SLOT_UNAVAILABLE"))
    assert not is_unsettled(new(scene, "book", "HTTP 413"))


async def test_a_change_nobody_asked_for_is_found(scene: Scene) -> None:
    rest, moves = without(scene, id_of(scene, "ann"), "move", "staff_move")
    assert await rules_of(scene, rest) == {"change_nobody_asked_for"}
    unanswered = [replace(move, outcome=None, version=None, answer={}) for move in moves]
    assert await rules_of(scene, [*rest, *unanswered]) == set()


async def test_a_cancellation_nobody_asked_for_is_found(scene: Scene) -> None:
    rest = [entry for entry in scene.journal.entries if entry.operation != "staff_cancel"]
    assert await rules_of(scene, rest) == {"change_nobody_asked_for"}


async def test_what_may_be_isnt_held_against_anybody(scene: Scene) -> None:
    """An operation the oracle has no name for, and a refusal while the time was being given up."""
    rest, (booked,) = without(scene, id_of(scene, "bob"), "book")
    unknown = replace(booked, operation="conjure", outcome=None, appointment_id=None)
    assert await rules_of(scene, [*rest, unknown]) == set()
    (over,) = [
        entry
        for entry in scene.journal.entries
        if entry.operation == "cancel" and entry.began > 600 and "17:00" in _start_of(scene, entry)
    ]
    refused = new(
        scene,
        "book",
        "SLOT_UNAVAILABLE",
        asked=asked(at("17:00")),
        began=over.began,
        ended=over.ended,
    )
    assert await rules_of(scene, [*scene.journal.entries, refused]) == set()


def _start_of(scene: Scene, cancelled: Entry) -> str:
    for entry in scene.journal.entries:
        if entry.operation == "book" and entry.appointment_id == cancelled.appointment_id:
            return str(entry.asked["start"])
    return ""


async def test_a_caller_of_one_clinic_is_in_no_other(scene: Scene) -> None:
    strangers = [
        replace(entry, org_id=scene.other.org_id, outcome="OUTSIDE_HOURS", appointment_id=None)
        if entry.asked.get("name") == "Bob Jones"
        else entry
        for entry in scene.journal.entries
    ]
    assert "caller_in_another_clinic" in await rules_of(scene, strangers)


async def test_a_journal_is_read_as_it_was_written(tmp_path: Path, scene: Scene) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalFile(path) as written:
        for entry in scene.journal.entries:
            written.append(entry)
        # Not closed yet: a harness that is killed closes nothing.
        assert Journal.from_file(path).entries == scene.journal.entries
    with path.open("a") as file:
        file.write('{"number":')
    assert Journal.from_file(path).entries == scene.journal.entries
    with path.open("a") as file:
        file.write("\n")
    with pytest.raises(ValueError, match=rf"{len(scene.journal) + 1} is not an entry"):
        Journal.from_file(path)
