"""An existing diary's file, CSV or iCalendar: appointments, absences, and what is neither."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files import diary, diary_csv
from voxanne.clinic_files.diary import Diary, DiaryAppointment, Reading
from voxanne.clinic_files.diary_csv import read_csv
from voxanne.clinic_files.diary_ics import read_ics
from voxanne.clinic_files.errors import ClinicFileError

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
READING = Reading(ZoneInfo("Europe/London"), "GB", NOW, NOW + timedelta(days=60))
SERVICES = {"check-up": "check-up", "root canal": "root-canal"}
PHONE = "020 7946 0123"
ROW = "2026-12-01 10:00,30,Maya Okafor,020 7946 0123"


def csv_of(*rows: str, columns: str = "start,duration,name,phone") -> Diary:
    return read_csv("\n".join((columns, *rows)).encode(), READING)


def ics_of(*events: str, reading: Reading = READING) -> Diary:
    """Each event's lines in one text; UID and END are added."""
    body = "".join(
        f"BEGIN:VEVENT\nUID:event-{number}\n{event.strip()}\nEND:VEVENT\n"
        for number, event in enumerate(events, 1)
    )
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{body}END:VCALENDAR\n"
    return read_ics(text.replace("\n", "\r\n").encode(), reading, SERVICES)


def only(read: Diary) -> DiaryAppointment:
    assert read.problems == []
    (appointment,) = read.appointments
    return appointment


def problems(read: Diary) -> list[tuple[int, Outcome]]:
    return [(problem.row, problem.outcome) for problem in read.problems]


# CSV


def test_a_row_with_every_column() -> None:
    columns = "Id;START;End;Doctor;Treatment;Patient Name;Mobile;E-mail;Surgery;Date_of_birth"
    columns += ";Notes;Status;X"
    row = (
        "7;2026-12-01 10:00;2026-12-01 10:45;Dr Chen;Check-up;Maya Okafor;020 7946 0123;"
        'M@Example.com;Room 1;1980-05-31;"nervous; twice";Confirmed;?'
    )
    read = csv_of(row, columns=columns)
    found = only(read)
    assert found.starts_at == datetime(2026, 12, 1, 10, tzinfo=UTC)
    assert (found.row, found.duration_minutes, found.identity) == (2, 45, "csv/7")
    assert (found.name, found.phone.e164, found.email) == (
        "Maya Okafor",
        "+442079460123",
        "m@example.com",
    )
    assert (found.practitioner, found.service, found.room) == ("Dr Chen", "Check-up", "Room 1")
    assert (found.birth_date, found.notes) == (date(1980, 5, 31), "nervous; twice")
    assert read.ignored_columns == ["X"]


@pytest.mark.parametrize(
    ("columns", "row", "minutes"),
    [
        ("start,name,phone", "2026-07-01T10:00,Maya Okafor,020 7946 0123", None),
        ("date,time,end time,patient,tel", f"2026-12-01,10:00,10:20,Maya Okafor,{PHONE}", 20),
        (
            "begin\tlength\tfirst name\tsurname\tphone",
            f"2026-12-01 10:00\t1h\tMaya\tOkafor\t{PHONE}",
            60,
        ),
        (
            "\ufeffscheduled_at,minutes,client,phone_number",
            f"2026-12-01T10:00:00Z,15,Maya Okafor,{PHONE}",
            15,
        ),
    ],
)
def test_headers_have_other_names_too(columns: str, row: str, minutes: int | None) -> None:
    reading = Reading(READING.zone, "GB", datetime(2026, 6, 1, tzinfo=UTC), READING.until)
    found = only(read_csv(f"{columns}\r\n{row}\r\n\r\n".encode(), reading))
    assert (found.name, found.phone.e164) == ("Maya Okafor", "+442079460123")
    assert found.duration_minutes == minutes


def test_what_is_left_out_is_counted() -> None:
    read = csv_of(
        f"2026-11-21 08:59,30,Maya Okafor,{PHONE},",
        f"2026-12-01 10:00,30,Maya Okafor,{PHONE},Cancelled",
        f"2026-12-01 10:00,30,Maya Okafor,{PHONE},no show",
        ",,,,",
        columns="start,duration,name,phone,status",
    )
    assert (read.past, read.cancelled, read.appointments, read.problems) == (1, 2, [], [])


def test_a_row_with_neither_name_nor_phone_is_an_absence() -> None:
    read = csv_of("2026-12-01 12:00,60,,", "2026-11-21 08:30,60,,", "2026-11-20 12:00,60,,")
    assert [(absence.row, absence.ends_at - absence.starts_at) for absence in read.absences] == [
        (2, timedelta(hours=1)),
        (3, timedelta(hours=1)),
    ]
    assert read.past == 1


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("soon,30,Maya Okafor,020 7946 0123", Outcome.INVALID_DATE),
        ("01/12/2026 10:00,30,Maya Okafor,020 7946 0123", Outcome.INVALID_DATE),
        ("2027-03-28 01:30,30,Maya Okafor,020 7946 0123", Outcome.INVALID_DATE),
        ("2027-10-31 01:30,30,Maya Okafor,020 7946 0123", Outcome.NEEDS_CONFIRMATION),
        ("2026-12-01 10:00,long,Maya Okafor,020 7946 0123", Outcome.INVALID_DURATION),
        ("2026-12-01 10:00,0,Maya Okafor,020 7946 0123", Outcome.INVALID_DURATION),
        ("2026-12-01 10:00,25h,Maya Okafor,020 7946 0123", Outcome.INVALID_DURATION),
        ("2026-12-01 10:00,30,Maya Okafor,", Outcome.INVALID_PHONE),
        ("2026-12-01 10:00,30,Maya Okafor,12", Outcome.INVALID_PHONE),
        ("2026-12-01 10:00,30,Maya Okafor,020 7946 0123,nobody", Outcome.INVALID_EMAIL),
        ("2026-12-01 10:00,30,Maya Okafor,020 7946 0123,,31/05/1980", Outcome.INVALID_DATE),
        ("2026-12-01 10:00,30,Maya Okafor,020 7946 0123,,,waiting", Outcome.INVALID_ARGUMENTS),
        ("2026-12-01 10:00,,,", Outcome.INVALID_NAME),
        ("2026-12-01 10:00,0,,", Outcome.INVALID_HOURS),
    ],
)
def test_a_row_that_can_not_be_read_is_a_problem_of_its_own(row: str, outcome: Outcome) -> None:
    read = csv_of(ROW, row, columns="start,duration,name,phone,email,birth date,status")
    assert problems(read) == [(3, outcome)]
    assert len(read.appointments) == 1
    assert not any(
        word in read.problems[0].message for word in ("Maya", PHONE, "nobody", "waiting")
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "start"),
        (b"name,phone\nMaya Okafor,020 7946 0123", "start"),
        (b"start,name\n2026-12-01 10:00,M\xfcller", "UTF-8"),
        (b"start,name\n2026\x00,a", "text"),
        (b'start,name\n"2026-12-01 10:00,Maya', "Row 2"),
    ],
)
def test_a_file_that_is_no_csv_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ClinicFileError, match=words) as caught:
        read_csv(content, READING)
    assert "Maya" not in caught.value.message


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diary_csv, "ROWS_MAX", 3)
    with pytest.raises(ClinicFileError, match="3 rows"):
        csv_of(*[ROW] * 4)
    monkeypatch.setattr(diary, "ROWS_MAX", 3)
    with pytest.raises(ClinicFileError, match="3 appointments"):
        ics_of("DTSTART:20261201T100000\nDTEND:20261201T110000\nRRULE:FREQ=DAILY;COUNT=4")


def test_a_row_is_known_again_and_its_key_tells_nobody_who_it_is() -> None:
    first, again, other = csv_of(ROW, ROW, ROW.replace("10:00", "11:00")).appointments
    assert first.key == again.key != other.key
    assert first.request_hash == again.request_hash
    assert "Maya" not in first.key
    assert "7946" not in first.key
    moved = csv_of(
        f"1,{ROW}", f"1,{ROW.replace('10:00', '11:00')}", columns="id,start,duration,name,phone"
    )
    one, two = moved.appointments
    assert one.key == two.key
    assert one.request_hash != two.request_hash


# iCalendar


def test_an_event_with_a_phone_is_an_appointment() -> None:
    found = only(
        ics_of(
            "DTSTART;TZID=America/New_York:20261201T100000\nDTEND;TZID=America/New_York:20261201T103000\n"
            "SUMMARY:Maya Okafor - Check-up\nDESCRIPTION:Mobile: 020 7946 0123\\nbring x-rays"
        )
    )
    assert found.starts_at == datetime(2026, 12, 1, 15, tzinfo=UTC)
    assert (found.duration_minutes, found.service) == (30, "check-up")
    assert (found.name, found.phone.e164) == ("Maya Okafor", "+442079460123")
    assert found.notes is None


@pytest.mark.parametrize(
    ("lines", "name", "phone", "email"),
    [
        (["SUMMARY:Maya Okafor 020 7946 0123"], "Maya Okafor", "+442079460123", None),
        (
            ["SUMMARY:Root canal: Okafor\\, Maya (+1 212 555 0123)"],
            *("Okafor, Maya", "+12125550123", None),
        ),
        (
            [
                "SUMMARY:Check-up",
                "ATTENDEE;CN=Maya Okafor:mailto:Maya@example.com",
                "ATTENDEE:tel:+442079460123",
            ],
            *("Maya Okafor", "+442079460123", "maya@example.com"),
        ),
        (
            [
                "SUMMARY:Maya Okafor",
                "DESCRIPTION:phone=+44 20 7946 0123",
                "ORGANIZER;CN=Dr Chen:mailto:d@x.org",
                "ATTENDEE;CN=Dr Chen:mailto:d@x.org",
                "ATTENDEE;CN=maya@x.org:mailto:maya@x.org",
            ],
            *("Maya Okafor", "+442079460123", "maya@x.org"),
        ),
    ],
)
def test_the_patient_is_found_in_the_texts(
    lines: list[str], name: str, phone: str, email: str | None
) -> None:
    said = "\n".join(lines)
    found = only(ics_of(f"DTSTART:20261201T100000\nDURATION:PT30M\n{said}"))
    assert (found.name, found.phone.e164, found.email) == (name, phone, email)


def test_what_tells_no_patient_is_an_absence() -> None:
    read = ics_of(
        "DTSTART:20261201T120000\nDTEND:20261201T130000\nSUMMARY:Lunch with Maya 2026-12-01 12:00",
        "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227\nSUMMARY:Away 020 7946 0123",
        "DTSTART;VALUE=DATE:20261229",
        "DTSTART;VALUE=DATE:20261101\nDTEND;VALUE=DATE:20261201",
    )
    assert [(a.starts_at.isoformat(), a.ends_at.isoformat()) for a in read.absences] == [
        ("2026-12-01T12:00:00+00:00", "2026-12-01T13:00:00+00:00"),
        ("2026-12-24T00:00:00+00:00", "2026-12-27T00:00:00+00:00"),
        ("2026-12-29T00:00:00+00:00", "2026-12-30T00:00:00+00:00"),
        ("2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00"),
    ]
    assert problems(read) == []


def test_cancelled_free_and_past_events_are_left_out_and_counted() -> None:
    read = ics_of(
        f"DTSTART:20261201T100000\nDURATION:PT1H\nSTATUS:CANCELLED\nSUMMARY:Maya {PHONE}",
        "DTSTART;VALUE=DATE:20261201\nTRANSP:TRANSPARENT\nSUMMARY:Birthday",
        f"DTSTART:20261101T100000\nDURATION:PT1H\nSUMMARY:Maya {PHONE}",
        "DTSTART:20261101T100000\nDURATION:PT1H\nSUMMARY:Lunch",
    )
    assert (read.cancelled, read.free, read.past) == (1, 1, 2)
    assert (read.appointments, read.absences) == ([], [])


def test_what_repeats_is_followed_to_the_horizon() -> None:
    """Every Tuesday at ten in London, whatever the clocks say, but for two and one that moved."""
    reading = Reading(
        READING.zone, "GB", datetime(2027, 3, 20, tzinfo=UTC), datetime(2027, 4, 30, tzinfo=UTC)
    )
    series = (
        "DTSTART;TZID=Europe/London:20260106T100000\nDTEND;TZID=Europe/London:20260106T103000\n"
        f"RRULE:FREQ=WEEKLY;BYDAY=TU\nSUMMARY:Maya Okafor {PHONE}\n"
        "EXDATE;TZID=Europe/London:20270330T100000\nEXDATE:20270420T090000Z"
    )
    moved = (
        "RECURRENCE-ID;TZID=Europe/London:20270406T100000\n"
        f"DTSTART;TZID=Europe/London:20270407T150000\nDURATION:PT45M\nSUMMARY:Maya Okafor {PHONE}"
    )
    body = f"BEGIN:VEVENT\nUID:a\n{series}\nEND:VEVENT\nBEGIN:VEVENT\nUID:a\n{moved}\nEND:VEVENT\n"
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{body}END:VCALENDAR\n"
    read = read_ics(text.encode(), reading, SERVICES)
    assert problems(read) == []
    assert [a.starts_at.strftime("%m-%d %H:%M") for a in read.appointments] == [
        "03-23 10:00",
        "04-13 09:00",
        "04-27 09:00",
        "04-07 14:00",
    ]
    assert read.past == 0
    assert len({a.key for a in read.appointments}) == 4


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("RRULE:FREQ=DAILY;COUNT=3", ["12-01", "12-02", "12-03"]),
        ("RRULE:FREQ=DAILY;UNTIL=20261203T100000Z", ["12-01", "12-02", "12-03"]),
        ("RRULE:FREQ=DAILY;UNTIL=20261202", ["12-01", "12-02"]),
        ("RRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20261202", ["12-01", "12-03"]),
        ("RDATE:20261205T100000,20261206T100000Z", ["12-01", "12-05", "12-06"]),
        ("RRULE:FREQ=MONTHLY;BYDAY=1TU", ["12-01", "01-05"]),
    ],
)
def test_rules_of_repetition(rule: str, days: list[str]) -> None:
    read = ics_of(f"DTSTART:20261201T100000\nDTEND:20261201T110000\n{rule}")
    assert [a.starts_at.strftime("%m-%d") for a in read.absences] == days


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        ("SUMMARY:no date", Outcome.INVALID_DATE),
        ("DTSTART:garbage", Outcome.INVALID_DATE),
        ("DTSTART:20261201T100000\nDTSTART:20261202T100000", Outcome.INVALID_DATE),
        ("DTSTART;TZID=Mars/Olympus:20261201T100000\nDURATION:PT1H", Outcome.INVALID_TIMEZONE),
        ("DTSTART;VALUE=DATE:20261201\nDTEND:20261202T100000", Outcome.INVALID_DATE),
        ("DTSTART:20261201T100000\nDTEND:20261201T090000", Outcome.INVALID_HOURS),
        ("DTSTART:20261201T100000\nSUMMARY:Lunch", Outcome.INVALID_HOURS),
        (
            "DTSTART:20261201T100000\nDURATION:P2D\nSUMMARY:Maya 020 7946 0123",
            Outcome.INVALID_DURATION,
        ),
        (
            "DTSTART:20261201T100000\nDURATION:PT90S\nSUMMARY:Maya 020 7946 0123",
            Outcome.INVALID_DURATION,
        ),
        ("DTSTART:20261201T100000\nDURATION:PT1H\nRRULE:FREQ=HOURLY", Outcome.INVALID_ARGUMENTS),
        ("DTSTART:20261201T100000\nDURATION:PT1H\nRRULE:FREQ=NEVER", Outcome.INVALID_DATE),
        (
            "DTSTART:20261201T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2;UNTIL=20261231",
            Outcome.INVALID_ARGUMENTS,
        ),
        (
            "DTSTART:20261201T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY",
            Outcome.INVALID_ARGUMENTS,
        ),
        (
            "DTSTART:20261201T100000\nDURATION:PT1H\nEXDATE:garbage\nRRULE:FREQ=DAILY",
            Outcome.INVALID_DATE,
        ),
        (
            "DTSTART:20261201T100000\nDURATION:PT1H\nRDATE;VALUE=PERIOD:20261201T100000Z/PT1H",
            Outcome.INVALID_DATE,
        ),
        (
            "DTSTART:20261201T100000\nDURATION:PT1H\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261201T100000",
            Outcome.INVALID_ARGUMENTS,
        ),
    ],
)
def test_an_event_that_can_not_be_read_is_a_problem_of_its_own(
    event: str, outcome: Outcome
) -> None:
    read = ics_of("DTSTART:20261201T120000\nDURATION:PT1H\nSUMMARY:Lunch", event)
    assert problems(read) == [(2, outcome)]
    assert len(read.absences) == 1
    assert "Maya" not in read.problems[0].message


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"BEGIN:VCALENDAR\n", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\nMaya\n"]
)
def test_a_file_that_is_no_calendar_is_refused(content: bytes) -> None:
    with pytest.raises(ClinicFileError) as caught:
        read_ics(content, READING, SERVICES)
    assert caught.value.message == "The file can't be read as iCalendar."


def test_an_endless_repetition_ends() -> None:
    long = Reading(READING.zone, "GB", NOW, NOW + timedelta(days=5000))
    read = ics_of("DTSTART:20261201T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY", reading=long)
    assert problems(read) == [(1, Outcome.INVALID_ARGUMENTS)]
