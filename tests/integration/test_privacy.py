"""Nothing about a patient and no secret reaches a log, a metric or an error's text.

The server is the real command in a process of its own, at the most talkative log level.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography.fernet import Fernet

from tests.database import START, Database
from tests.integration.clinics import (
    RPC_URL,
    TOOL_URL,
    VAPI_URL,
    Api,
    Clinic,
    Json,
    open_clinic,
    wish,
)
from tests.integration.tokens import JWT_SECRET, token
from tests.printed import keep
from tests.unit import vapi_bodies as bodies

PATIENT = "Philippa Quellhorst"
CALLER = "+447700900371"
CONTACT = "+442079460846"
EMAIL = "philippa.quellhorst@planted.example"
TUESDAY = f"{START + timedelta(days=1):%Y-%m-%dT%H:%M}"
NOTES = "planted notes about a broken incisor"
VAPI_SECRET = "planted-deployment-wide-secret"
WRONG_SECRET = "planted-wrong-secret-of-a-stranger"
WRONG_KEY = "vox_planted-wrong-key-of-a-stranger"
# As they are, and in the parts and forms in which they might slip out.
PLANTED = (
    "Philippa",
    "Quellhorst",
    "quellhorst",
    "7700900371",
    "07700 900371",
    "2079460846",
    "planted",
    "incisor",
    bodies.TWILIO_TOKEN,
    bodies.CONTROL_URL,
    JWT_SECRET,
)
# PostgreSQL's errors carry the row.
BROKEN_BOOKING = """
CREATE FUNCTION break_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'broken at %', new USING DETAIL = new::text, HINT = new::text;
END $$;
CREATE TRIGGER break_down BEFORE INSERT ON appointments
  FOR EACH ROW EXECUTE FUNCTION break_down();
"""
BROKEN_MESSAGES = "ALTER TABLE voice_messages ADD CHECK (payload ->> 'type' <> 'hang')"
BROKEN_CREDENTIALS = """
CREATE OR REPLACE FUNCTION find_credential(p_secret_hash bytea) RETURNS json
LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted %', p_secret_hash; END $$
"""


class ServerProcess:
    """`voxanne serve`, and all it has said."""

    def __init__(self, owner_url: str, directory: Path) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("VOXANNE_", "PG"))}
        environment = {
            **kept,
            "DATABASE_URL": owner_url,
            "VOXANNE_DATA_DIR": str(directory),
            "VOXANNE_LOG_LEVEL": "debug",
            "VOXANNE_VAPI_SECRET": VAPI_SECRET,
            "VOXANNE_JWT_SECRET": JWT_SECRET,
            "VOXANNE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "VOXANNE_CREDENTIAL_CACHE_SECONDS": "0",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "voxanne", "serve", "--port", "0"],
            env=environment,
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        self.address = ""
        self._serving = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._serving.wait(30), self.said

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if found := re.search(r"Serving on (http://\S+)", line):
                self.address = found[1]
                self._serving.set()

    def stop(self) -> str:
        """End it in order; everything it said."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        keep(["serve"], self.said)
        return self.said


@contextlib.contextmanager
def running(database: Database, directory: Path) -> Iterator[tuple[ServerProcess, httpx2.Client]]:
    server = ServerProcess(database.owner_url, directory)
    try:
        # A connection of its own for each: after a crash the server closes it.
        limits = httpx2.Limits(max_keepalive_connections=0)
        with httpx2.Client(base_url=server.address, timeout=10, limits=limits) as http:
            yield server, http
    finally:
        if server.process.poll() is None:
            server.stop()


def patient(**changes: object) -> dict[str, object]:
    details = {"name": PATIENT, "phone": CONTACT, "email": EMAIL, "notes": NOTES}
    return wish(**{"scheduledAt": TUESDAY, **details, **changes})


def voice_body(**changes: object) -> Json:
    call = bodies.tool_call(arguments=patient(**changes))
    return bodies.envelope([call], caller=CALLER)


def rpc_body(clinic: Clinic, **changes: object) -> Json:
    return {
        "p_org_id": str(clinic.id),
        "p_patient_name": PATIENT,
        "p_patient_email": EMAIL,
        "p_patient_phone": CALLER,
        "p_service_type": "consultation",
        "p_scheduled_at": TUESDAY + ":00Z",
        "p_duration_minutes": 60,
        "p_metadata": {"notes": NOTES},
        **changes,
    }


def post_everything(http: httpx2.Client, clinic: Clinic) -> list[httpx2.Response]:
    """Good, bad and hostile requests, each with planted details somewhere."""
    key = clinic.bearer
    wrong_token = token({"org_id": str(clinic.id), "name": PATIENT}, key="wrong" * 20)
    message = {"message": {"type": "hang", "call": {"id": "c1"}, "transcript": NOTES}}
    named_tool = bodies.envelope([bodies.tool_call(name=PATIENT, arguments=patient())])
    sent: list[tuple[str, object, dict[str, str]]] = [
        (VAPI_URL, voice_body(), key),
        (VAPI_URL, voice_body(name="\x00" + PATIENT), key),
        (VAPI_URL, voice_body(email=EMAIL + " at nowhere"), key),
        (VAPI_URL, voice_body(phone=f"{CONTACT} ext {NOTES}"), key),
        (VAPI_URL, voice_body(practitioner=PATIENT), key),
        (VAPI_URL, voice_body(serviceType=NOTES), key),
        (VAPI_URL, voice_body(scheduledAt=f"{PATIENT} at noon"), key),
        (VAPI_URL, voice_body(notes=NOTES * 200), key),
        (VAPI_URL, named_tool, key),
        (VAPI_URL, message, key),
        (VAPI_URL, f'{{"name": "{PATIENT}"', key),
        (VAPI_URL, voice_body(), {"Authorization": f"Bearer {WRONG_KEY}"}),
        (VAPI_URL, voice_body(), {"X-Vapi-Secret": WRONG_SECRET}),
        (VAPI_URL, voice_body(), {"X-Vapi-Secret": VAPI_SECRET}),
        (VAPI_URL, voice_body(), key | {"X-Org-Id": PATIENT}),
        (f"{VAPI_URL}?name={PATIENT}&phone={CALLER}", voice_body(), key),
        (TOOL_URL, patient(), key | {"X-Caller": CALLER, "X-Call-Id": "c2"}),
        (TOOL_URL, bodies.direct(patient()), key),
        (f"/api/vapi/tools/{PATIENT}", bodies.direct(patient()), key),
        (f"/no/such/{PATIENT}/{CALLER}", {"name": PATIENT}, key),
        (RPC_URL, rpc_body(clinic), key),
        (RPC_URL, rpc_body(clinic, p_patient_email=NOTES), key),
        (RPC_URL, rpc_body(clinic, p_duration_minutes=NOTES), key),
        (RPC_URL, rpc_body(clinic), {"Authorization": f"Bearer {wrong_token}"}),
        (RPC_URL, rpc_body(clinic), {"apikey": WRONG_KEY}),
        (RPC_URL.replace("book_appointment_atomic", PATIENT), rpc_body(clinic), key),
    ]
    return [
        http.post(
            url,
            content=body if isinstance(body, str) else json.dumps(body),
            headers={**headers, "Content-Type": "application/json"},
        )
        for url, body, headers in sent
    ]


def without_echo(reply: httpx2.Response) -> str:
    """The answer without the tool's own name, which the platform wants back."""
    return reply.text.replace(f'"name":"{PATIENT}"', "")


def assert_clean(text: str, *, key: str) -> None:
    for planted in (*PLANTED, key):
        assert planted not in text, planted


async def test_no_log_metric_or_error_holds_a_patient_or_a_secret(
    database: Database, tmp_path: Path
) -> None:
    clinic = await open_clinic(database)
    with running(database, tmp_path) as (server, http):
        replies = post_everything(http, clinic)
        assert json.loads(replies[0].json()["results"][0]["result"])["success"] is True
        metrics = http.get("/metrics").text
        said = server.stop()
    assert "voxanne_tool_seconds_count" in metrics
    assert '"outcome":"INVALID_EMAIL"' in said, "the log was captured"
    for reply in replies:
        assert_clean(without_echo(reply), key=clinic.key)
    assert_clean(metrics, key=clinic.key)
    assert_clean(said, key=clinic.key)
    assert_clean(log_of_postgres(database), key=clinic.key)


def log_of_postgres(database: Database) -> str:
    return (database.server.postgres.data_dir / "postgres.log").read_text()


async def test_a_crash_says_where_and_nothing_about_whom(
    database: Database, tmp_path: Path
) -> None:
    clinic = await open_clinic(database)
    await (await database.connect_superuser()).execute(BROKEN_BOOKING)
    with running(database, tmp_path) as (server, http):
        replies = post_everything(http, clinic)
        (entry,) = replies[0].json()["results"]
        assert json.loads(entry["error"])["error"] == "INTERNAL_ERROR"
        metrics = http.get("/metrics").text
        said = server.stop()
    assert '"bug":"RaiseError at ' in said
    for text in (*map(without_echo, replies), metrics, said, log_of_postgres(database)):
        assert_clean(text, key=clinic.key)
    assert "Traceback" not in "".join(reply.text for reply in replies)


@pytest.mark.parametrize(
    "broken", [BROKEN_MESSAGES, BROKEN_CREDENTIALS], ids=["messages", "credentials"]
)
async def test_a_crash_elsewhere_tells_nothing_either(
    database: Database, tmp_path: Path, broken: str
) -> None:
    clinic = await open_clinic(database)
    await (await database.connect_superuser()).execute(broken)
    with running(database, tmp_path) as (server, http):
        replies = post_everything(http, clinic)
        metrics = http.get("/metrics").text
        said = server.stop()
    for text in (*map(without_echo, replies), metrics, said):
        assert_clean(text, key=clinic.key)


@pytest.mark.parametrize(
    "broken", [BROKEN_BOOKING, BROKEN_CREDENTIALS], ids=["booking", "credentials"]
)
async def test_a_crash_is_a_problem_with_its_code(served: Api, broken: str) -> None:
    await (await served.database.connect_superuser()).execute(broken)
    reply = await served.post(RPC_URL, rpc_body(served.clinic))
    assert reply.status_code == 500
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "INTERNAL_ERROR"


@pytest.mark.parametrize(
    "broken", [BROKEN_MESSAGES, BROKEN_CREDENTIALS], ids=["messages", "credentials"]
)
async def test_a_crash_beside_a_tool_is_200_all_the_same(served: Api, broken: str) -> None:
    """ "Everything else: 200 with a sentence the agent can say."""
    await (await served.database.connect_superuser()).execute(broken)
    message = {"message": {"type": "hang", "call": {"id": "c1"}}}
    for body in (message, bodies.envelope([bodies.tool_call(name="unknown")])):
        assert (await served.post(VAPI_URL, body)).status_code == 200
