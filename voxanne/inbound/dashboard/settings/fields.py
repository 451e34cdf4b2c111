"""What the settings' forms send, read as the configuration has it.

What can't be read goes on as it was written: SQL knows the bounds and says what would be right.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from voxanne.booking.normalize import normalize_phone
from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.notation import read_time
from voxanne.inbound.dashboard.visit import Form, Visit
from voxanne.inbound.v1.problems import RefusedError
from voxanne.language.speech import locale_for

Model = TypeVar("Model", bound=BaseModel)
EMPTY_ROWS: Final = 3  # at the end of each table, to add something
LANGUAGE_NAMES: Final = {"en": "English", "es": "Spanish", "de": "German"}
_VERSION_MAX: Final = 2**31 - 1
_WHOLE: Final = re.compile("[0-9]{1,15}")
_ROW: Final = re.compile("([a-z]+)-([0-9]{1,4})-([a-z_]+)")


class WrongFieldsError(Exception):
    """What was written won't do: by field, why."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("wrong fields")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, as it was sent or is shown. Its fields are `{section}-{number}-{name}`."""

    number: int
    values: dict[str, str]
    lists: dict[str, list[str]] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    def has(self, name: str, value: str) -> bool:
        return value in self.lists.get(name, ())


def read_rows(form: Form, section: str, *, telling: Sequence[str]) -> list[Row]:
    """Those rows of a table that weren't taken away, and say something in one of the `telling`
    fields.
    """
    found: dict[int, dict[str, list[str]]] = {}
    for name in form.values:
        match = _ROW.fullmatch(name)
        if match is not None and match[1] == section:
            found.setdefault(int(match[2]), {})[match[3]] = form.all(name)
    rows = [
        Row(number, {name: sent[-1] for name, sent in fields.items()}, fields)
        for number, fields in sorted(found.items())
        if "remove" not in fields
    ]
    return [row for row in rows if any(row.get(name) for name in telling)]


def with_empty(rows: Sequence[Row], *, number: int = EMPTY_ROWS) -> list[Row]:
    """The rows, and some to fill in."""
    first = max((row.number for row in rows), default=-1) + 1
    return [*rows, *(Row(first + each, {}) for each in range(number))]


def whole_number(said: str) -> int | str:
    return int(said) if _WHOLE.fullmatch(said) else said


def wall_time(said: str) -> str:
    """`9:00` as `09:00`."""
    return read_time(said) or said


def form_version(form: Form) -> int:
    """The version a form was made for. Raises RefusedError where there is none."""
    said = form.get("version")
    if not _WHOLE.fullmatch(said) or int(said) > _VERSION_MAX:
        raise RefusedError(Outcome.INVALID_ARGUMENTS, "The form is not whole. Load the page again.")
    return int(said)


def optional(said: str) -> str | None:
    return said or None


def optional_number(said: str) -> int | str | None:
    return whole_number(said) if said else None


def lines_of(said: str) -> list[str]:
    return [line.strip() for line in said.splitlines() if line.strip()]


def phone_number(visit: Visit, said: str) -> str:
    """In E.164, read as it is dialled where the clinic is; what is no number, as it is."""
    region = locale_for(visit.clinic.country, visit.clinic.timezone)[1]
    phone = normalize_phone(said, region)
    return said if phone is None else phone.e164


def shown(document: Any) -> dict[str, str]:
    """A row's values as a form shows them."""
    return {
        name: "" if value is None else str(value)
        for name, value in document.items()
        if not isinstance(value, list)
    }


def sentence(said: str) -> str:
    """A refusal's words as a page has them."""
    return said[:1].upper() + said[1:].rstrip(".") + "."


def beside(refused: RefusedError, otherwise: str, prefix: str = "") -> dict[str, str]:
    """A refusal beside the field it is about; `otherwise`: where it names none. `prefix`: before
    the names of the form's fields, where a page has several forms.

    Raises the refusal when it isn't about what was written.
    """
    if refused.status not in (409, 422):
        raise refused
    where = str(refused.details.get("where") or otherwise)
    return {prefix + where: sentence(refused.detail)}


def refusal_of(errors: Mapping[str, str]) -> dict[str, Any]:
    """What a page is told of a form that came back: beside each field, and above them all."""
    return {
        "status": 422 if errors else 200,
        "errors": errors,
        "problem": f"Not done: {next(iter(errors.values()))}" if errors else None,
    }


def read_model(model: type[Model], fields: Mapping[str, Any], prefix: str = "") -> Model:
    """What REST takes, of a form's fields. Raises WrongFieldsError."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        told = {
            prefix + str(each["loc"][0]): sentence(each["msg"].removeprefix("Value error, "))
            for each in reversed(error.errors(include_input=False))
        }
        raise WrongFieldsError(told) from None
