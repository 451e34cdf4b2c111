"""Schemathesis at a served instance: whatever the OpenAPI allows, and much that it doesn't, is
answered as it says, and never with 500.
"""

import asyncio
import sys
from pathlib import Path

from tests.integration.clinics import Api
from tests.integration.v1_requests import clinic_with_everything
from voxanne.inbound.v1.security import ACCESS

EXAMPLES_MAX = 8
SECONDS_MAX = 300  # a net: the run takes half a minute
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


async def test_it_answers_as_it_says(served: Api, tmp_path: Path) -> None:
    everything = await clinic_with_everything(served)
    running = await asyncio.create_subprocess_exec(
        SCHEMATHESIS,
        "run",
        f"{served.http.base_url}/openapi.json",
        f"--header=Authorization: Bearer {everything.client.clinic.key}",
        # It never ends (test_live.py reads it).
        "--exclude-path=/v1/events/stream",
        # What is well formed may still be refused: a taken time, a stale version.
        "--exclude-checks=positive_data_acceptance",
        f"--max-examples={EXAMPLES_MAX}",
        "--generation-deterministic",
        "--continue-on-failure",
        "--no-color",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS_MAX):
        said, _ = await running.communicate()
    assert running.returncode == 0, said.decode()
    assert f"Tested: {len(ACCESS) - 1}" in said.decode()
