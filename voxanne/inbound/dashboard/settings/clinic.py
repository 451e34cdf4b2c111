"""The clinic itself: what it is called, and the rules of its diary, its reminders and its calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from starlette.responses import Response

from voxanne.booking.functions import available_zones
from voxanne.clinic_files.errors import ClinicFileError
from voxanne.clinic_files.public_holidays import holiday_exceptions
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.settings.configuring import (
    Draft,
    Show,
    first_look,
    form_page,
    load,
    store,
)
from voxanne.inbound.dashboard.settings.fields import (
    LANGUAGE_NAMES,
    lines_of,
    phone_number,
    wall_time,
    whole_number,
)
from voxanne.inbound.dashboard.visit import Visit
from voxanne.language.catalogue import LANGUAGES

Json = dict[str, Any]
Kind = Literal["text", "number", "numbers", "time", "phone", "email", "area", "choice"]
PATH: Final = "/settings/clinic"


@dataclass(frozen=True, slots=True)
class Field:
    """One setting, as a form has it. `empty`: it may be."""

    name: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    empty: bool = False
    choices: Mapping[str, str] | None = None

    def read(self, visit: Visit) -> Any:
        said = visit.form.get(self.name)
        if not said and self.empty:
            return None
        match self.kind:
            case "number":
                return whole_number(said)
            case "numbers":
                return [whole_number(part) for part in said.replace(",", " ").split()]
            case "time":
                return wall_time(said)
            case "phone":
                return phone_number(visit, said)
            case _:
                return said.upper() if self.name in ("country", "holidays_region") else said


GROUPS: Final[Mapping[str, Sequence[Field]]] = {
    "The clinic": (
        Field("name", "Name"),
        Field("address", "Address", "area", "Told to callers who ask.", empty=True),
        Field("phone", "Phone number", "phone", "Told to patients in messages.", empty=True),
        Field("email", "E-mail address", "email", "Answers to e-mail go there.", empty=True),
        Field(
            "transfer_number",
            "Calls are handed on to",
            "phone",
            "For emergencies, and callers who want a person.",
            empty=True,
        ),
        Field("language", "Language", "choice", choices={n: LANGUAGE_NAMES[n] for n in LANGUAGES}),
        Field(
            "country",
            "Country",
            hint="Two letters such as GB: how numbers and dates are read.",
            empty=True,
        ),
        Field("timezone", "Time zone", hint="Such as Europe/London."),
        Field(
            "holidays_region",
            "Public holidays of",
            hint="A country or region such as GB or GB-ENG: closed on its holidays. Empty: open.",
            empty=True,
        ),
    ),
    "Booking": (
        Field("notice_minutes", "Shortest notice, in minutes", "number"),
        Field("horizon_days", "Furthest ahead, in days", "number"),
        Field("slot_minutes", "Times begin every … minutes", "number"),
        Field("hold_seconds", "A time is kept during a call for … seconds", "number"),
        Field("offer_minutes", "A waitlist offer lasts … minutes", "number"),
        Field("upcoming_per_caller_max", "Most upcoming appointments of one caller", "number"),
        Field(
            "caller_check",
            "Before a caller changes an appointment, ask for",
            "choice",
            choices={
                "none": "nothing but their number",
                "name": "their name",
                "name_and_birth_date": "their name and date of birth",
            },
        ),
    ),
    "Reminders": (
        Field(
            "reminder_hours",
            "Hours before an appointment",
            "numbers",
            "At most five numbers, such as 24, 2. Empty: no reminders.",
        ),
        Field("quiet_from", "No reminders or offers from", "time", "Where the patient lives."),
        Field("quiet_until", "Until", "time", "The same time twice: at any time."),
    ),
    "Calendars": (
        Field(
            "calendar_title",
            "An appointment's title in calendars",
            "choice",
            choices={
                "neutral": "the word Appointment alone",
                "name": "the patient's name",
                "name_and_service": "the patient's name and the service",
            },
        ),
        Field(
            "calendar_changes",
            "What is moved or deleted in a calendar",
            "choice",
            choices={"follow": "is moved or cancelled here too", "restore": "is put back there"},
        ),
        Field(
            "calendar_stale",
            "While a calendar can't be read",
            "choice",
            choices={
                "offer": "go on booking",
                "refuse": "offer none of its times",
                "ask": "leave it to staff",
            },
        ),
        Field("calendar_stale_minutes", "Which it is after … minutes", "number"),
    ),
}
FIELDS: Final = [each for group in GROUPS.values() for each in group]


async def show(visit: Visit) -> Response:
    current = await load(visit)
    return _page(visit, _shown(current))(first_look(visit, current))


async def save(visit: Visit) -> Response:
    draft = Draft({each.name: each.read(visit) for each in FIELDS})
    draft.document["red_flags"] = (
        lines_of(visit.form.get("red_flags")) if visit.form.get("own_red_flags") else None
    )
    await _close_holidays(visit, draft)
    values = {each.name: visit.form.get(each.name) for each in FIELDS}
    values |= {name: visit.form.get(name) for name in ("red_flags", "own_red_flags")}
    return await store(visit, draft, _page(visit, values), PATH)


async def _close_holidays(visit: Visit, draft: Draft) -> None:
    """Another region has other days on which the clinic is closed."""
    current = await load(visit)
    region = draft.document["holidays_region"]
    if region == current["holidays_region"]:
        return
    own = [row for row in current["exceptions"] if row["source"] != "holiday"]
    try:
        closed = [] if region is None else holiday_exceptions(region, visit.clinic.today)
    except ClinicFileError as error:
        draft.errors["holidays_region"] = error.message
        return
    draft.document["exceptions"] = own + closed


def _shown(current: Json) -> dict[str, str]:
    values = {each.name: current[each.name] for each in FIELDS}
    values["reminder_hours"] = ", ".join(map(str, current["reminder_hours"]))
    flags = current["red_flags"]
    values |= {"red_flags": "\n".join(flags or ()), "own_red_flags": flags is not None and "yes"}
    return {name: str(value or "") if value != 0 else "0" for name, value in values.items()}


def _page(visit: Visit, values: Mapping[str, str]) -> Show:
    return form_page(
        visit,
        "settings/clinic.html",
        "Clinic",
        groups=GROUPS,
        values=values,
        zones=sorted(available_zones()),
    )


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "read_only", show),
    Page("POST", PATH, "owner", save),
]
