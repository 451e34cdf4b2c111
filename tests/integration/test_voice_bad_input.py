"""Whatever a model or a stranger sends: a sentence and a code, and nothing is stored."""

import json
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from tests.database import Server
from tests.integration.clinics import (
    TOOL_URL,
    VAPI_URL,
    Api,
    Json,
    payload_of,
    running_api,
    wish,
)
from tests.unit import vapi_bodies as bodies

ANSWER_SECONDS_MAX = 1.0
MEBIBYTE = 1024 * 1024

REFUSED_ARGUMENTS: list[tuple[str, Json, str]] = [
    ("phone is prose", {"phone": "call me maybe"}, "INVALID_PHONE"),
    ("phone is too short", {"phone": "123"}, "INVALID_PHONE"),
    ("phone is too long", {"phone": "+44" + "7" * 40}, "INVALID_PHONE"),
    ("phone has no such country", {"phone": "+999 123 456 789"}, "INVALID_PHONE"),
    ("phone is a number", {"phone": 447700900123}, "INVALID_PHONE"),
    ("phone is a list", {"phone": ["+447700900123"]}, "INVALID_PHONE"),
    ("e-mail is prose", {"email": "ana at example dot com"}, "INVALID_EMAIL"),
    ("e-mail is a list", {"email": ["ana@example.com"]}, "INVALID_EMAIL"),
    ("e-mail is long", {"email": "a" * 300 + "@example.com"}, "INVALID_EMAIL"),
    ("e-mail has a line break", {"email": "ana@example.com\nBcc: x@example.com"}, "INVALID_EMAIL"),
    ("name is empty", {"name": ""}, "INVALID_NAME"),
    ("name is blank", {"name": " \t\u00a0 "}, "INVALID_NAME"),
    ("name is missing", {"name": None}, "INVALID_NAME"),
    ("name is a number", {"name": 7}, "INVALID_NAME"),
    ("name is an object", {"name": {"first": "Ana"}}, "INVALID_NAME"),
    ("name has digits only", {"name": "07700 900123"}, "INVALID_NAME"),
    ("name is long", {"name": "a" * 10_000}, "INVALID_NAME"),
    ("name is a little too long", {"name": "a" * 121}, "INVALID_NAME"),
    ("name is an emoji", {"name": "😀"}, "INVALID_NAME"),
    ("name has an emoji", {"name": "Ana 😀"}, "INVALID_NAME"),
    ("name has a lone surrogate", {"name": "Ana \ud800"}, "INVALID_NAME"),
    ("name has a direction override", {"name": "Ana \u202etxt.exe"}, "INVALID_NAME"),
    ("name has an escape", {"name": "Ana \x1b[31m"}, "INVALID_NAME"),
    ("name is markup", {"name": "\u0000<script>"}, "INVALID_NAME"),
    ("duration is zero", {"durationMinutes": 0}, "INVALID_DURATION"),
    ("duration is negative", {"durationMinutes": -5}, "INVALID_DURATION"),
    ("duration is huge", {"durationMinutes": 100_000}, "INVALID_DURATION"),
    ("duration is beyond integers", {"durationMinutes": 10**30}, "INVALID_DURATION"),
    ("duration is a word", {"durationMinutes": "abc"}, "INVALID_DURATION"),
    ("duration is true", {"durationMinutes": True}, "INVALID_DURATION"),
    ("duration is a fraction", {"durationMinutes": 30.5}, "INVALID_DURATION"),
    ("duration is a list", {"durationMinutes": [30]}, "INVALID_DURATION"),
    ("the year 9999", {"scheduledAt": "9999-12-31T10:00"}, "TOO_FAR_AHEAD"),
    ("the year 0", {"scheduledAt": "0000-01-01T10:00"}, "INVALID_DATE"),
    ("the year 1 with an offset", {"scheduledAt": "0001-01-01T00:00+14:00"}, "INVALID_DATE"),
    ("the end of time", {"scheduledAt": "9999-12-31T23:59-12:00"}, "INVALID_DATE"),
    ("no such day", {"scheduledAt": "2027-02-30T10:00"}, "INVALID_DATE"),
    ("time is missing", {"scheduledAt": None}, "INVALID_DATE"),
    ("time is a number", {"scheduledAt": 1_790_000_000}, "INVALID_DATE"),
    ("time is true", {"scheduledAt": True}, "INVALID_DATE"),
    ("time is a list", {"scheduledAt": ["2026-11-26"]}, "INVALID_DATE"),
    ("time is an object", {"scheduledAt": {"date": "2026-11-26"}}, "INVALID_DATE"),
    ("time is long", {"scheduledAt": "2026-11-26T10:00 " * 1_000}, "INVALID_DATE"),
    ("time is past", {"scheduledAt": "2026-11-02T07:59"}, "DATE_IN_PAST"),
    ("weekday does not match", {"weekday": "Friday"}, "NEEDS_CONFIRMATION"),
    ("weekday is nonsense", {"weekday": "Caturday"}, "INVALID_DATE"),
    ("there is no such time that night", {"scheduledAt": "2027-03-28T01:30"}, "NEEDS_CONFIRMATION"),
    ("closed", {"scheduledAt": "2026-11-29T10:00"}, "OUTSIDE_HOURS"),
    ("too far ahead", {"scheduledAt": "2027-11-05T10:00"}, "TOO_FAR_AHEAD"),
    ("notes are long", {"notes": "a" * 2_001}, "INVALID_ARGUMENTS"),
    ("notes are a list", {"notes": ["sore tooth"]}, "INVALID_ARGUMENTS"),
    ("service is a number", {"serviceType": 7}, "UNKNOWN_SERVICE"),
    ("service is not offered", {"serviceType": "surgery"}, "UNKNOWN_SERVICE"),
    ("service is long", {"serviceType": "a" * 201}, "UNKNOWN_SERVICE"),
    ("practitioner is nobody", {"practitioner": "Dr Nobody"}, "UNKNOWN_PRACTITIONER"),
    ("practitioner is a number", {"practitioner": 7}, "UNKNOWN_PRACTITIONER"),
]

TEXT_ARGUMENTS = {
    "name": "INVALID_NAME",
    "phone": "INVALID_PHONE",
    "email": "INVALID_EMAIL",
    "serviceType": "UNKNOWN_SERVICE",
    "practitioner": "UNKNOWN_PRACTITIONER",
    "scheduledAt": "INVALID_DATE",
    "appointmentDate": "INVALID_DATE",
    "appointmentTime": "INVALID_DATE",
    "weekday": "INVALID_DATE",
    "durationMinutes": "INVALID_DURATION",
    "notes": "INVALID_ARGUMENTS",
}

# What stands for a voice call's `arguments`, as JSON.
UNREADABLE_ARGUMENTS = {
    "prose": '"name: Ana"',
    "cut off": r'"{\"name\": \"Ana Ruiz\", \"scheduledAt\": \"2026-1"',
    "list": "[]",
    "number": "7",
    "true": "true",
    "string of a list": '"[1, 2]"',
    "string of a number": '"7"',
    "string with NaN": r'"{\"durationMinutes\": NaN}"',
    "string that nests deeply": json.dumps("[" * 100_000),
    "string with a long integer": json.dumps('{"durationMinutes": ' + "9" * 5_000 + "}"),
}

NOT_JSON = {
    "empty": b"",
    "prose": b"hello",
    "cut off": b'{"message": {"type": "tool-calls"',
    "form": b"message=hello&type=tool-calls",
    "invalid UTF-8": b'{"message": {"type": "\xff\xfe"}}',
    "two objects": b"{}{}",
    "nested beyond any parser": b"[" * 500_000,
    "objects nested beyond any parser": b'{"a":' * 100_000,
    "integer of 5,000 digits": b'{"a": ' + b"7" * 5_000 + b"}",
}
NO_OBJECT = ("[]", "[{}]", "null", "true", "7", '"text"')


def body_with(arguments_as_json: str) -> str:
    """A whole wire body whose only call has these very arguments."""
    marked = json.dumps(bodies.envelope([bodies.tool_call(arguments="MARK")]))
    assert marked.count('"MARK"') >= 3
    return marked.replace('"MARK"', arguments_as_json)


async def assert_refused(
    api: Api, body: object, code: str, *, key: str, path: str = VAPI_URL
) -> None:
    """HTTP 200, one entry, one line, the code under `key`, soon; and nothing is stored."""
    before = await api.counts()
    started = time.monotonic()
    reply = await api.post(path, body)
    seconds = time.monotonic() - started
    assert reply.status_code == 200, reply.text
    (entry,) = reply.json()["results"]
    assert entry.keys() == {"name", "toolCallId", key}
    assert len(entry[key].splitlines()) == 1
    payload = json.loads(entry[key])
    assert (payload["success"], payload["error"]) == (False, code)
    assert payload["message"].strip()
    assert len(payload["message"].splitlines()) == 1
    assert await api.counts() == before
    assert seconds < ANSWER_SECONDS_MAX


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def files_api(server: Server) -> AsyncIterator[Api]:
    """Behind a socket, so that bodies arrive as they were sent."""
    async with server.database() as database, running_api(database, on_socket=True) as api:
        yield api


@pytest.mark.parametrize(
    ("changes", "code"),
    [case[1:] for case in REFUSED_ARGUMENTS],
    ids=[case[0] for case in REFUSED_ARGUMENTS],
)
async def test_a_bad_argument_is_refused_with_its_code(
    voice: Api, changes: Json, code: str
) -> None:
    body = bodies.envelope([bodies.tool_call(arguments=wish(**changes))])
    await assert_refused(voice, body, code, key="result")


@pytest.mark.parametrize(("country", "number"), [("US", "555-0100"), ("GB", "12345")])
async def test_a_phone_number_without_its_area_code_is_refused(
    voice: Api, country: str, number: str
) -> None:
    there = await voice.open_clinic(country=country)
    refused = await voice.book(there.bearer, phone=number)
    assert refused.get("error") == "INVALID_PHONE"


@pytest.mark.parametrize("hidden", ["\\u0000", "\\ud800", "\\udfff"])
async def test_nul_and_lone_surrogates_are_refused_in_every_argument(
    voice: Api, hidden: str
) -> None:
    for argument, code in TEXT_ARGUMENTS.items():
        for text in (hidden, f"Ana{hidden}Ruiz"):
            arguments = json.dumps(wish(**{argument: "MARK"})).replace("MARK", text)
            await assert_refused(voice, body_with(arguments), code, key="result")


async def test_nul_in_an_unknown_argument_or_key_is_ignored(voice: Api) -> None:
    arguments = wish() | {"favourite": "\x00", "\x00\ud800": {"deep": ["\x00"]}}
    booked = await voice.use_tool(arguments)
    assert booked["success"] is True


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity"])
async def test_a_number_beyond_all_numbers_is_no_duration(voice: Api, number: str) -> None:
    arguments = json.dumps(wish(durationMinutes="MARK")).replace('"MARK"', number)
    await assert_refused(voice, body_with(arguments), "INVALID_DURATION", key="result")


@pytest.mark.parametrize("arguments", UNREADABLE_ARGUMENTS.values(), ids=UNREADABLE_ARGUMENTS)
async def test_unreadable_arguments_are_an_error(voice: Api, arguments: str) -> None:
    await assert_refused(voice, body_with(arguments), "INVALID_ARGUMENTS", key="error")


@pytest.mark.parametrize("arguments", ["null", '""', '"  "', "{}", '"{}"'])
async def test_no_arguments_are_missing_arguments(voice: Api, arguments: str) -> None:
    await assert_refused(voice, body_with(arguments), "INVALID_NAME", key="result")


@pytest.mark.parametrize("depth", [50, 300, 600, 900, 950, 980, 1_500, 20_000])
async def test_deeply_nested_arguments_get_a_sentence_or_400(voice: Api, depth: int) -> None:
    """Where Python's parser gives up is Python's to say; a crash is nobody's."""
    nested = "[" * depth + "]" * depth
    arguments = json.dumps(wish(name="MARK")).replace('"MARK"', nested)
    reply = await voice.post(VAPI_URL, body_with(arguments))
    if reply.status_code != 400:
        assert reply.status_code == 200
        assert payload_of(reply.json())["error"] == "INVALID_NAME"
    assert (await voice.counts())["leads"] == 0


@pytest.mark.parametrize("depth", [300, 900, 950, 980])
async def test_a_deeply_nested_unknown_argument_is_ignored_or_refused(
    voice: Api, depth: int
) -> None:
    nested = "[" * depth + "]" * depth
    arguments = json.dumps(wish(unheardOf="MARK")).replace('"MARK"', nested)
    reply = await voice.post(VAPI_URL, body_with(arguments))
    if reply.status_code != 400:
        assert payload_of(reply.json()).get("error") != "INTERNAL_ERROR"


async def test_an_unknown_tool_is_an_error(voice: Api) -> None:
    body = bodies.envelope([bodies.tool_call(name="dropTable", arguments=wish())])
    await assert_refused(voice, body, "UNKNOWN_TOOL", key="error")


@pytest.mark.parametrize(
    "caller", [None, "", "anonymous", "Restricted", "+266696687", "+86282452253", "sip:a@b.c"]
)
async def test_without_a_caller_number_the_phone_is_required(
    voice: Api, caller: str | None
) -> None:
    call = bodies.tool_call(arguments=wish())
    await assert_refused(
        voice, bodies.envelope([call], caller=caller), "INVALID_PHONE", key="result"
    )
    booked = await voice.book(caller=caller, phone="07700 900456")
    assert booked["success"] is True
    assert await voice.value("SELECT phone FROM leads") == "+447700900456"


async def test_the_same_id_twice_is_one_call(voice: Api) -> None:
    calls = [bodies.tool_call("same", arguments=wish(name=name)) for name in ("Ana Ruiz", "Bo Li")]
    answered = await voice.answer(bodies.envelope(calls))
    assert payload_of(answered)["success"] is True
    assert await voice.value("SELECT name FROM leads") == "Ana Ruiz"


@pytest.mark.parametrize(
    "name",
    [
        "משה כהן",
        "محمد علي",
        "王伟",
        "Nguyễn Thị Hồng",
        "O'Connor-Smith",
        "Ana María del Río",
        "Владимир",
        "Q",
        "José\u0301",
    ],
)
async def test_a_real_name_in_any_script_is_booked(voice: Api, name: str) -> None:
    booked = await voice.book(name=name)
    assert booked["success"] is True
    assert await voice.value("SELECT normalize(name, NFC) = normalize($1, NFC) FROM leads", name)


async def test_direction_marks_around_a_name_are_dropped(voice: Api) -> None:
    assert (await voice.book(name="\u200fמשה כהן\u200e"))["success"] is True
    assert await voice.value("SELECT name FROM leads") == "משה כהן"


@pytest.mark.parametrize("url", [VAPI_URL, TOOL_URL])
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_not_json_is_400(voice: Api, body: bytes, url: str) -> None:
    reply = await voice.post(url, body)
    assert_problem(reply, 400, "INVALID_ARGUMENTS")


@pytest.mark.parametrize("url", [VAPI_URL, TOOL_URL])
@pytest.mark.parametrize("body", NO_OBJECT)
async def test_json_that_is_no_object_is_400(voice: Api, body: str, url: str) -> None:
    reply = await voice.post(url, body)
    assert_problem(reply, 400, "INVALID_ARGUMENTS")


@pytest.mark.parametrize("content", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_the_content_type_does_not_matter(voice: Api, content: str) -> None:
    body = bodies.envelope([bodies.tool_call(arguments=wish())])
    headers = {**voice.clinic.bearer, "Content-Type": content}
    assert payload_of(await voice.answer(body, headers))["success"] is True


def assert_problem(reply: httpx2.Response, status: int, code: str) -> None:
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert "Traceback" not in reply.text


def sized(length: int) -> bytes:
    """A valid body of exactly so many bytes, that would book."""
    body = bodies.envelope([bodies.tool_call(arguments=wish(padding=""))])
    return json.dumps(body).encode().ljust(length)


async def test_two_megabytes_are_read(voice: Api) -> None:
    reply = await voice.post(VAPI_URL, sized(2 * MEBIBYTE))
    assert payload_of(reply.json())["success"] is True


@pytest.mark.parametrize("url", [VAPI_URL, TOOL_URL])
@pytest.mark.parametrize("chunked", [False, True])
async def test_over_two_megabytes_is_413(voice: Api, url: str, chunked: bool) -> None:
    body = sized(2 * MEBIBYTE + 1)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 65_536):
            yield body[at : at + 65_536]

    content = pieces() if chunked else body
    reply = await voice.http.post(url, content=content, headers=voice.clinic.bearer)
    assert_problem(reply, 413, "INVALID_ARGUMENTS")
    assert (await voice.counts())["appointments"] == 0
    assert (await voice.book())["success"] is True, "the server goes on"


@pytest.mark.parametrize("url", [VAPI_URL, TOOL_URL])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer vox_wrong"},
        {"Authorization": "Bearer " + "x" * 5_000},
        {"Authorization": "Basic dm94OndhdA=="},
        {"X-Vapi-Secret": "wrong"},
        {"X-Vapi-Secret": ""},
        {"X-Signature": "00", "X-Timestamp": "1"},
        {"apikey": "vox_wrong"},
    ],
)
async def test_a_missing_or_wrong_credential_is_401(
    voice: Api, headers: dict[str, str], url: str
) -> None:
    body = bodies.envelope([bodies.tool_call(arguments=wish())])
    reply = await voice.post(url, body, headers)
    assert_problem(reply, 401, "UNAUTHORIZED")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert (await voice.counts())["leads"] == 0


async def test_an_api_key_in_the_header_for_programs_is_no_credential_for_voice(
    voice: Api,
) -> None:
    body = bodies.envelope([bodies.tool_call(arguments=wish())])
    assert (await voice.post(VAPI_URL, body, {"apikey": voice.clinic.key})).status_code == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_405(voice: Api, method: str) -> None:
    reply = await voice.http.request(method, VAPI_URL, headers=voice.clinic.bearer)
    assert reply.status_code == 405
