"""Every refusal: its code, its shape, that it writes nothing and tells nothing."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from importlib.resources import files
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import HOUR, START, Booking, Database, claim
from voxanne.postgres.migrate import load_functions

HOLDER = {
    "patient_name": "Zebediah Quill",
    "patient_email": "zebediah@quill.example",
    "patient_phone": "+14155550123",
    "metadata": {"notes": "arrhythmia"},
    "idempotency_key": "holders-key",
}
SECRETS = ("zebediah", "quill", "14155550123", "arrhythmia", "holders-key")


@dataclass
class Scene:
    """A clinic where someone already has START, and what another clinic has."""

    database: Database
    api: asyncpg.Connection
    org_id: UUID
    other_org_id: UUID
    holder: Booking
    hold: Booking  # of another call
    elsewhere: Booking  # all that Ann may have there
    blind_org_id: UUID  # its calendar was never read


@pytest.fixture
async def scene(database: Database, api: asyncpg.Connection) -> Scene:
    org_id = await database.organization(notice_minutes=120, horizon_days=60)
    other_org_id = await database.organization(
        name="Elsewhere", upcoming_per_caller_max=1, caller_check="name"
    )
    holder = await database.book(api, org_id, **HOLDER)
    hold = await database.call(
        api,
        "hold_slot",
        org_id,
        service_type="consultation",
        scheduled_at=START + 20 * HOUR,
        call_id="another",
    )
    elsewhere = await database.book(api, other_org_id)
    blind_org_id = await database.organization(name="Blind", calendar_stale="ask")
    await (await database.owner()).execute(
        "INSERT INTO calendar_connections (org_id, vendor, calendar) VALUES ($1, 'google', 'c')",
        blind_org_id,
    )
    return Scene(database, api, org_id, other_org_id, holder, hold, elsewhere, blind_org_id)


async def now(scene: Scene) -> datetime:
    moment: datetime = await scene.api.fetchval("SELECT current_moment()")
    return moment


Refused = Callable[[Scene], Awaitable[Booking]]


def arguments(**overrides: object) -> Refused:
    async def refused(scene: Scene) -> Booking:
        return await scene.database.book(scene.api, scene.org_id, **overrides)

    return refused


async def forbidden(scene: Scene) -> Booking:
    await claim(scene.api, json.dumps({"org_id": str(scene.other_org_id)}))
    return await scene.database.book(scene.api, scene.org_id)


async def unknown_organization(scene: Scene) -> Booking:
    return await scene.database.book(scene.api, uuid4())


async def too_soon(scene: Scene) -> Booking:
    soon = await now(scene) + timedelta(minutes=90)
    return await scene.database.book(scene.api, scene.org_id, scheduled_at=soon)


async def too_far_ahead(scene: Scene) -> Booking:
    far = await now(scene) + timedelta(days=61)
    return await scene.database.book(scene.api, scene.org_id, scheduled_at=far)


async def closed(scene: Scene) -> Booking:
    await scene.database.hours(scene.org_id, 2, time(9), time(12))
    return await scene.database.book(scene.api, scene.org_id, scheduled_at=START + 5 * HOUR)


async def unknown_service(scene: Scene) -> Booking:
    await scene.database.service(scene.org_id, "hygiene", 30)
    return await scene.database.book(scene.api, scene.org_id, service_type="consultation")


async def unseen(scene: Scene) -> Booking:
    return await scene.database.book(scene.api, scene.blind_org_id)


async def mismatched_key(scene: Scene) -> Booking:
    await scene.database.set_clock(START - timedelta(days=3))
    return await scene.database.book(
        scene.api, scene.org_id, idempotency_key="holders-key", scheduled_at=START + 9 * HOUR
    )


async def anothers_hold(scene: Scene) -> Booking:
    return await scene.database.book(
        scene.api, scene.org_id, hold_id=UUID(scene.hold["hold_id"]), call_id="mine"
    )


async def lapsed_hold(scene: Scene) -> Booking:
    await scene.database.set_clock(await now(scene) + timedelta(minutes=6))
    return await scene.database.book(
        scene.api,
        scene.org_id,
        hold_id=UUID(scene.hold["hold_id"]),
        call_id="another",
        scheduled_at=START + 20 * HOUR,
    )


async def one_too_many(scene: Scene) -> Booking:
    return await scene.database.book(
        scene.api, scene.other_org_id, scheduled_at=START + HOUR, patient_name="Bob Taylor"
    )


async def unnamed(scene: Scene) -> Booking:
    booked = UUID(scene.elsewhere["appointment_id"])
    return await scene.database.call(
        scene.api, "cancel_appointment", scene.other_org_id, appointment_id=booked
    )


async def stale(scene: Scene) -> Booking:
    return await scene.database.call(
        scene.api,
        "reschedule_appointment",
        scene.org_id,
        appointment_id=UUID(scene.holder["appointment_id"]),
        scheduled_at=START + HOUR,
        version=9,
    )


def configuration(**document: object) -> Refused:
    async def refused(scene: Scene) -> Booking:
        return await scene.database.call(
            scene.api,
            "configure_clinic",
            scene.org_id,
            document=json.dumps(document),
            source="staff",
        )

    return refused


BACKWARDS = {"practitioner": None, "weekday": 1, "opens": "09:00", "closes": "09:00"}

IN_THE_PAST = datetime(2020, 1, 1, tzinfo=UTC)

REFUSALS: dict[str, Refused] = {
    "FORBIDDEN_ORGANIZATION": forbidden,
    "INVALID_ORGANIZATION": unknown_organization,
    "INVALID_NAME": arguments(patient_name=" "),
    "INVALID_PHONE": arguments(patient_phone="anonymous"),
    "INVALID_EMAIL": arguments(patient_email="ann at example"),
    "INVALID_DATE": arguments(scheduled_at=None),
    "INVALID_DURATION": arguments(duration_minutes=0),
    "INVALID_ARGUMENTS": arguments(metadata="[]"),
    "DATE_IN_PAST": arguments(scheduled_at=IN_THE_PAST),
    "TOO_SOON": too_soon,
    "TOO_FAR_AHEAD": too_far_ahead,
    "OUTSIDE_HOURS": closed,
    "UNKNOWN_SERVICE": unknown_service,
    "UNKNOWN_PRACTITIONER": arguments(practitioner_id=uuid4()),
    "NOT_FOUND": arguments(room_id=uuid4()),
    "IDEMPOTENCY_MISMATCH": mismatched_key,
    "UNAUTHORIZED": arguments(allow_overlap=True, overlap_reason="asked"),
    "SLOT_UNAVAILABLE": arguments(),
    "CALENDAR_STALE": unseen,
    "NOT_YOURS": anothers_hold,
    "HOLD_EXPIRED": lapsed_hold,
    "LIMIT_REACHED": one_too_many,
    "NEEDS_CONFIRMATION": unnamed,
    "STALE_VERSION": stale,
    "INVALID_HOURS": configuration(hours=[BACKWARDS]),
    "INVALID_TIMEZONE": configuration(timezone="Mars/Olympus"),
}
# What else a refusal says: never anything of the holder's.
DETAILS = {
    "SLOT_UNAVAILABLE": {"alternatives"},
    "CALENDAR_STALE": {"alternatives"},
    "OUTSIDE_HOURS": {"alternatives", "reason"},
    "TOO_SOON": {"alternatives"},
    "HOLD_EXPIRED": {"alternatives"},
    "NEEDS_CONFIRMATION": {"needs"},
    "STALE_VERSION": {"version"},
    "INVALID_HOURS": {"where"},
    "INVALID_TIMEZONE": {"where"},
}


def test_every_code_of_the_sql_is_tried_here() -> None:
    codes = set(re.findall(r"WHEN '([A-Z_]+)' THEN", load_functions()["refusal"]))
    assert codes == set(REFUSALS)


def test_every_code_is_in_the_programs_vocabulary() -> None:
    outcomes = (files("voxanne") / "booking" / "outcomes.py").read_text()
    assert all(code in outcomes for code in REFUSALS)


async def snapshot(database: Database) -> str:
    """Every row of every table, but for the clock and the hours a test just made."""
    superuser = await database.connect_superuser()
    tables = await superuser.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
        "AND tablename NOT IN ('clock', 'opening_hours', 'services') ORDER BY tablename"
    )
    assert len(tables) > 10
    texts = []
    for (table,) in tables:
        texts += await superuser.fetch(f"SELECT t::text FROM {table} AS t ORDER BY 1")
    return "\n".join(row[0] for row in texts)


@pytest.mark.parametrize("code", REFUSALS)
async def test_a_refusal_has_its_shape_writes_nothing_and_tells_nothing(
    scene: Scene, code: str
) -> None:
    before = await snapshot(scene.database)

    refusal = await REFUSALS[code](scene)

    assert refusal["error"] == code
    shape = {"success", "error", "message", "created_at"}
    assert refusal.keys() == shape | DETAILS.get(code, set())
    assert refusal["success"] is False
    assert refusal["message"]
    assert "\n" not in refusal["message"]
    assert await snapshot(scene.database) == before
    text = json.dumps(refusal).lower()
    # With whom is the clinic's to tell; it is said of the free times.
    ids = [scene.holder["appointment_id"], scene.holder["contact_id"]]
    assert not [secret for secret in (*SECRETS, *ids) if secret in text]


async def test_the_two_fixed_messages(scene: Scene) -> None:
    taken = await REFUSALS["SLOT_UNAVAILABLE"](scene)
    nowhere = await REFUSALS["INVALID_ORGANIZATION"](scene)

    assert taken["message"] == "SLOT_UNAVAILABLE: This time slot is already booked"
    assert nowhere["message"] == "The organization does not exist"


async def test_the_organization_is_validated_first(database: Database) -> None:
    api = await database.connect_api()

    refusal = await database.book(
        api, uuid4(), patient_name="", patient_phone="", scheduled_at=None
    )
    missing = await database.book(api, None)

    assert refusal["error"] == missing["error"] == "INVALID_ORGANIZATION"


@pytest.mark.parametrize(
    ("code", "overrides"),
    [
        ("INVALID_DATE", {"scheduled_at": None}),
        ("INVALID_DURATION", {"duration_minutes": 0}),
        ("INVALID_DURATION", {"duration_minutes": -5}),
        ("INVALID_DURATION", {"duration_minutes": 1441}),
        ("INVALID_DURATION", {"duration_minutes": 100_000}),
        ("UNKNOWN_SERVICE", {"service_type": ""}),
        ("UNKNOWN_SERVICE", {"service_type": "  "}),
        ("UNKNOWN_SERVICE", {"service_type": None}),
        ("UNKNOWN_SERVICE", {"service_type": "x" * 101}),
        ("INVALID_ARGUMENTS", {"metadata": "[]"}),
        ("INVALID_ARGUMENTS", {"metadata": "null"}),
        ("INVALID_ARGUMENTS", {"metadata": "5"}),
        ("INVALID_ARGUMENTS", {"metadata": None}),
        ("INVALID_ARGUMENTS", {"metadata": {"notes": "x" * 20_000}}),
        ("INVALID_ARGUMENTS", {"source": None}),
        ("INVALID_ARGUMENTS", {"source": "x" * 2000}),
        ("INVALID_ARGUMENTS", {"call_id": "x" * 2000}),
        ("INVALID_ARGUMENTS", {"idempotency_key": "x" * 2000}),
        ("INVALID_PHONE", {"contact_phone": "call me"}),
        ("INVALID_PHONE", {"patient_phone": None}),
        ("INVALID_NAME", {"patient_name": None}),
        ("UNAUTHORIZED", {"allow_overlap": True, "source": "vapi", "overlap_reason": "asked"}),
        ("UNAUTHORIZED", {"allow_overlap": True, "source": "staff"}),
        ("UNAUTHORIZED", {"allow_overlap": True, "source": "staff", "overlap_reason": " "}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(f"{k}" for k in value),
)
async def test_unusable_arguments_are_refused(
    database: Database,
    api: asyncpg.Connection,
    organization: UUID,
    code: str,
    overrides: dict[str, object],
) -> None:
    assert (await database.book(api, organization, **overrides))["error"] == code


@pytest.mark.parametrize(
    ("code", "moment"),
    [
        ("INVALID_DATE", "infinity"),
        ("INVALID_DATE", "-infinity"),
        ("INVALID_DATE", "10000-01-01 00:00Z"),
        ("INVALID_DATE", "294000-01-01 00:00Z"),
        ("TOO_FAR_AHEAD", "9999-12-31 23:59Z"),
        ("DATE_IN_PAST", "1970-01-01 00:00Z"),
        ("DATE_IN_PAST", "4000-01-01 00:00Z BC"),
    ],
)
async def test_times_at_the_rim_are_refused(
    api: asyncpg.Connection, organization: UUID, code: str, moment: str
) -> None:
    answer = await api.fetchval(
        "SELECT book_appointment_atomic($1, 'Ann', NULL, '+442079460958', 'visit',"
        f" '{moment}'::timestamptz, 1440)",
        organization,
    )
    assert json.loads(answer)["error"] == code


@pytest.mark.parametrize("minutes", [None, 1, 60, 1440])
async def test_a_duration_is_a_minute_to_a_day_and_an_hour_unless_given(
    database: Database, api: asyncpg.Connection, organization: UUID, minutes: int | None
) -> None:
    booking = await database.book(api, organization, duration_minutes=minutes)

    lasts = datetime.fromisoformat(booking["ends_at"]) - START
    assert lasts == timedelta(minutes=60 if minutes is None else minutes)


@pytest.mark.parametrize(
    "overrides",
    [
        {"patient_name": "An\0n"},
        {"patient_phone": "+44207\0"},
        {"call_id": "\0"},
        {"metadata": '{"notes": "\\u0000"}'},
    ],
    ids=lambda value: next(iter(value)),
)
async def test_a_nul_never_reaches_a_row(
    database: Database,
    api: asyncpg.Connection,
    owner: asyncpg.Connection,
    organization: UUID,
    overrides: dict[str, object],
) -> None:
    with pytest.raises(asyncpg.DataError):
        await database.book(api, organization, **overrides)

    assert await owner.fetchval("SELECT count(*) FROM leads") == 0


async def test_notice_and_horizon_are_inclusive(database: Database) -> None:
    """Each to the minute, by a clock that stands an hour before a round time."""
    api = await database.connect_api()
    org_id = await database.organization(notice_minutes=60, horizon_days=10)
    moment = datetime(2031, 3, 3, 9, tzinfo=UTC)
    await database.set_clock(moment)

    async def outcome(scheduled_at: datetime) -> object:
        answer = await database.book(api, org_id, scheduled_at=scheduled_at)
        return answer.get("error", "booked")

    assert await outcome(moment + timedelta(minutes=59)) == "TOO_SOON"
    assert await outcome(moment + timedelta(minutes=62)) == "booked"
    assert await outcome(moment + timedelta(days=10)) == "booked"
    assert await outcome(moment + timedelta(days=10, minutes=2)) == "TOO_FAR_AHEAD"
