"""Arguments as a language model wrote them, read one by one: any may be missing, of another type,
or nonsense. Each reader gives a usable value, or raises RefusedError with what to ask.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, time
from typing import Final, NamedTuple
from uuid import UUID

from voxanne.booking import functions
from voxanne.booking.normalize import (
    NAME_CHARACTERS_MAX,
    is_clean,
    normalize_email,
    normalize_phone,
)
from voxanne.booking.outcomes import Outcome
from voxanne.booking.types import Phone
from voxanne.inbound.voice.dates import (
    ResolvedTime,
    SaidTime,
    TimeRefusal,
    resolve_day,
    resolve_time,
)
from voxanne.inbound.voice.tools.caller import Caller
from voxanne.inbound.voice.tools.results import RefusedError
from voxanne.language.catalogue import say
from voxanne.language.clock_words import plain_text, read_clock, read_day
from voxanne.language.speech import speak_date_with_year, speak_either

LONG_TEXT_CHARACTERS_MAX: Final = 2_000
TEXT_CHARACTERS_MAX: Final = 200
BORN_FROM: Final = date(1890, 1, 1)
DEFAULT_SERVICE: Final = "consultation"
NO_PREFERENCE: Final = frozenset(
    {"any", "anyone", "anybody", "whoever", "no preference", "first available", "none"}
)
NOON, EVENING = time(12), time(17)
PARTS_OF_DAY: Final = {
    "morning": (None, NOON),
    "afternoon": (NOON, EVENING),
    "evening": (EVENING, None),
}
ANY_TIME: Final = frozenset({"", "any", "anytime", "any time", "all day", "no preference"})

_FROM_OR_UNTIL = re.compile(r"(?P<way>after|from|before|until) (?P<clock>.+)")
_ISO_DAY_WITH_TIME = re.compile(r"\s*(\d{4}-\d\d-\d\d)T[\d:.,Zz+-]+\s*")

Arguments = Mapping[str, object]
Clock = tuple[time | None, time | None]


class Practitioner(NamedTuple):
    """Who was asked for; both None for anybody."""

    id: UUID | None
    name: str | None


ANYBODY: Final = Practitioner(None, None)


def read_phones(caller: Caller, arguments: Arguments) -> tuple[Phone, str | None]:
    """Whom a booking belongs to, and where else to reach them.

    The caller's own number is the identity; a different one in the arguments is only a contact.
    """
    given = read_phone(caller, arguments, "phone")
    own = caller.phone
    if own is not None:
        return own, given.e164 if given is not None and given.e164 != own.e164 else None
    if given is None:
        raise RefusedError(Outcome.INVALID_PHONE)
    return given, None


def read_phone(caller: Caller, arguments: Arguments, key: str) -> Phone | None:
    said = arguments.get(key)
    if said is None or (isinstance(said, str) and not said.strip()):
        return None
    phone = normalize_phone(said, caller.region) if isinstance(said, str) else None
    if phone is None:
        raise RefusedError(Outcome.INVALID_PHONE)
    return phone


def read_name(arguments: Arguments) -> str:
    name = find_name(arguments)
    if name is None:
        raise RefusedError(Outcome.INVALID_NAME)
    return name


def find_name(arguments: Arguments) -> str | None:
    """The name as said; None for what can't be one. SQL has the last word."""
    name = arguments.get("name")
    if not isinstance(name, str) or not is_clean(name) or len(name) > 4 * NAME_CHARACTERS_MAX:
        return None
    return name


def read_birth_date(caller: Caller, arguments: Arguments) -> date | None:
    """Where the clinic wants it; elsewhere nobody's date of birth is anybody's business."""
    said = arguments.get("birthDate")
    if caller.clinic.caller_check != "name_and_birth_date" or said is None or said == "":
        return None
    dates = past_dates(said, caller.today, caller.language)
    if len(dates) == 1:
        return dates[0]
    if not dates:
        question = say(caller.language, "What is the date of birth: day, month and year, please?")
        raise RefusedError(Outcome.INVALID_DATE, question)
    spoken = [speak_date_with_year(day, locale=caller.locale) for day in dates]
    options = speak_either(caller.language, spoken)
    question = say(caller.language, "Do you mean {options}?", options=options)
    candidates = [day.isoformat() for day in dates]
    raise RefusedError(Outcome.NEEDS_CONFIRMATION, question, candidates=candidates)


def past_dates(said: object, today: date, language: str) -> list[date]:
    """The days up to today that could be meant: `3 March 1981`, `1981-03-03`, `03/03/1981`."""
    if isinstance(said, str) and (found := _ISO_DAY_WITH_TIME.fullmatch(said)):
        said = found[1]
    text = plain_text(said, language)
    try:
        day = read_day(text, today=today, days_ahead_max=0) if text else None
    except OverflowError:  # the calendar's edges
        day = None
    return [one for one in day.dates if BORN_FROM <= one <= today] if day else []


def read_email(arguments: Arguments) -> str | None:
    email = arguments.get("email")
    if email is None or (isinstance(email, str) and not email.strip()):
        return None
    address = normalize_email(email) if isinstance(email, str) else None
    if address is None:
        raise RefusedError(Outcome.INVALID_EMAIL)
    return address


def read_duration(arguments: Arguments) -> int | None:
    """Minutes. A model may write the number as a string; the database knows the bounds."""
    said = arguments.get("durationMinutes")
    if said is None or said == "":
        return None
    if isinstance(said, str) and said.strip().isdecimal() and len(said) < 9:
        said = int(said)
    if isinstance(said, float) and said.is_integer():
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int) or not 1 <= said <= 1440:
        raise RefusedError(Outcome.INVALID_DURATION)
    return said


def read_long_text(arguments: Arguments, key: str, complaint: str) -> str | None:
    """Free text of at most LONG_TEXT_CHARACTERS_MAX."""
    said = arguments.get(key)
    if said is None:
        return None
    if not isinstance(said, str) or not is_clean(said) or len(said) > LONG_TEXT_CHARACTERS_MAX:
        raise RefusedError(Outcome.INVALID_ARGUMENTS, complaint)
    return said.strip() or None


def find_text(arguments: Arguments, key: str) -> str | None:
    """Free text that nothing depends on: cut where it is too long, None for what can't be one."""
    said = arguments.get(key)
    if not isinstance(said, str) or not is_clean(said):
        return None
    return said[:LONG_TEXT_CHARACTERS_MAX].strip() or None


def read_text(arguments: Arguments, key: str, outcome: Outcome) -> str | None:
    said = arguments.get(key)
    if said is None:
        return None
    if not isinstance(said, str) or not is_clean(said) or len(said) > TEXT_CHARACTERS_MAX:
        raise RefusedError(outcome)
    return said.strip() or None


def read_service(arguments: Arguments) -> str:
    return read_text(arguments, "serviceType", Outcome.UNKNOWN_SERVICE) or DEFAULT_SERVICE


def read_identifier(arguments: Arguments, key: str, complaint: str) -> UUID | None:
    """An id that a result of ours gave; what isn't one belongs to nothing here."""
    said = arguments.get(key)
    if said is None or said == "":
        return None
    try:
        if isinstance(said, str):
            return UUID(said)
    except ValueError:
        pass
    raise RefusedError(Outcome.NOT_FOUND, complaint)


async def read_practitioner(
    database: functions.Database, caller: Caller, arguments: Arguments
) -> Practitioner:
    """Whom the caller named; asked back when it could be either of several."""
    said = read_text(arguments, "practitioner", Outcome.UNKNOWN_PRACTITIONER)
    if said is None or said.lower() in NO_PREFERENCE:
        return ANYBODY
    found = await functions.find_practitioner(database, caller.clinic.id, said)
    if not found:
        raise RefusedError(Outcome.UNKNOWN_PRACTITIONER)
    if len(found) > 1:
        names = [practitioner["name"] for practitioner in found[:4]]
        question = say(
            caller.language, "Do you mean {options}?", options=speak_either(caller.language, names)
        )
        raise RefusedError(Outcome.NEEDS_CONFIRMATION, question)
    return Practitioner(UUID(found[0]["id"]), found[0]["name"])


def read_time(caller: Caller, arguments: Arguments) -> ResolvedTime | TimeRefusal:
    return resolve_time(
        SaidTime(
            arguments.get("scheduledAt"),
            arguments.get("appointmentDate"),
            arguments.get("appointmentTime"),
            arguments.get("weekday"),
        ),
        zone=caller.clinic.zone,
        now=caller.now,
        locale=caller.locale,
        correction_days_max=caller.date_correction_days_max,
    )


def read_coming_day(caller: Caller, arguments: Arguments, key: str) -> date | None:
    """A day, today or later. Of a whole ISO moment its day is taken."""
    said = arguments.get(key)
    if said is None or said == "":
        return None
    if isinstance(said, str) and (found := _ISO_DAY_WITH_TIME.fullmatch(said)):
        said = found[1]
    day = resolve_day(
        said,
        zone=caller.clinic.zone,
        now=caller.now,
        locale=caller.locale,
        correction_days_max=caller.date_correction_days_max,
    )
    if isinstance(day, TimeRefusal):
        raise unclear(day)
    return day


def clock_parameters(caller: Caller, arguments: Arguments) -> dict[str, object]:
    """`timeOfDay` as parameters: from when and until when it may begin, in wall time."""
    said = plain_text(arguments.get("timeOfDay"), caller.language)
    part = None if said is None else part_of_day(said)
    if part is None:
        question = say(
            caller.language, "Would the morning, the afternoon or the evening suit you best?"
        )
        raise RefusedError(Outcome.INVALID_ARGUMENTS, question)
    bounds = dict(zip(("p_time_from", "p_time_until"), part, strict=True))
    return {name: clock for name, clock in bounds.items() if clock is not None}


def part_of_day(text: str) -> Clock | None:
    """`morning`, `in the afternoon`, `after 3`, `before half past ten`; None for anything else."""
    if text in ANY_TIME:
        return None, None
    if (part := text.removeprefix("in the ")) in PARTS_OF_DAY:
        return PARTS_OF_DAY[part]
    if found := _FROM_OR_UNTIL.fullmatch(text):
        clock = read_clock(found["clock"])
        if isinstance(clock, time) and clock != time():
            return (clock, None) if found["way"] in ("after", "from") else (None, clock)
    return None


def unclear(refused: TimeRefusal) -> RefusedError:
    """The question that a day or a time leaves, with what could be meant."""
    candidates = [candidate.isoformat() for candidate in refused.candidates]
    return RefusedError(refused.outcome, refused.message, candidates=candidates)


class RequestKey(NamedTuple):
    """What makes a call the same one again, and what it stands for; both None without a key."""

    key: str | None
    hash: str | None

    @property
    def parameters(self) -> dict[str, object]:
        return {"p_idempotency_key": self.key, "p_request_hash": self.hash}


def idempotency(caller: Caller, phone: Phone | None, tool: str, arguments: Arguments) -> RequestKey:
    """The key of this very call, and what it stands for: who asked for what.

    A tool-call id alone is no key. Ids are the platform's to choose, so they are hashed apart and
    not joined: ("a:b", "c") must not be ("a", "b:c").
    """
    if not caller.call_id or not caller.tool_call_id:
        return RequestKey(None, None)
    return RequestKey(
        f"{caller.source}:{_digest([caller.call_id, caller.tool_call_id])}",
        _digest([tool, phone.e164 if phone else None, dict(arguments)]),
    )


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
