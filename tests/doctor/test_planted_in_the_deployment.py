"""What is wrong around the database: vendors, addresses, backups, clocks. Each is planted, found,
and taken out again.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, reset_tzpath

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.doctor.scenes import ACCOUNT, Deployment
from tests.fakes.fault_proxy import black_hole, html, reset_before
from tests.fakes.serving import serve_app
from voxanne.config import Environment
from voxanne.doctor import CHECKS, State, clocks, examine, messages
from voxanne.doctor.addresses import wrong_address
from voxanne.stress.endpoint import Endpoint

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRODUCTION = {"env": Environment.PRODUCTION}
NOWHERE = "http://127.0.0.1:1"

# Plants, lets the doctor look at what it yields, takes out.
Plant = Callable[[Deployment], AbstractAsyncContextManager[Deployment]]


def settings(**changes: Any) -> Plant:
    @asynccontextmanager
    async def plant(deployment: Deployment) -> AsyncIterator[Deployment]:
        yield deployment.with_settings(**changes)

    return plant


def scene(**changes: Any) -> Plant:
    @asynccontextmanager
    async def plant(deployment: Deployment) -> AsyncIterator[Deployment]:
        yield replace(deployment, scene=replace(deployment.scene, **changes))

    return plant


def vendor(name: str, **changes: Any) -> Plant:
    """A stand-in has other attributes for a while."""

    @asynccontextmanager
    async def plant(deployment: Deployment) -> AsyncIterator[Deployment]:
        fake = getattr(deployment, name)
        before = {attribute: getattr(fake, attribute) for attribute in changes}
        for attribute, value in changes.items():
            setattr(fake, attribute, value)
        yield deployment
        for attribute, value in before.items():
            setattr(fake, attribute, value)

    return plant


def google_answers(fault: Any) -> Plant:
    @asynccontextmanager
    async def plant(deployment: Deployment) -> AsyncIterator[Deployment]:
        deployment.google_proxy.choose = lambda _method, _path: fault
        yield deployment
        deployment.google_proxy.choose = None

    return plant


@asynccontextmanager
async def revoked(deployment: Deployment) -> AsyncIterator[Deployment]:
    google = deployment.google
    before = set(google.refresh_tokens)
    google.revoke()
    yield deployment
    google.refresh_tokens |= before


def backups(*written: tuple[str, bytes, float]) -> Plant:
    """A directory of its own with these files: name, content, hours of age."""

    @asynccontextmanager
    async def plant(deployment: Deployment) -> AsyncIterator[Deployment]:
        folder = deployment.backup.parent.parent / f"other-{time.monotonic_ns()}"
        folder.mkdir()
        for name, content, hours in written:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
            then = time.time() - hours * 3600
            os.utime(folder / name, (then, then))
        yield deployment.with_settings(backup_dir=folder)

    return plant


def stand_in(answer: Callable[[Request], Response], **changes: Any) -> Plant:
    """Another application answers at the public address."""

    async def handle(request: Request) -> Response:
        return answer(request)

    @asynccontextmanager
    async def plant(deployment: Deployment) -> AsyncIterator[Deployment]:
        routes = [Route("/{path:path}", handle, methods=["GET", "POST"])]
        async with serve_app(Starlette(routes=routes)) as port:
            yield deployment.with_settings(public_url=f"http://127.0.0.1:{port}", **changes)

    return plant


GUARDED = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"}


def half_ours(request: Request) -> Response:
    """A proxy that passes on what it was told of, and answers the rest itself."""
    if request.url.path == "/api/vapi":
        return Response(status_code=401, headers=GUARDED)
    return PlainTextResponse("Not Found", 404)


def not_ready(_: Request) -> Response:
    return JSONResponse({"code": "BUSY"}, 503, GUARDED)


def says_booked(_: Request) -> Response:
    return JSONResponse({"results": [{"result": '{"success": true}'}]})


def busy(_: Request) -> Response:
    return JSONResponse({"results": [{"error": '{"success": false, "error": "BUSY"}'}]})


def refuses(_: Request) -> Response:
    return JSONResponse({"results": [{"result": '{"success": false, "error": "OUTSIDE_HOURS"}'}]})


@dataclass(frozen=True)
class Fault:
    check: str
    plant: Plant
    said: str
    state: State = State.FAILED


FAULTS = [
    Fault("google_client", settings(google_client_secret=SecretStr("wrong")), "Google refuses it"),
    Fault("google_client", settings(google_client_secret=None), "one of its two"),
    Fault(
        "google_client",
        settings(google_client_id=None, google_client_secret=None),
        "1 calendar need it",
    ),
    Fault("google_client", settings(google_oauth_url=NOWHERE), "can't be asked (unreachable)"),
    Fault("google_client", google_answers(html()), "can't be asked (unreadable)"),
    Fault("google_tokens", revoked, "Harbor Dental: invalid_grant"),
    Fault(
        "google_tokens",
        vendor("google", granted_scope="https://www.googleapis.com/auth/calendar.readonly"),
        "without calendar.events",
    ),
    Fault("google_tokens", vendor("google", consent_seconds=604_799), "project in Testing?"),
    Fault("google_tokens", vendor("google", calendars={}), "calendar_gone"),
    Fault("google_tokens", google_answers(reset_before()), "broken_off"),
    Fault("google_tokens", google_answers(html()), "unreadable"),
    Fault(
        "google_tokens",
        settings(google_client_id=None, google_client_secret=None),
        "can't be tried",
    ),
    Fault("twilio", vendor("twilio", tokens={ACCOUNT: "another"}), "SID or token refused"),
    Fault("twilio", vendor("twilio", status="suspended"), "the account is suspended"),
    Fault("twilio", settings(twilio_url=NOWHERE), "unreachable"),
    Fault(
        "twilio",
        settings(encryption_keys=(SecretStr(Fernet.generate_key().decode()),)),
        "token can't be read",
    ),
    Fault("mail", vendor("mailbox", script={"EHLO": "421 later"}), "later (421)"),
    Fault("mail", vendor("mailbox", script={"MAIL": "550 no"}), "VOXANNE_EMAIL_FROM (550)"),
    Fault("mail", settings(smtp_url=SecretStr("smtp://127.0.0.1:1")), "can't be reached"),
    Fault("mail", settings(smtp_url=SecretStr("http://127.0.0.1")), "can't be read"),
    Fault("callbacks", settings(public_url=None, **PRODUCTION), "isn't set"),
    Fault("callbacks", settings(public_url=NOWHERE), "can't be reached"),
    Fault("callbacks", settings(**PRODUCTION), "isn't https"),
    Fault("callbacks", stand_in(lambda _: PlainTextResponse("hello")), "Google, Twilio, Vapi"),
    Fault("callbacks", stand_in(not_ready), "isn't ready"),
    Fault("callbacks", stand_in(half_ours), "the callbacks of Google, Twilio don't arrive"),
    Fault("dashboard", stand_in(half_ours), "shows no sign-in page"),
    Fault("dashboard", settings(public_url=NOWHERE), "can't be reached"),
    Fault("live_booking", settings(public_url=NOWHERE), "nothing answers"),
    Fault("live_booking", stand_in(lambda _: PlainTextResponse("hello")), "isn't this application"),
    Fault("live_booking", stand_in(half_ours), "answered HTTP 404"),
    Fault("live_booking", stand_in(lambda _: Response(status_code=401)), "doesn't know a key"),
    Fault("live_booking", stand_in(says_booked), "0 appointments and 0 events are stored"),
    Fault("live_booking", stand_in(busy), "it was refused: BUSY"),
    Fault("live_booking", stand_in(refuses), "it was refused: OUTSIDE_HOURS"),
    Fault("backups", settings(backup_dir=None, **PRODUCTION), "isn't set"),
    Fault("backups", settings(backup_dir=Path("/nonexistent")), "can't be read"),
    Fault("backups", backups(), "there is none"),
    Fault("backups", backups(("half.part", b"x", 0), (".hidden", b"x", 0)), "there is none"),
    Fault("backups", backups((".base-2027/base.tar", b"x", 0)), "there is none"),
    Fault("backups", backups(("old.dump", b"x", 27)), "27 hours old; 26 are allowed"),
    Fault("backups", backups(("a.dump", b"x", 5), ("b.dump", b"", 1)), "empty (b.dump)"),
    Fault("disk", scene(disk=lambda _: (10**8, 10**12)), "nearly full"),
    Fault("disk", scene(disk=lambda _: (10**11, 10**13)), "nearly full"),
    Fault("disk", scene(disk=lambda _: (2 * 10**9, 10**10)), "getting full", State.WARN),
    Fault("clock", scene(now=lambda: datetime.now(UTC) + timedelta(minutes=1)), "s apart"),
    Fault("encryption_key", settings(encryption_keys=()), "there is none, but 2 secrets"),
    Fault(
        "encryption_key",
        settings(encryption_keys=(SecretStr(Fernet.generate_key().decode()),)),
        "it can't read 2 of 2 secrets",
    ),
    Fault("settings", settings(), "development", State.WARN),
]


async def test_a_whole_deployment_is_healthy(deployment: Deployment) -> None:
    report = await examine(deployment.scene)
    states = {result.name: result.finding.state for result in report.results}
    assert report.ready, report.failed
    assert list(states) == list(CHECKS)
    assert {name for name, state in states.items() if state is State.OFF} == {"caldav"}
    # In development, at an address of this machine; the machine's own zones and disk are its own.
    warned = {name for name, state in states.items() if state is State.WARN}
    assert {"settings", "callbacks"} <= warned <= {"settings", "callbacks", "time_zones", "disk"}
    assert report.capabilities == {
        "booking": "ready",
        "sms": "1 of 1 ready",
        "calendar": "1 of 1 connected",
        "email": "ready",
        "dashboard": "ready",
    }
    assert await canaries(deployment) == 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}: {fault.said}")
async def test_it_is_found(deployment: Deployment, fault: Fault) -> None:
    async with fault.plant(deployment) as planted:
        finding = await planted.finds(fault.check)
    assert finding.state is fault.state, finding
    assert fault.said in finding.detail
    assert finding.fix
    assert await canaries(deployment) == 0


@pytest.mark.parametrize("check", sorted({fault.check for fault in FAULTS} - {"settings"}))
async def test_and_when_it_is_taken_out_all_is_well(deployment: Deployment, check: str) -> None:
    finding = await deployment.finds(check)
    assert finding.state is (State.WARN if check == "callbacks" else State.OK), finding


async def canaries(deployment: Deployment) -> int:
    number: int = await (await deployment.database.owner()).fetchval(
        "SELECT count(*) FROM organizations WHERE name LIKE 'voxanne-canary-%'"
    )
    return number


async def test_what_nobody_uses_is_off(deployment: Deployment) -> None:
    async with deployment.database.server.database() as empty:
        bare = deployment.with_settings(
            google_client_id=None,
            google_client_secret=None,
            smtp_url=None,
            public_url=None,
            backup_dir=None,
            DATABASE_URL=SecretStr(empty.owner_url),
        )
        bare.scene = replace(bare.scene, owner_url=empty.owner_url)
        unused = (
            *("google_client", "google_tokens", "google_testing", "caldav", "calendar_mirror"),
            *("twilio", "mail", "callbacks", "dashboard", "backups"),
        )
        report = await examine(bare.scene, unused)
    assert {result.finding.state for result in report.results} == {State.OFF}
    assert report.capabilities == dict.fromkeys(("sms", "calendar", "email", "dashboard"), "off")


async def test_two_of_three_calendars(deployment: Deployment) -> None:
    """One of Google's is broken."""
    owner = await deployment.database.owner()
    await owner.execute(
        "INSERT INTO practitioners (org_id, name) VALUES ($1, 'Dr Grey'), ($1, 'Dr Chen')",
        deployment.clinic,
    )
    await owner.execute(
        "INSERT INTO calendar_connections "
        "(org_id, practitioner_id, vendor, calendar, credentials, status, error_code) "
        "SELECT p.org_id, p.id, vendor, calendar, credentials, "
        "CASE WHEN p.name = 'Dr Chen' THEN 'broken' ELSE 'connected' END, 'invalid_grant' "
        "FROM practitioners AS p, calendar_connections AS c WHERE p.name LIKE 'Dr %'"
    )
    try:
        report = await examine(deployment.scene, ["google_tokens", "caldav"])
    finally:
        await owner.execute("DELETE FROM calendar_connections WHERE practitioner_id IS NOT NULL")
        await owner.execute("DELETE FROM practitioners WHERE name LIKE 'Dr %'")
    assert report.capabilities == {"calendar": "2 of 3 connected"}
    assert "Harbor Dental (Dr Chen): broken, invalid_grant" in report.results[0].finding.detail


async def test_a_mail_server_that_hangs_is_found(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MAIL_SECONDS_MAX", 0.2)
    async with vendor("mailbox", script={"EHLO": "hang"})(deployment) as planted:
        finding = await planted.finds("mail")
    assert (finding.state, finding.detail) == (
        State.FAILED,
        "The mail server didn't answer in time",
    )


async def test_a_check_that_takes_too_long_is_found(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = replace(CHECKS["google_client"], seconds_max=0.2)
    monkeypatch.setitem(CHECKS, "google_client", slow)
    async with google_answers(black_hole())(deployment) as planted:
        finding = await planted.finds("google_client")
    assert finding.state is State.FAILED
    assert "longer than 0 s" in finding.detail


async def test_a_check_that_breaks_says_so_and_stops_no_other(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> Any:
        raise ValueError("Maya Okafor +442079460958")

    monkeypatch.setitem(CHECKS, "alerts", replace(CHECKS["alerts"], find=broken))
    report = await examine(deployment.scene, ["alerts", "queue"])
    found_of = {result.name: result.finding for result in report.results}
    assert found_of["alerts"].detail == "it broke: ValueError"
    assert found_of["alerts"].state is State.FAILED
    assert found_of["queue"].state is State.OK


async def test_a_canary_left_by_one_who_was_killed_is_removed(deployment: Deployment) -> None:
    await deployment.execute(
        "INSERT INTO organizations (name, created_at) "
        "VALUES ('voxanne-canary-0123456789abcdef', now() - interval '1 hour')"
    )
    assert (await deployment.finds("live_booking")).state is State.OK
    assert await canaries(deployment) == 0


async def test_a_database_that_is_busy_for_a_moment_is_asked_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, asked = Endpoint.book, []

    async def busy_at_first(self: Endpoint, *arguments: Any, **more: Any) -> dict[str, Any]:
        asked.append(1)
        if len(asked) == 1:
            return {"success": False, "error": "BUSY"}
        return await book(self, *arguments, **more)

    monkeypatch.setattr(Endpoint, "book", busy_at_first)
    assert (await deployment.finds("live_booking")).state is State.OK
    assert len(asked) == 2


async def test_the_canary_is_removed_when_the_time_is_over(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forever(*_: object) -> None:
        await asyncio.Event().wait()

    hurried = replace(CHECKS["live_booking"], seconds_max=1.0)
    monkeypatch.setitem(CHECKS, "live_booking", hurried)
    monkeypatch.setattr("voxanne.doctor.canary._book", forever)
    finding = await deployment.finds("live_booking")
    assert finding.state is State.FAILED
    assert "longer than 1 s" in finding.detail
    assert await canaries(deployment) == 0


async def test_old_zone_data_of_python_is_found(deployment: Deployment, tmp_path: Path) -> None:
    """London as if it had moved to Tokyo: what the system says counts, not the package."""
    write_zone(tmp_path, "Europe/London", "Asia/Tokyo")
    reset_tzpath([tmp_path])
    ZoneInfo.clear_cache()
    finding = await deployment.finds("time_zones")
    assert finding.state is State.FAILED
    assert "Python's data is out of date for Europe/London" in finding.detail


async def test_old_zone_data_of_postgresql_is_found(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody but PostgreSQL knows that London has moved."""
    path = write_zone(tmp_path, "Europe/London", "Asia/Tokyo")
    with path.open("rb") as file:
        moved = ZoneInfo.from_file(file, key="Europe/London")
    reset_tzpath([tmp_path])
    ZoneInfo.clear_cache()
    monkeypatch.setattr(clocks, "_package_zone", lambda _: moved)
    finding = await deployment.finds("time_zones")
    assert finding.state is State.FAILED
    assert "PostgreSQL's data is out of date for Europe/London" in finding.detail


async def test_old_data_of_a_zone_without_clinics_is_told(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_zone(tmp_path, "Africa/Cairo", "Africa/Johannesburg")
    reset_tzpath([tmp_path])
    ZoneInfo.clear_cache()
    finding = await deployment.finds("time_zones")
    assert (finding.state, "Python's data is old: Africa/Cairo" in finding.detail) == (
        State.WARN,
        True,
    )


async def test_an_old_package_is_told(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_version", lambda: "2019.3")
    monkeypatch.setattr(clocks, "RECENT", {})
    finding = await deployment.finds("time_zones")
    assert (finding.state, finding.detail) == (State.WARN, "the tzdata package is of 2019.3")


def write_zone(folder: Path, name: str, other: str) -> Path:
    """A zone's file with the rules of another."""
    area, place = other.split("/")
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_bytes((files("tzdata") / "zoneinfo" / area / place).read_bytes())
    return path


@pytest.mark.parametrize(
    ("url", "addresses", "said"),
    [
        ("https://booking.example.com", ["93.184.216.34"], None),
        ("https://booking.example.com", ["93.184.216.34", "10.0.0.7"], "leads to 10.0.0.7"),
        ("https://booking.example.com", [], "isn't known in the DNS"),
        ("http://booking.example.com", ["93.184.216.34"], "isn't https"),
    ],
)
async def test_only_a_public_address_with_tls_can_be_called(
    deployment: Deployment, url: str, addresses: list[str], said: str | None
) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        if not addresses:
            raise OSError
        return addresses

    complaint = await wrong_address(replace(deployment.scene, resolve=resolve), url)
    assert complaint is None if said is None else said in (complaint or "")


async def test_no_patient_and_no_token_is_told(deployment: Deployment) -> None:
    """The deployment's own secrets are looked for in every finding, see scenes.found."""
    booked = await deployment.database.book(
        await deployment.database.owner(), deployment.clinic, patient_name="Maya Okafor"
    )
    assert booked["success"]
    tokens = {*deployment.google.refresh_tokens, *deployment.google.access_tokens}
    report = await examine(deployment.scene)
    async with revoked(deployment) as planted:
        finding = await planted.finds("google_tokens")
    told = f"{report.as_json()}{finding}"
    assert not [hidden for hidden in ("Maya", "Okafor", "9460958", *tokens) if hidden in told]


async def test_a_backup_that_is_removed_while_it_looks(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tonight's takes the oldest away. Here it is gone between the listing and the look at it."""
    listed = os.walk

    def walk_late(directory: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for place, directories, names in listed(directory):
            (Path(place) / "old.dump").unlink(missing_ok=True)
            yield place, directories, names

    monkeypatch.setattr("voxanne.doctor.backups.os.walk", walk_late)
    async with backups(("old.dump", b"x", 30), ("new.dump", b"x", 1))(deployment) as planted:
        assert (await planted.finds("backups")).state is State.OK
