"""What a configuration can't say: each with its outcome, its path and a sentence, and nothing is
written.
"""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.diary import Diary
from tests.sql.test_configuration import (
    ORDINARY,
    Document,
    configure,
    done,
    hours,
    present,
    service,
)

ARGUMENTS, HOURS, DURATION = "INVALID_ARGUMENTS", "INVALID_HOURS", "INVALID_DURATION"
SERVICE, PRACTITIONER, ZONE = "UNKNOWN_SERVICE", "UNKNOWN_PRACTITIONER", "INVALID_TIMEZONE"
CHEN = {"name": "Dr Chen"}
LUNCH = {"weekday": 1, "starts": "12:00", "ends": "13:00"}
AWAY = {
    "practitioner": "Dr Chen",
    "starts_at": "2027-08-01T00:00:00Z",
    "ends_at": "2027-08-02T00:00:00Z",
}


def day(day: str = "2027-12-24", span: str | None = None, **more: object) -> Document:
    opens, closes = span.split("-") if span else (None, None)
    return {"day": day, "opens": opens, "closes": closes, **more}


# (document, code, where, words of the sentence)
REFUSED: list[tuple[Any, str, str, str]] = [
    # Not of its kind
    (None, ARGUMENTS, "", "object"),
    ([], ARGUMENTS, "", "object"),
    ({"hours": {}}, ARGUMENTS, "hours", "list"),
    ({"hours": [5]}, ARGUMENTS, "hours[0]", "object"),
    ({"hurs": []}, ARGUMENTS, "hurs", "no setting hurs"),
    (
        {"hours": [{**hours("09:00-17:00")[0], "colour": 1}]},
        ARGUMENTS,
        "hours[0].colour",
        "no setting",
    ),
    ({"name": ""}, ARGUMENTS, "name", "1 to 200"),
    ({"name": None}, ARGUMENTS, "name", "1 to 200"),
    ({"name": "two\nlines"}, ARGUMENTS, "name", "1 to 200"),
    ({"country": "England"}, ARGUMENTS, "country", "GB"),
    ({"language": "english"}, ARGUMENTS, "language", "en"),
    ({"transfer_number": "the usual"}, ARGUMENTS, "transfer_number", "+44"),
    ({"phone": "the usual"}, ARGUMENTS, "phone", "+44"),
    ({"email": "nobody"}, ARGUMENTS, "email", "e-mail"),
    ({"reminder_hours": [24, 24]}, ARGUMENTS, "reminder_hours", "different"),
    ({"reminder_hours": [0]}, ARGUMENTS, "reminder_hours", "1 to 336"),
    ({"reminder_hours": [1, 2, 3, 4, 5, 6]}, ARGUMENTS, "reminder_hours", "five"),
    ({"reminder_hours": ["24"]}, ARGUMENTS, "reminder_hours", "hours"),
    ({"reminder_hours": 24}, ARGUMENTS, "reminder_hours", "hours"),
    ({"quiet_from": "late"}, HOURS, "quiet_from", "21:00"),
    ({"calendar_title": "everything"}, ARGUMENTS, "calendar_title", "neutral"),
    ({"calendar_changes": "ignore"}, ARGUMENTS, "calendar_changes", "restore"),
    ({"calendar_stale": "panic"}, ARGUMENTS, "calendar_stale", "refuse"),
    ({"call_retention_days": 0}, ARGUMENTS, "call_retention_days", "1 to"),
    ({"text_retention_days": None}, ARGUMENTS, "text_retention_days", "1 to"),
    ({"person_retention_days": 29}, ARGUMENTS, "person_retention_days", "never"),
    ({"calendar_stale_minutes": 1}, ARGUMENTS, "calendar_stale_minutes", "5 to"),
    ({"notice_minutes": -1}, ARGUMENTS, "notice_minutes", "0 to 527040"),
    ({"notice_minutes": 1.5}, ARGUMENTS, "notice_minutes", "0 to 527040"),
    ({"notice_minutes": 60.0}, ARGUMENTS, "notice_minutes", "0 to 527040"),
    ({"notice_minutes": "60"}, ARGUMENTS, "notice_minutes", "0 to 527040"),
    ({"notice_minutes": 10**40}, ARGUMENTS, "notice_minutes", "0 to 527040"),
    ({"notice_minutes": None}, ARGUMENTS, "notice_minutes", "0 to 527040"),
    ({"caller_check": "maybe"}, ARGUMENTS, "caller_check", "name_and_birth_date"),
    ({"caller_check": " none"}, ARGUMENTS, "caller_check", "name_and_birth_date"),
    ({"red_flags": "pain"}, ARGUMENTS, "red_flags", "200"),
    ({"red_flags": [""]}, ARGUMENTS, "red_flags", "200"),
    ({"holidays_region": "England"}, ARGUMENTS, "holidays_region", "GB-ENG"),
    ({"version": "1"}, ARGUMENTS, "version", "whole number"),
    ({"timezone": 5}, ZONE, "timezone", "Europe/London"),
    ({"practitioners": [{"name": "Dr Chen", "id": "5"}]}, ARGUMENTS, "practitioners[0].id", "id"),
    ({"practitioners": [{}]}, ARGUMENTS, "practitioners[0].name", "1 to 200"),
    ({"practitioners": [{**CHEN, "active": "no"}]}, ARGUMENTS, "practitioners[0].active", "true"),
    # Hours
    ({"hours": hours("09:00-09:00")}, HOURS, "hours[0].closes", "end when it starts"),
    ({"hours": hours("24:00-09:00")}, HOURS, "hours[0].closes", "start at 24:00"),
    ({"hours": hours("9:00-17:00")}, HOURS, "hours[0].opens", "09:00"),
    ({"hours": hours("09:00-25:00")}, HOURS, "hours[0].closes", "17:00"),
    ({"hours": hours("09:00-17:00", weekday=8)}, HOURS, "hours[0].weekday", "7 (Sunday)"),
    ({"hours": [{"weekday": 1, "opens": "09:00"}]}, HOURS, "hours[0].closes", "17:00"),
    ({"hours": hours("09:00-13:00", "12:59-17:00")}, HOURS, "hours[1].opens", "overlaps"),
    ({"hours": hours("12:00-17:00", "09:00-13:00")}, HOURS, "hours[0].opens", "Monday, 12:00"),
    (
        {"hours": hours("09:00-17:00", "10:00-11:00", "12:00-13:00")},
        HOURS,
        "hours[1].opens",
        "overlaps",
    ),
    (
        {"hours": [*hours("20:00-02:00"), *hours("01:00-05:00", weekday=2)]},
        *(HOURS, "hours[1].opens", "Tuesday"),
    ),
    (
        {"hours": [*hours("00:30-05:00"), *hours("20:00-01:00", weekday=7)]},
        *(HOURS, "hours[0].opens", "Monday"),
    ),
    ({"breaks": [{**LUNCH, "ends": "11:00"}]}, HOURS, "breaks[0].ends", "before it starts (12:00)"),
    ({"breaks": [{**LUNCH, "ends": "12:00"}]}, HOURS, "breaks[0].ends", "end when it starts"),
    ({"breaks": [LUNCH, {**LUNCH, "ends": "12:30"}]}, HOURS, "breaks[1].starts", "overlaps"),
    ({"breaks": [{**LUNCH, "label": ""}]}, ARGUMENTS, "breaks[0].label", "1 to 100"),
    ({"exceptions": [day("2027-02-30")]}, HOURS, "exceptions[0].day", "2026-12-24"),
    ({"exceptions": [day("24/12/2027")]}, HOURS, "exceptions[0].day", "2026-12-24"),
    (
        {"exceptions": [{"day": "2027-12-24", "opens": "09:00"}]},
        HOURS,
        "exceptions[0].closes",
        "both",
    ),
    ({"exceptions": [day(span="09:00-09:00")]}, HOURS, "exceptions[0].closes", "end when"),
    (
        {"exceptions": [day(span="09:00-12:00"), day(span="11:00-13:00")]},
        HOURS,
        "exceptions[1].opens",
        "2027-12-24",
    ),
    (
        {"exceptions": [day(span="20:00-02:00"), day("2027-12-25", "01:00-03:00")]},
        HOURS,
        "exceptions[1].opens",
        "overlaps",
    ),
    ({"exceptions": [day(), day(span="11:00-13:00")]}, HOURS, "exceptions[1].day", "closed"),
    ({"exceptions": [day(), day()]}, HOURS, "exceptions[1].day", "closed"),
    ({"exceptions": [day(source="me")]}, ARGUMENTS, "exceptions[0].source", "holiday"),
    (
        {"absences": [{**AWAY, "ends_at": AWAY["starts_at"]}], "practitioners": [CHEN]},
        HOURS,
        "absences[0].ends_at",
        "after it starts",
    ),
    (
        {"absences": [{**AWAY, "ends_at": "2027-07-01T00:00:00Z"}], "practitioners": [CHEN]},
        HOURS,
        "absences[0].ends_at",
        "after it starts",
    ),
    (
        {"absences": [{**AWAY, "starts_at": "2027-08-01T00:00:00"}]},
        HOURS,
        "absences[0].starts_at",
        "offset",
    ),
    (
        {"absences": [{**AWAY, "starts_at": "2027-08-41T00:00:00Z"}]},
        HOURS,
        "absences[0].starts_at",
        "offset",
    ),
    # Lengths
    ({"services": [service(0)]}, DURATION, "services[0].duration_minutes", "1 to 1440"),
    ({"services": [service(1441)]}, DURATION, "services[0].duration_minutes", "1 to 1440"),
    (
        {"services": [{"key": "a", "name": "A"}]},
        DURATION,
        "services[0].duration_minutes",
        "1 to 1440",
    ),
    (
        {"services": [service(buffer_after_minutes=481)]},
        DURATION,
        "services[0].buffer_after_minutes",
        "480",
    ),
    (
        {"services": [service(1000, buffer_before_minutes=400, buffer_after_minutes=100)]},
        *(DURATION, "services[0].duration_minutes", "24 hours"),
    ),
    # Names
    (
        {"practitioners": [CHEN, {"name": "dr chen "}]},
        ARGUMENTS,
        "practitioners[1].name",
        "practitioners[0]",
    ),
    ({"rooms": [{"name": "A"}, {"name": "a"}]}, ARGUMENTS, "rooms[1].name", "called the same"),
    (
        {"services": [service(), service(name="Other")]},
        ARGUMENTS,
        "services[1].name",
        "called the same",
    ),
    (
        {"services": [service(), service(key="other")]},
        ARGUMENTS,
        "services[1].name",
        "called the same",
    ),
    (
        {"services": [service(), service(key="x", name="CHECK-UP")]},
        ARGUMENTS,
        "services[1].name",
        "called the same",
    ),
    (
        {"practitioners": [{**CHEN, "services": ["surgery"]}]},
        SERVICE,
        "practitioners[0].services[0]",
        "no service surgery",
    ),
    (
        {"rooms": [{"name": "A", "services": ["surgery"]}]},
        SERVICE,
        "rooms[0].services[0]",
        "no service surgery",
    ),
    (
        {"hours": hours("09:00-17:00", practitioner="Dr Who")},
        PRACTITIONER,
        "hours[0].practitioner",
        "no practitioner Dr Who",
    ),
    (
        {"breaks": [{**LUNCH, "practitioner": "Dr Who"}]},
        PRACTITIONER,
        "breaks[0].practitioner",
        "Dr Who",
    ),
    (
        {"exceptions": [day(practitioner="Dr Who")]},
        PRACTITIONER,
        "exceptions[0].practitioner",
        "Dr Who",
    ),
    ({"absences": [AWAY]}, PRACTITIONER, "absences[0].practitioner", "Dr Chen"),
    (
        {"absences": [{**AWAY, "practitioner": None}]},
        PRACTITIONER,
        "absences[0].practitioner",
        "name",
    ),
    ({"services": [service(price_minor_units=100)]}, ARGUMENTS, "services[0].currency", "currency"),
    ({"services": [service(currency="GBP")]}, ARGUMENTS, "services[0].currency", "amount"),
    # Too much
    (
        {"practitioners": [{"name": f"P{n}"} for n in range(501)]},
        ARGUMENTS,
        "practitioners",
        "at most 500",
    ),
    ({"hours": hours(*["09:00-17:00"] * 5001)}, ARGUMENTS, "hours", "at most 5000"),
]


@pytest.mark.parametrize(
    ("document", "error", "where", "words"),
    REFUSED,
    ids=[f"{number}-{where}" for number, (_, _, where, _) in enumerate(REFUSED)],
)
async def test_what_can_not_be_is_refused_with_its_place(
    diary: Diary, document: Any, error: str, where: str, words: str
) -> None:
    before = await present(diary)
    said = {**document, "address": "5 Hill Street"} if isinstance(document, dict) else document
    answer = await configure(diary, said)
    assert (answer["success"], answer["error"], answer["where"]) == (False, error, where)
    assert words in answer["message"]
    assert await present(diary) == before


async def test_nothing_is_no_document(diary: Diary) -> None:
    answer = await diary.call("configure_clinic", document=None, source="staff")
    assert answer["error"] == ARGUMENTS


async def test_a_name_of_one_who_left_is_not_given_to_another(diary: Diary) -> None:
    chen, reyes = await diary.practitioners("Dr Chen", "Dr Reyes")
    await done(diary, {"practitioners": [{"name": "Dr Reyes"}]})
    answer = await configure(diary, {"practitioners": [{"id": str(reyes), "name": "dr chen"}]})
    assert (answer["error"], answer["where"]) == (ARGUMENTS, "practitioners[0].name")
    assert "inactive" in answer["message"]
    both = [{"id": str(reyes), "name": "dr chen"}, {"id": str(chen), "name": "Dr Chen-Lee"}]
    await done(diary, {"practitioners": both})


async def test_spans_that_touch_or_are_others_do_not_overlap(diary: Diary) -> None:
    await done(
        diary,
        {
            "practitioners": [CHEN, {"name": "Dr Reyes"}],
            "hours": [
                *hours("09:00-13:00", "13:00-17:00", "20:00-00:00"),
                *hours("00:00-02:00", "20:00-24:00", weekday=2),
                *hours("00:00-24:00", practitioner="Dr Chen"),
                *hours("22:00-03:00", weekday=7),
                *hours("03:00-04:00"),
            ],
            "breaks": [LUNCH, {**LUNCH, "practitioner": "Dr Chen"}],
            "exceptions": [
                day(),
                day(practitioner="Dr Chen", span="09:00-12:00"),
                day("2027-12-31", "20:00-02:00"),
                day("2028-01-01"),
            ],
        },
    )


# A service that fits nowhere


async def test_a_service_longer_than_any_opening_is_refused(diary: Diary) -> None:
    await done(diary, {"hours": hours("09:00-13:00", "14:00-16:00")})
    answer = await configure(
        diary, {"services": [service(60), service(241, key="long", name="Long")]}
    )
    assert (answer["error"], answer["where"]) == (DURATION, "services[1].duration_minutes")
    assert "Long takes 241 minutes" in answer["message"]
    assert "240" in answer["message"]
    await done(diary, {"services": [service(240)]})


async def test_hours_too_short_for_a_service_are_refused(diary: Diary) -> None:
    await done(diary, {"services": [service(60)]})
    answer = await configure(diary, {"hours": hours("09:00-09:30")})
    assert (answer["error"], answer["where"]) == (DURATION, "hours")
    assert (await present(diary))["hours"] == []
    broken = [{"weekday": 1, "starts": "09:30", "ends": "10:30"}]
    await done(diary, {"hours": hours("09:00-11:00")})
    answer = await configure(diary, {"breaks": broken})
    assert (answer["error"], answer["where"]) == (DURATION, "breaks")
    await done(diary, {"address": "Elsewhere"})


async def test_only_those_who_give_it_count(diary: Diary) -> None:
    document = {
        "services": [service(300)],
        "practitioners": [{**CHEN, "services": ["check-up"]}, {"name": "Dr Reyes"}],
        "hours": [
            *hours("09:00-12:00", practitioner="Dr Chen"),
            *hours("09:00-17:00", practitioner="Dr Reyes"),
        ],
    }
    answer = await configure(diary, document)
    assert (answer["error"], answer["where"]) == (DURATION, "services[0].duration_minutes")
    await done(diary, {**document, "practitioners": [CHEN, {"name": "Dr Reyes"}]})
    answer = await configure(diary, {"practitioners": document["practitioners"]})
    assert (answer["error"], answer["where"]) == (DURATION, "practitioners")


async def test_night_and_special_hours_are_openings_too(diary: Diary) -> None:
    night = [*hours("22:00-00:00", weekday=7), *hours("00:00-04:00")]
    await done(diary, {"hours": night, "services": [service(360)]})
    answer = await configure(diary, {"services": [service(361)]})
    assert answer["error"] == DURATION
    await done(diary, {"services": [service(600)], "exceptions": [day(span="08:00-18:00")]})
    answer = await configure(diary, {"exceptions": []})
    assert (answer["error"], answer["where"]) == (DURATION, "exceptions")


async def test_buffers_that_eat_the_day_are_refused(diary: Diary) -> None:
    await done(diary, {"hours": hours("09:00-13:00", "14:00-16:00")})
    eaten = service(240, buffer_before_minutes=90, buffer_after_minutes=91)
    answer = await configure(diary, {"services": [eaten]})
    assert (answer["error"], answer["where"]) == (DURATION, "services[0].buffer_after_minutes")
    assert "421 minutes" in answer["message"]
    await done(diary, {"services": [{**eaten, "buffer_after_minutes": 90}]})


async def test_without_hours_a_whole_day_fits(diary: Diary) -> None:
    await done(diary, {"services": [service(1440)]})
    await done(diary, {"services": [service(1440)], "practitioners": [CHEN]})


# Anything at all

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "09:00", "24:00", "2027-12-24", "2027-08-01T00:00:00Z", "GBP", "Dr Amara Chen"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
)
KEYS = sorted(
    {
        *ORDINARY,
        *(
            key
            for rows in ORDINARY.values()
            if isinstance(rows, list)
            for row in rows
            if isinstance(row, dict)
            for key in row
        ),
    }
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def nearly_ordinary(draw: st.DrawFn) -> Any:
    """An ordinary document in which something is replaced."""
    document = json.loads(json.dumps(ORDINARY))
    place: Any = document
    while True:
        key = draw(
            st.sampled_from(sorted(place))
            if isinstance(place, dict)
            else st.integers(0, len(place) - 1)
        )
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 4)) == 0:
            place[key] = draw(VALUES)
            return document
        place = inner


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=nearly_ordinary() | VALUES)
async def test_whatever_it_says_it_is_configured_or_refused(diary: Diary, document: Any) -> None:
    """Never an error of the database's; and what was taken is taken once more without a change."""
    answer = await configure(diary, document)
    if answer["success"]:
        assert (await done(diary, await present(diary)))["changes"] == []
    else:
        assert answer["error"]
        assert answer["message"]
        assert "where" in answer
