"""Each test configures logging in a process of its own: the configuration is the process's."""

import json
import subprocess
import sys
from typing import Any

import pytest

from voxanne.log import REDACTED, redact

PROGRAM = """
import logging
import structlog
from voxanne.log import configure_logging
configure_logging({level!r})
log = structlog.get_logger("test")
{body}
"""


def redacted(**event: Any) -> dict[str, Any]:
    return dict(redact(None, "info", event))


def logged(body: str, level: str = "info") -> str:
    """What a program with this body writes to standard error; standard output stays empty."""
    program = PROGRAM.format(level=level, body=body)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "patient_name",
        "phone",
        "contact_phone",
        "number",
        "dialled_number",
        "caller",
        "email",
        "e-mail",
        "Email",
        "secret",
        "vapi_secret",
        "token",
        "access_token",
        "password",
        "authorization",
        "Authorization",
        "api_key",
        "apikey",
        "birth_date",
        "notes",
    ],
)
def test_a_value_is_hidden_by_its_key(key: str) -> None:
    assert redacted(**{key: "planted"}) == {key: REDACTED}
    assert redacted(**{key: 7}) == {key: REDACTED}


@pytest.mark.parametrize(
    "text",
    [
        "call +447700900123 back",
        "call 07700 900123 back",
        "call (212) 555-0100 back",
        "mail ana.ruiz@example.com now",
        "ANA@EXAMPLE.COM",
    ],
)
def test_numbers_and_addresses_are_hidden_in_any_text(text: str) -> None:
    shown = redacted(event=text)["event"]
    assert REDACTED in shown
    assert not any(part in shown.lower() for part in ("900123", "0100", "ana", "example"))


@pytest.mark.parametrize(
    "value", [["planted"], {"a": "planted"}, b"planted", ValueError("planted")]
)
def test_what_is_no_plain_value_is_hidden(value: object) -> None:
    assert redacted(detail=value) == {"detail": REDACTED}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("event", "request"),
        ("status", 200),
        ("ms", 12.5),
        ("ok", True),
        ("nothing", None),
        ("tool", "bookClinicAppointment"),
        ("tool_name", "bookClinicAppointment"),
        ("org_id", "d0000000-0000-4000-8000-000000000001"),
        ("call_id", "7420f27a-30fd-4f49-a995-5549ae7cc00d"),
        ("timestamp", "2026-11-21T07:02:43.120391Z"),
        ("bug", "KeyError at /srv/voxanne/app.py:12"),
        ("outcome", "SLOT_UNAVAILABLE"),
    ],
)
def test_what_an_operator_needs_stays(key: str, value: object) -> None:
    assert redacted(**{key: value}) == {key: value}


def test_a_line_is_one_json_object_with_level_and_time() -> None:
    (line,) = logged("log.info('request', status=200, name='planted')").splitlines()
    entry = json.loads(line)
    assert entry.keys() == {"event", "status", "name", "level", "timestamp"}
    assert (entry["event"], entry["level"], entry["name"]) == ("request", "info", REDACTED)


def test_a_line_break_in_a_value_makes_no_second_line() -> None:
    assert len(logged(r"log.info('request', route='a\n{\"level\":\"forged\"}')").splitlines()) == 1


def test_the_level_is_the_least_that_is_shown() -> None:
    body = "log.debug('one'); log.info('two'); log.warning('three'); log.error('four')"
    assert [json.loads(line)["event"] for line in logged(body, "warning").splitlines()] == [
        "three",
        "four",
    ]
    assert len(logged(body, "debug").splitlines()) == 4


def test_a_librarys_warning_is_shown_without_its_text() -> None:
    said = logged("logging.getLogger('asyncpg.pool').warning('planted %s', 'planted')")
    assert said == "WARNING asyncpg.pool\n"
    assert logged("logging.getLogger('asyncpg.pool').info('planted')") == ""


def test_a_librarys_exception_is_shown_without_its_text() -> None:
    body = """
try:
    raise ValueError("planted")
except ValueError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
"""
    assert "planted" not in logged(body)


def test_an_exception_given_to_the_log_is_hidden() -> None:
    body = """
try:
    raise ValueError("planted")
except ValueError as error:
    log.error("failed", problem=error)
    log.exception("failed")
    log.error("failed", exc_info=True)
"""
    assert "planted" not in logged(body)
