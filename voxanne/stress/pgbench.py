"""The database alone: bookings by the function against bare INSERTs into the same table."""

import asyncio
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voxanne.postgres.addresses import without_password
from voxanne.postgres.embedded import EmbeddedPostgresError, wheel_bin_dir
from voxanne.stress.scratch import ProofError

CLINICS: Final = 100
CLIENTS: Final = 8
THREADS: Final = 2

# Both scripts number their transactions (:first + :i) and scatter the numbers over all clinics and
# quarter hours without ever meeting one twice, so neither side pays for refusals.
_SLOT: Final = r"""
\set i :i + 1
\set number :first + :i * 8 + :client_id
\set place permute(:number, :clinics * :quarters, 42)
\set clinic :place % :clinics + 1
\set quarter :place / :clinics
\set lead random(1, 1000)
"""
# What the voice endpoint passes for a new caller.
BOOK: Final = (
    _SLOT
    + r"""
SELECT book_appointment_atomic(
  p_org_id => ('b0000000-0000-4000-8000-' || lpad(:clinic::text, 12, '0'))::uuid,
  p_patient_name => 'Maya Okafor', p_patient_email => NULL,
  p_patient_phone => '+1556' || lpad(:number::text, 7, '0'),
  p_service_type => 'consultation',
  p_scheduled_at => to_timestamp(:first_day::bigint + :quarter::bigint * 900),
  p_duration_minutes => NULL, p_practitioner_id => NULL,
  p_idempotency_key => '3a1d9c52-6be0-4f11-8f0a-' || lpad(:number::text, 12, '0') || '-call_'
    || lpad(:number::text, 24, '0'),
  p_request_hash => repeat(md5(:number::text), 2),
  p_call_id => '3a1d9c52-6be0-4f11-8f0a-' || lpad(:number::text, 12, '0'),
  p_source => 'voice', p_contact_phone => NULL, p_phone_verified => true, p_metadata => '{}');
"""
)
# The same columns, filled by a client that knows everything beforehand.
INSERT: Final = (
    _SLOT  # noqa: S608
    + r"""
INSERT INTO appointments (
  org_id, id, contact_id, practitioner_id, room_id, service_type, scheduled_at, ends_at,
  blocked_from, blocked_until, overlap_allowed, source, call_id, idempotency_key, request_hash,
  metadata, created_at, updated_at)
VALUES (
  ('b0000000-0000-4000-8000-' || lpad(:clinic::text, 12, '0'))::uuid, gen_random_uuid(),
  ('c0000000-0000-4000-8000-' || lpad((:clinic::int * 1000 + :lead::int)::text, 12, '0'))::uuid,
  ('d0000000-0000-4000-8000-' || lpad(:clinic::text, 12, '0'))::uuid, NULL, 'consultation',
  to_timestamp(:first_day::bigint + :quarter::bigint * 900),
  to_timestamp(:first_day::bigint + :quarter::bigint * 900 + 900),
  to_timestamp(:first_day::bigint + :quarter::bigint * 900),
  to_timestamp(:first_day::bigint + :quarter::bigint * 900 + 900),
  false, 'voice', '5c7e20b4-91aa-4c3d-b6d1-' || lpad(:number::text, 12, '0'),
  '5c7e20b4-91aa-4c3d-b6d1-' || lpad(:number::text, 12, '0') || '-call_'
    || lpad(:number::text, 24, '0'),
  repeat(md5(:number::text), 2),
  jsonb_build_object('patient', jsonb_build_object(
    'name', 'Maya Okafor', 'phone', '+1556' || lpad(:number::text, 7, '0'))),
  now(), now());
"""
)
# The clinics: one practitioner, one service, no opening hours, and people for bare INSERTs.
SEED: Final = (
    """
    INSERT INTO organizations (id, name, country, horizon_days)
    SELECT ('b0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Clinic ' || n, 'US', 3660
    FROM generate_series(1, 100) AS n
    """,
    """
    INSERT INTO practitioners (org_id, id, name)
    SELECT id, overlay(id::text PLACING 'd' FROM 1)::uuid, 'Dr Amara Chen' FROM organizations
    """,
    """
    INSERT INTO services (org_id, key, name, duration_minutes)
    SELECT id, 'consultation', 'Consultation', 15 FROM organizations
    """,
    """
    INSERT INTO leads (org_id, id, name, person, phone)
    SELECT ('b0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
      ('c0000000-0000-4000-8000-' || lpad((n * 1000 + m)::text, 12, '0'))::uuid,
      'Ben Adler', 'ben adler', '+1557' || lpad((n * 1000 + m)::text, 7, '0')
    FROM generate_series(1, 100) AS n, generate_series(1, 1000) AS m
    """,
)
_PROCESSED = re.compile(r"transactions actually processed: (\d+)")
_RATE = re.compile(r"tps = ([\d.]+) \(without initial connection time\)")


@dataclass(frozen=True, slots=True)
class Round:
    transactions: int
    seconds: float


async def run_pgbench(
    url: str, script: str, *, seconds: int, variables: dict[str, int], role: str | None
) -> Round:
    """One round. `role`: whom the sessions step down to. Raises ProofError."""
    address, password = without_password(url)
    environment = {**os.environ, "PGOPTIONS": f"-c role={role}" if role else ""}
    if password:
        environment["PGPASSWORD"] = password
    with tempfile.NamedTemporaryFile("w", prefix="voxanne-", suffix=".sql") as file:
        file.write(script)
        file.flush()
        process = await asyncio.create_subprocess_exec(
            *(pgbench_path(), "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", str(THREADS)),
            *("-T", str(seconds), "-f", file.name),
            *(f"-D{name}={value}" for name, value in {**variables, "i": 0}.items()),
            address,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            printed, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    processed, rate = _PROCESSED.search(printed.decode()), _RATE.search(printed.decode())
    if process.returncode != 0 or processed is None or rate is None:
        raise ProofError(f"pgbench failed: {errors.decode(errors='replace').strip()[-500:]}")
    return Round(int(processed[1]), int(processed[1]) / float(rate[1]))


def pgbench_path() -> str:
    """The embedded PostgreSQL's pgbench, or the one on PATH. Raises ProofError."""
    try:
        own = wheel_bin_dir() / "pgbench"
    except EmbeddedPostgresError:
        own = Path("pgbench")
    found = str(own) if own.exists() else shutil.which("pgbench")
    if found is None:
        raise ProofError("There is no pgbench here: install PostgreSQL's client programs.")
    return found
