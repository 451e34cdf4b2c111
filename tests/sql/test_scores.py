"""Lead scores: what each fact is worth, and what weights may be."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.sql.diary import ANN, BOB, DAY, NOW, STAFF, TOM, Diary, code
from tests.sql.scoring import (
    LATER,
    call,
    insert,
    lead,
    reasons,
    score,
    set_weights,
    stored,
    visit,
    weights,
)

# What each fact is worth


async def test_somebody_of_whom_nothing_is_known_begins_cold_and_long_quiet(diary: Diary) -> None:
    ann = await lead(diary)
    assert await reasons(diary, ann) == {"start": 20, "quiet": -20}
    scored = await score(diary, ann)
    assert (scored["score"], scored["tier"]) == (0, "cold")


async def test_a_booking_counts_with_its_service(diary: Diary) -> None:
    await diary.service("implant", 60, name="Implant consultation")
    booked = await diary.book(LATER, service_type="implant", patient_email="ann@example.com")
    ann = UUID(booked["contact_id"])
    assert await reasons(diary, ann) == {
        "start": 20,
        "service": 10,
        "upcoming": 25,
        "recent": 10,
        "email": 5,
    }
    scored = await score(diary, ann)
    assert (scored["score"], scored["tier"]) == (70, "warm")
    (service,) = [r for r in scored["reasons"] if r["reason"] == "service"]
    assert service["params"] == {"key": "implant", "name": "Implant consultation"}


async def test_a_patient_who_confirmed_counts_more(diary: Diary) -> None:
    booked = await diary.book(LATER)
    await diary.call("confirm_by_patient", appointment_id=UUID(booked["appointment_id"]))
    assert (await reasons(diary, UUID(booked["contact_id"])))["confirmed"] == 10


async def test_of_the_services_the_one_worth_most_counts(diary: Diary) -> None:
    await set_weights(diary, services={"implant": 40, "cleaning": -5})
    ann = await lead(diary)
    for service in ("cleaning", "implant", "filling"):
        await visit(diary, ann, "completed", 20, service_type=service)
    scored = await score(diary, ann)
    assert [r["params"]["key"] for r in scored["reasons"] if r["reason"] == "service"] == [
        "implant"
    ]
    assert (await reasons(diary, ann))["service"] == 40


@pytest.mark.parametrize("how", ["summary", "held in the call", "waitlist", "expired"])
async def test_what_was_only_asked_for_counts_too(diary: Diary, how: str) -> None:
    await diary.service("implant", 60, name="Implant consultation")
    ann = await lead(diary)
    if how == "summary":
        await call(diary, ann, summary="Asked what an IMPLANT CONSULTATION costs.")
    elif how == "held in the call":
        call_id = await call(diary, ann)
        await diary.hold(LATER, call_id, service_type="implant")
    elif how == "waitlist":
        await insert(
            diary,
            "waitlist",
            contact_id=ann,
            service_type="implant",
            date_from=NOW.date(),
            date_to=NOW.date(),
            status="left",
            created_at=NOW,
        )
    else:
        await visit(diary, ann, "expired", 2, service_type="implant", hold_expires_at=NOW - 2 * DAY)
    assert (await reasons(diary, ann))["service"] == 10


async def test_what_another_of_the_household_booked_in_the_call_isnt_theirs(diary: Diary) -> None:
    ann, tom = await lead(diary), await lead(diary, TOM)
    call_id = await call(diary, ann)
    await visit(diary, tom, "confirmed", -3, call_id=call_id)
    assert "service" not in await reasons(diary, ann)
    assert "service" in await reasons(diary, tom)


async def test_whoever_waits_for_a_time_counts_more(diary: Diary) -> None:
    joined = await diary.join(ANN)
    assert code(joined) is None, joined
    ann = await diary.owner.fetchval("SELECT contact_id FROM waitlist")
    assert (await reasons(diary, ann))["waiting"] == 15


@pytest.mark.parametrize(
    ("urgency", "reason", "points"),
    [("low", None, 0), ("normal", None, 0), ("high", "urgent", 20), ("emergency", "emergency", 30)],
)
async def test_what_is_urgent_counts_from_calls_and_messages(
    diary: Diary, urgency: str, reason: str | None, points: int
) -> None:
    ann, bob = await lead(diary), await lead(diary, BOB)
    await call(diary, ann, urgency=urgency)
    await diary.call("take_message", body="Please call", urgency=urgency, callback_phone=BOB.phone)
    for who in (ann, bob):
        found = await reasons(diary, who)
        assert {k: v for k, v in found.items() if k in ("urgent", "emergency")} == (
            {} if reason is None else {reason: points}
        )


async def test_a_message_of_a_named_one_is_not_the_others(diary: Diary) -> None:
    ann, tom = await lead(diary), await lead(diary, TOM)
    await diary.call(
        "take_message", body="It hurts", urgency="high", caller_phone=TOM.phone, name=TOM.name
    )
    assert "urgent" in await reasons(diary, tom)
    assert "urgent" not in await reasons(diary, ann)


async def test_the_mood_of_the_last_call_counts(diary: Diary) -> None:
    ann = await lead(diary)
    await call(diary, ann, 9, sentiment="negative")
    assert (await reasons(diary, ann))["negative"] == -10
    await call(diary, ann, 3, sentiment="positive")
    await call(diary, ann, 1)  # the platform didn't say
    found = await reasons(diary, ann)
    assert found["positive"] == 5
    assert "negative" not in found


async def test_visits_make_a_regular(diary: Diary) -> None:
    ann = await lead(diary)
    await visit(diary, ann, "completed", 300)
    assert {"visited": 10}.items() <= (await reasons(diary, ann)).items()
    await visit(diary, ann, "completed", 250)
    await visit(diary, ann, "confirmed", 220)  # past, and nobody said otherwise
    found = await reasons(diary, ann)
    assert (found["visited"], found["regular"]) == (10, 10)


async def test_each_no_show_and_cancellation_counts_up_to_three(diary: Diary) -> None:
    ann = await lead(diary)
    for times in range(1, 5):
        await visit(diary, ann, "no_show", 100 + times)
        await visit(diary, ann, "cancelled", 200 + times)
        found = await reasons(diary, ann)
        assert (found["no_show"], found["cancelled"]) == (-15 * min(times, 3), -5 * min(times, 3))


async def test_what_the_clinic_cancelled_is_not_held_against_them(diary: Diary) -> None:
    booked = await diary.book(LATER)
    await diary.cancel(booked, **STAFF)
    assert "cancelled" not in await reasons(diary, UUID(booked["contact_id"]))
    again = await diary.book(LATER)
    await diary.cancel(again)
    assert (await reasons(diary, UUID(again["contact_id"])))["cancelled"] == -5


@pytest.mark.parametrize(
    ("days", "reason"), [(29, "recent"), (31, None), (179, None), (181, "quiet")]
)
async def test_how_long_ago_they_were_in_touch_counts(
    diary: Diary, days: int, reason: str | None
) -> None:
    ann = await lead(diary)
    await call(diary, ann, days)
    found = await reasons(diary, ann)
    assert [name for name in ("recent", "quiet") if name in found] == ([reason] if reason else [])


async def test_the_newest_word_on_texts_counts(diary: Diary) -> None:
    ann = await lead(diary)
    for kind, expected in (
        ("opt_in", {"texts_wanted": 5}),
        ("opt_out", {"texts_refused": -10}),
        ("opt_in", {"texts_wanted": 5}),
    ):
        await diary.call("save_consent", phone=ANN.phone, kind=kind, source="staff")
        found = await reasons(diary, ann)
        assert {k: v for k, v in found.items() if k.startswith("texts_")} == expected


async def test_who_was_erased_and_comes_back_still_wants_no_texts(diary: Diary) -> None:
    ann = await lead(diary)
    await diary.call("save_consent", phone=ANN.phone, kind="opt_out", source="staff")
    erased = await diary.call("erase_person", lead_id=ann, actor="owner@clinic.example")
    assert code(erased) is None
    assert (await reasons(diary, await lead(diary)))["texts_refused"] == -10


@pytest.mark.parametrize(
    ("direction", "status", "reaches"),
    [("in", None, True), ("out", "delivered", True), ("out", "undelivered", False)],
)
async def test_a_number_that_texts_reach_counts(
    diary: Diary, direction: str, status: str | None, reaches: bool
) -> None:
    ann = await lead(diary)
    await insert(
        diary,
        "texts",
        direction=direction,
        our_number="+442079460000",
        their_number=ANN.phone,
        status=status,
        **({"kind": "sms_confirmation", "version": 1} if direction == "out" else {}),
    )
    assert ("reachable" in await reasons(diary, ann)) is reaches


# Weights, bounds, tiers


async def test_every_weight_can_be_changed(diary: Diary) -> None:
    """Each fact alone: what it is worth is what its weight says."""
    given = (await weights(diary))["weights"]
    for place, name in enumerate(given):
        await set_weights(diary, weights=dict.fromkeys(given, 0) | {name: place + 1})
        weighed = json.loads(
            await diary.owner.fetchval(
                "SELECT weigh_score_facts($1, current_score_weights($2))",
                json.dumps([{"reason": fact} for fact in given]),
                diary.org_id,
            )
        )
        assert weighed["score"] == place + 1
        assert [r["reason"] for r in weighed["reasons"]] == [name]


@pytest.mark.parametrize(
    ("start", "score_", "tier"),
    [
        (-100, 0, "cold"),
        (0, 0, "cold"),
        (39, 39, "cold"),
        (40, 40, "warm"),
        (79, 79, "warm"),
        (80, 80, "hot"),
        (100, 100, "hot"),
    ],
)
async def test_scores_stay_within_bounds_and_tiers_begin_at_theirs(
    diary: Diary, start: int, score_: int, tier: str
) -> None:
    await set_weights(diary, weights={"start": start, "quiet": 0})
    scored = await score(diary, await lead(diary))
    assert (scored["score"], scored["tier"]) == (score_, tier)


async def test_more_than_a_hundred_points_are_a_hundred(diary: Diary) -> None:
    await set_weights(diary, weights={"start": 100, "visited": 100, "quiet": 0})
    ann = await lead(diary)
    await visit(diary, ann, "completed", 400)
    assert (await score(diary, ann))["score"] == 100


async def test_tiers_can_be_moved(diary: Diary) -> None:
    assert code(await set_weights(diary, hot=15, warm=5, weights={"quiet": -10})) is None
    assert (await score(diary, await lead(diary)))["tier"] == "warm"


BAD_WEIGHTS: list[Any] = [
    None,
    [],
    {},
    {"hot": 70, "warm": 40, "weights": {}},
    {"hot": 70, "warm": 40, "weights": {}, "services": {}, "more": 1},
    {"hot": 40, "warm": 40, "weights": {}, "services": {}},
    {"hot": 40, "warm": 70, "weights": {}, "services": {}},
    {"hot": 101, "warm": 40, "weights": {}, "services": {}},
    {"hot": 70, "warm": 0, "weights": {}, "services": {}},
    {"hot": 70.5, "warm": 40, "weights": {}, "services": {}},
    {"hot": "70", "warm": 40, "weights": {}, "services": {}},
    {"hot": None, "warm": 40, "weights": {}, "services": {}},
    {"hot": 70, "warm": 40, "weights": {"unknown": 1}, "services": {}},
    {"hot": 70, "warm": 40, "weights": {"start": 101}, "services": {}},
    {"hot": 70, "warm": 40, "weights": {"start": -101}, "services": {}},
    {"hot": 70, "warm": 40, "weights": {"start": 1.5}, "services": {}},
    {"hot": 70, "warm": 40, "weights": {"start": "1"}, "services": {}},
    {"hot": 70, "warm": 40, "weights": {"start": None}, "services": {}},
    {"hot": 70, "warm": 40, "weights": {}, "services": {"implant": 1000}},
    {"hot": 70, "warm": 40, "weights": {}, "services": {"": 1}},
    {"hot": 70, "warm": 40, "weights": {}, "services": {"x" * 101: 1}},
    {"hot": 70, "warm": 40, "weights": {}, "services": {str(n): 1 for n in range(201)}},
    {"hot": 70, "warm": 40, "weights": [], "services": {}},
    {"hot": 70, "warm": 40, "weights": {}, "services": "implant"},
]


@pytest.mark.parametrize("bad", BAD_WEIGHTS, ids=lambda bad: json.dumps(bad)[:60])
async def test_weights_that_are_none_are_refused(diary: Diary, bad: Any) -> None:
    before = await diary.call("score_weights")
    given = json.dumps(bad)
    for function in ("set_score_weights", "preview_scores"):
        assert code(await diary.call(function, weights=given)) == "INVALID_ARGUMENTS"
    assert await diary.call("score_weights") == before


async def test_who_reads_an_older_version_changes_nothing(diary: Diary) -> None:
    wanted = json.dumps(await weights(diary) | {"hot": 90})
    first = await diary.call("set_score_weights", weights=wanted, version=1)
    assert (first["version"], first["own"], first["weights"]["hot"]) == (2, True, 90)
    stale = await diary.call("set_score_weights", weights=None, version=1)
    assert (code(stale), stale["version"]) == ("STALE_VERSION", 2)
    again = await diary.call("set_score_weights", weights=wanted, version=2)
    assert again["version"] == 2  # nothing changed
    reset = await diary.call("set_score_weights", weights=None, version=2)
    assert (reset["own"], reset["weights"]["hot"]) == (False, 80)


async def test_a_weight_of_a_newer_release_has_its_built_in_points(diary: Diary) -> None:
    await diary.set(
        score_weights='{"hot": 85, "warm": 30, "weights": {"start": 1}, "services": {}}'
    )
    found = await weights(diary)
    assert (found["hot"], found["weights"]["start"], found["weights"]["upcoming"]) == (85, 1, 25)


async def test_nobody_is_scored_who_isnt_there(diary: Diary) -> None:
    assert code(await diary.call("score_lead", lead_id=uuid4())) == "NOT_FOUND"
    assert await stored(diary) == {}


# Other weights, tried


async def test_a_preview_stores_nothing(diary: Diary) -> None:
    await diary.book(LATER)
    await lead(diary, BOB)
    wanted = await weights(diary) | {"hot": 60}
    example = [{"reason": "upcoming"}, {"reason": "no_show", "params": {"times": 2}}]
    seen = await diary.call(
        "preview_scores", weights=json.dumps(wanted), examples=json.dumps([example])
    )
    assert (seen["leads"], seen["before"], seen["after"]) == (
        2,
        {"hot": 0, "warm": 1, "cold": 1},
        {"hot": 1, "warm": 0, "cold": 1},
    )
    (tried,) = seen["examples"]
    assert tried["before"]["score"] == 0
    assert [r["points"] for r in tried["after"]["reasons"]] == [-30, 25]
    assert await stored(diary) == {}
    assert (await diary.call("score_weights"))["own"] is False
    unchanged = await diary.call("preview_scores")
    assert unchanged["before"] == unchanged["after"]


async def test_every_weight_is_documented_with_its_points(diary: Diary) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "lead-scores.md").read_text()
    told = {
        name: int(points) for name, points in re.findall(r"^\| `(\w+)` \| (-?\d+) \|", page, re.M)
    }
    given = await weights(diary)
    assert told == given["weights"] | {"hot": given["hot"], "warm": given["warm"]}
