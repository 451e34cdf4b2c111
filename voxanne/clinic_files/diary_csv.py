"""A diary as CSV: a row with headers, then a row per appointment.

`docs/how-to/configure-a-clinic.md` lists the columns. A row with neither name nor phone is a time
kept free: an absence.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.diary import (
    ROWS_MAX,
    Diary,
    DiaryAbsence,
    DiaryAppointment,
    Reading,
    RowError,
    digest,
    read_email,
    read_minutes,
    read_phone,
    refuse_file,
)
from voxanne.clinic_files.moments import MomentError, read_moment
from voxanne.clinic_files.notation import read_seconds

# What a column may be called; case, spaces and underscores make no difference.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "start": ("start", "starts", "start time", "begin", "from", "date", "scheduled at"),
    "time": ("time",),
    "end": ("end", "ends", "end time", "to", "until"),
    "duration": ("duration", "duration minutes", "minutes", "length"),
    "practitioner": ("practitioner", "doctor", "dentist", "clinician", "provider", "staff"),
    "service": ("service", "service type", "treatment", "appointment type", "type"),
    "name": ("name", "patient", "patient name", "full name", "client"),
    "first_name": ("first name", "forename", "given name"),
    "last_name": ("last name", "surname", "family name"),
    "phone": ("phone", "phone number", "mobile", "telephone", "tel"),
    "email": ("email", "e-mail", "email address"),
    "room": ("room", "surgery", "chair"),
    "birth_date": ("birth date", "date of birth", "dob", "birthday"),
    "notes": ("notes", "note", "comments", "comment"),
    "status": ("status", "state"),
    "id": ("id", "appointment id", "reference"),
}
_COLUMNS = {header: column for column, headers in HEADERS.items() for header in headers}
_BOOKED = {"", "booked", "confirmed", "scheduled", "pending", "active"}
_CANCELLED = {"cancelled", "canceled", "deleted", "declined", "no show", "no_show", "expired"}
_DELIMITERS = (",", ";", "\t", "|")


def read_csv(content: bytes, reading: Reading) -> Diary:
    """Raises ClinicFileError for a file that is no such CSV in UTF-8; a row that can't be read is
    one of the diary's problems. Row 1 holds the headers.
    """
    diary = Diary()
    for number, row in _rows(_decoded(content), diary):
        try:
            _read_row(number, row, reading, diary)
        except RowError as error:
            diary.problems.append(error.problem)
        diary.require_moderate()
    return diary


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        refuse_file("The file isn't in UTF-8. Save it as CSV UTF-8.")
    if "\x00" in text:
        refuse_file("The file isn't text.")
    return text


def _rows(text: str, diary: Diary) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row that isn't empty, by the columns' names."""
    first_line = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        columns = _columns(next(records, []), diary)
        for number, record in enumerate(records, 2):
            if number > ROWS_MAX + 1:
                refuse_file(f"The file has more than {ROWS_MAX:,} rows.")
            row: dict[str, str] = {}
            for column, value in zip(columns, record, strict=False):
                if column and value.strip():
                    row.setdefault(column, value.strip())
            if row:
                yield number, row
    except csv.Error as error:
        refuse_file(f"Row {number + 1} can't be read as CSV: {error}.")


def _columns(headers: list[str], diary: Diary) -> list[str | None]:
    columns = [_COLUMNS.get(re.sub(r"[\s_]+", " ", header.strip().lower())) for header in headers]
    diary.ignored_columns = [
        header.strip()[:50]
        for header, column in zip(headers, columns, strict=True)
        if column is None
    ]
    if "start" not in columns:
        refuse_file(
            "The first row must name the columns, one of them start. There are also: "
            f"{', '.join(column for column in HEADERS if column != 'start')}."
        )
    return columns


def _read_row(number: int, row: Mapping[str, str], reading: Reading, diary: Diary) -> None:
    status = row.get("status", "").lower()
    if status in _CANCELLED:
        diary.cancelled += 1
        return
    starts_at, ends_at = _span(number, row, reading)
    if starts_at <= reading.now and (ends_at is None or ends_at <= reading.now or _name(row)):
        diary.past += 1
        return
    if status not in _BOOKED:
        raise RowError(
            number,
            Outcome.INVALID_ARGUMENTS,
            "The status is neither booked, confirmed nor cancelled",
        )
    practitioner = row.get("practitioner")
    if not _name(row) and "phone" not in row:
        if ends_at is None:
            raise RowError(number, Outcome.INVALID_NAME, "The name and the phone are missing")
        if ends_at <= starts_at:
            raise RowError(number, Outcome.INVALID_HOURS, "It must end after it starts")
        diary.absences.append(DiaryAbsence(number, starts_at, ends_at, practitioner))
        return
    phone = read_phone(row.get("phone", ""), reading, number)
    identity = row.get("id") or digest(
        starts_at, practitioner, _name(row).casefold(), phone.e164, row.get("service")
    )
    diary.appointments.append(
        DiaryAppointment(
            number,
            f"csv/{identity}",
            starts_at,
            None if ends_at is None else read_minutes(starts_at, ends_at, number),
            _name(row),
            phone,
            read_email(row.get("email", ""), number),
            _birth_date(number, row.get("birth_date")),
            practitioner,
            row.get("service"),
            row.get("room"),
            row.get("notes"),
        )
    )


def _name(row: Mapping[str, str]) -> str:
    return row.get("name") or f"{row.get('first_name', '')} {row.get('last_name', '')}".strip()


def _span(
    number: int, row: Mapping[str, str], reading: Reading
) -> tuple[datetime, datetime | None]:
    """From when to when; to None when neither end nor duration is given."""
    starts_at = _moment(number, f"{row.get('start', '')} {row.get('time', '')}", reading)
    if "end" in row:
        said = row["end"]
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", said):  # on the same day
            said = f"{row['start'].replace('T', ' ').split()[0]} {said}"
        return starts_at, _moment(number, said, reading)
    if "duration" not in row:
        return starts_at, None
    seconds = read_seconds(row["duration"], "minute")
    if seconds is None or seconds > 366 * 86400:
        raise RowError(
            number, Outcome.INVALID_DURATION, "The duration is none: write minutes, such as 30"
        )
    return starts_at, starts_at + timedelta(seconds=seconds)


def _moment(number: int, said: str, reading: Reading) -> datetime:
    try:
        return read_moment(said, reading.zone)
    except MomentError as error:
        raise RowError(number, error.outcome, str(error)) from None


def _birth_date(number: int, said: str | None) -> date | None:
    if said is None:
        return None
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise RowError(
            number, Outcome.INVALID_DATE, "The birth date is none: write it like 1980-05-31"
        ) from None
