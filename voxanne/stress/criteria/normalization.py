"""Criterion 1: however it is said, it is stored in one form, and nothing crooked is stored."""

from voxanne.stress.evidence import Criterion, outcome
from voxanne.stress.scene import HOUR, Scene

PHONE = "+442079460958"
PHONE_SPELLINGS = ("+44 20 7946 0958", "0044 (20) 7946-0958", "+44.20.7946.0958", PHONE)
NAME_SPELLINGS = ("ann taylor", "ANN TAYLOR", "  Ann   Taylor ", "Ann Taylor")
NAMES = {
    "mary jane watson": "Mary Jane Watson",
    "LUDWIG VAN BEETHOVEN": "Ludwig van Beethoven",
    "Ronan McDonald": "Ronan McDonald",
    "zoë o'connor": "Zoë O'Connor",
}
CROOKED_PHONES = ("call me", "12345", "020 7946 0958", "+0 20 7946 0958", "+1234567890123456", "")
CROOKED_NAMES = ("", "   ", "12345", "☎☎", "Ann\u202eTaylor", "x" * 121)
CROOKED_EMAILS = ("ann", "ann@", "@example.com", "ann@example", "ann taylor@example.com")


async def check_normalization(scene: Scene, criterion: Criterion) -> None:
    await criterion.check(
        "four spellings of one phone and name are one lead",
        f"1 lead: Ann Taylor {PHONE}",
        _one_lead(scene),
    )
    for said, stored in NAMES.items():
        await criterion.check(f"the name {said!r}", stored, _stored_name(scene, said))
    await criterion.check(
        "an e-mail address",
        "ann.taylor@example.com",
        _stored_email(scene, " Ann.Taylor@Example.COM "),
    )
    await criterion.check(
        "a booking keeps the details in the same form",
        f"Zoë O'Connor {PHONE} zoe@example.com",
        _kept_details(scene),
    )
    for phone in CROOKED_PHONES:
        await criterion.check(
            f"the phone {phone!r}",
            "INVALID_PHONE, nothing stored",
            scene.outcome_and_rows(scene.book(scene.free_slot(), phone=phone)),
        )
    for name in CROOKED_NAMES:
        await criterion.check(
            f"the name {name[:20]!r}",
            "INVALID_NAME, nothing stored",
            scene.outcome_and_rows(scene.book(scene.free_slot(), name=name)),
        )
    for email in CROOKED_EMAILS:
        await criterion.check(
            f"the e-mail {email!r}",
            "INVALID_EMAIL, nothing stored",
            scene.outcome_and_rows(scene.book(scene.free_slot(), email=email)),
        )
    if scene.api is not None:
        await _check_over_http(scene, criterion)


async def _check_over_http(scene: Scene, criterion: Criterion) -> None:
    await criterion.check(
        "HTTP: a number as dialled at home, a loud e-mail, a quiet name",
        "Grace Hopper +442079460959 grace@example.com",
        _told(scene),
    )
    for argument, value, code in (
        ("phone", "12", "INVALID_PHONE"),
        ("name", "12345", "INVALID_NAME"),
        ("email", "grace at example", "INVALID_EMAIL"),
    ):
        await criterion.check(
            f"HTTP: the {argument} {value!r}",
            f"{code}, nothing stored",
            scene.outcome_and_rows(
                scene.tell(scheduledAt=scene.free_slot().isoformat(), **{argument: value})
            ),
        )


async def _one_lead(scene: Scene) -> str:
    for phone, name in zip(PHONE_SPELLINGS, NAME_SPELLINGS, strict=True):
        answer = await scene.book(scene.free_slot(), name=name, phone=phone)
        if outcome(answer) != "booked":
            return f"{name!r} {phone!r}: {outcome(answer)}"
    leads = await scene.owner.fetch(
        "SELECT name, phone FROM leads WHERE org_id = $1 AND person LIKE '%taylor%'", scene.clinic
    )
    told = ", ".join(f"{lead['name']} {lead['phone']}" for lead in leads)
    return f"{len(leads)} lead{'s' * (len(leads) != 1)}: {told}"


async def _stored_name(scene: Scene, said: str) -> str:
    return str((await scene.appointment(await scene.book(scene.free_slot(), name=said)))["name"])


async def _stored_email(scene: Scene, said: str) -> str:
    return str((await scene.appointment(await scene.book(scene.free_slot(), email=said)))["email"])


async def _kept_details(scene: Scene) -> str:
    """`metadata` outlives the lead, so it must be as clean as the lead."""
    answer = await scene.book(
        scene.free_slot() + HOUR,
        name="zoë o'connor",
        phone="0044 20 7946 0958",
        email="ZOE@example.com",
    )
    kept: str = await scene.owner.fetchval(
        "SELECT concat_ws(' ', kept ->> 'name', kept ->> 'phone', kept ->> 'email') "
        "FROM appointments, LATERAL (SELECT metadata -> 'patient' AS kept) AS details "
        "WHERE org_id = $1 AND id = $2::text::uuid",
        scene.clinic,
        answer.get("appointment_id"),
    )
    return kept or outcome(answer)


async def _told(scene: Scene) -> str:
    answer = await scene.tell(
        name="grace hopper",
        phone="020 7946 0959",
        email="Grace@EXAMPLE.com",
        scheduledAt=scene.free_slot().isoformat(),
    )
    row = await scene.appointment(answer)
    return f"{row['name']} {row['phone']} {row['email']}"
