"""Check by doing: an appointment booked through the public endpoint, in a clinic made for it and
deleted again whatever happens.
"""

import asyncio
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx2

from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, failed, ok
from voxanne.postgres.organizations import create_key, delete_organization
from voxanne.stress.endpoint import Endpoint
from voxanne.stress.scratch import ProofError, scratch_organizations

PURPOSE: Final = "canary"
ANSWER_SECONDS_MAX: Final = 10.0
ATTEMPTS_MAX: Final = 3
BUSY_SECONDS: Final = 0.5
# Nobody's number (Ofcom's for drama) and nobody's name.
CALLER: Final = "+442079460999"
NAME: Final = "Canary Doctor"
LEFT_BEHIND: Final = """
SELECT id FROM organizations
WHERE name ~ '^voxanne-canary-[0-9a-f]{16}$' AND created_at < now() - interval '15 minutes'
"""
_STORED: Final = """
SELECT count(*) FILTER (WHERE status = 'confirmed') AS live,
  (SELECT count(*) FROM events WHERE org_id = $1 AND kind = 'booked') AS events
FROM appointments WHERE org_id = $1
"""


async def check_live_booking(scene: Examination) -> Finding:
    url = scene.api_address
    start_it = f"start `voxanne serve`, or name its address with --url (tried: {url})"
    try:
        async with (
            scratch_organizations(scene.target, PURPOSE, 1) as (clinic,),
            scene.owner() as owner,
            httpx2.AsyncClient(base_url=url, timeout=ANSWER_SECONDS_MAX, trust_env=False) as http,
        ):
            await _sweep(owner)
            endpoint = Endpoint(http, await create_key(owner, clinic, "agent"))
            wrong = await _book(endpoint, owner, clinic)
    except ProofError as error:
        return failed(str(error).rstrip("."), "see the check `migrations`")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return failed(f"nothing answers ({type(error).__name__})", start_it)
    except (ValueError, KeyError, TypeError):
        return failed("what answers isn't this application", start_it)
    if wrong is not None:
        return wrong
    return ok(f"booked, found and removed through {url}")


async def _sweep(owner: asyncpg.Connection) -> None:
    """The clinics of doctors that were killed in the middle."""
    for row in await owner.fetch(LEFT_BEHIND):
        await delete_organization(owner, row["id"])


async def _book(endpoint: Endpoint, owner: asyncpg.Connection, clinic: UUID) -> Finding | None:
    now = await owner.fetchval("SELECT current_moment()")
    starts_at = (now + timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
    wish = {"name": NAME, "scheduledAt": starts_at.isoformat(), "serviceType": "consultation"}
    for _ in range(ATTEMPTS_MAX):  # BUSY means: ask again
        booked = await endpoint.book(wish, caller=CALLER)
        if booked.get("error") != "BUSY":
            break
        await asyncio.sleep(BUSY_SECONDS)
    if not booked.get("success"):
        return _refused(str(booked.get("error")))
    stored: Any = await owner.fetchrow(_STORED, clinic)
    if (stored["live"], stored["events"]) != (1, 1):
        return failed(
            f"said to be booked, but {stored['live']} appointments and {stored['events']} events "
            "are stored",
            "the API writes elsewhere: give it and this command the same DATABASE_URL",
        )
    return None


def _refused(code: str) -> Finding:
    if code == "HTTP 401":
        return failed(
            "the API doesn't know a key that was made in this database",
            "give the API and this command the same DATABASE_URL",
        )
    if code.startswith("HTTP "):
        return failed(f"the endpoint answered {code}", "its log says why, under the same moment")
    return failed(f"it was refused: {code}", "docs/reference/outcomes.md tells what it means")
