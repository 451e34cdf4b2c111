"""What a full day of the calendar takes the server, asked over HTTP and in bare SQL by turns; and
what a browser loads of it.
"""

import asyncio
import contextlib
import hashlib
import re
import secrets
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from voxanne.postgres.pool import API_ROLE
from voxanne.stress.api_process import ApiProcess
from voxanne.stress.figure import Figure, Progress
from voxanne.stress.first_load import PAGE, first_load
from voxanne.stress.scratch import ProofError

APPOINTMENTS: Final = 120
TARGET_MS: Final = 15.0
FIRST_LOAD_BYTES_MAX: Final = 100 * 1024
REQUESTS_MIN: Final = 20
WARM_UPS: Final = 20
ANSWER_SECONDS_MAX: Final = 30
COOKIE: Final = "voxanne"  # as it is named where browsers reach the API without TLS
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_APPOINTMENT: Final = b'<a class="appt '
_VIEW: Final = "SELECT day_view($1, $2)"


@dataclass(slots=True)
class Browser:
    """A kept connection that asks for one page again and again. `headers`: of each request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    headers: str
    page: str

    async def load(self) -> tuple[float, bytes]:
        """Milliseconds until the last byte, and the page. Raises ProofError: another answer."""
        began = time.perf_counter()
        page = await self.fetch(self.page)
        return (time.perf_counter() - began) * 1000, page

    async def fetch(self, address: str) -> bytes:
        """What is there. Raises ProofError: another answer."""
        self.writer.write(f"GET {address} HTTP/1.1\r\n{self.headers}\r\n".encode())
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not head.startswith(b"HTTP/1.1 200 ") or length is None:
                raise ProofError(f"{address} answered {head.splitlines()[0].decode()}.")
            return await self.reader.readexactly(int(length[1]))


async def measure_dashboard(
    owner: asyncpg.Connection, api: ApiProcess, seconds: float, progress: Progress
) -> list[Figure]:
    """A full day over HTTP; and ÷ its one query in SQL, by the API's role; and its first load."""
    org_id, day, token = uuid4(), _day(), secrets.token_urlsafe(32)
    await fill_day(owner, org_id, day, token)
    progress(f"dashboard: a day of {APPOINTMENTS} appointments for {seconds:g} s")
    pages: list[float] = []
    queries: list[float] = []
    async with _browser(api, org_id, day, token) as browser, _as_api(owner):
        for _ in range(WARM_UPS):
            _, page = await browser.load()
            await owner.fetchval(_VIEW, org_id, day)
        shown, sizes = page.count(_APPOINTMENT), await first_load(page, browser.fetch)
        if shown != APPOINTMENTS:
            raise ProofError(f"The calendar shows {shown} of {APPOINTMENTS} appointments.")
        ends = time.perf_counter() + seconds
        while len(pages) < REQUESTS_MIN or time.perf_counter() < ends:
            took, _ = await browser.load()
            pages.append(took)
            began = time.perf_counter()
            await owner.fetchval(_VIEW, org_id, day)
            queries.append((time.perf_counter() - began) * 1000)
    page_ms, query_ms = statistics.median(pages), statistics.median(queries)
    detail: dict[str, object] = {
        "requests": len(pages),
        "p95_ms": round(statistics.quantiles(pages, n=20)[-1], 1),
        "in_sql_ms": round(query_ms, 2),
        "share_of_target": round(page_ms / TARGET_MS, 2),
    }
    name = f"a full day of the calendar ({APPOINTMENTS} appointments)"
    return [
        Figure(f"{name}, p50", page_ms, "ms", TARGET_MS, detail=detail),
        Figure(f"{name} ÷ its query in SQL", page_ms / query_ms, ""),
        Figure(
            f"{name}, first load",
            sum(sizes.values()) / 1024,
            "KiB",
            FIRST_LOAD_BYTES_MAX / 1024,
            detail={"page_bytes": sizes[PAGE], "files": len(sizes) - 1},
        ),
    ]


async def fill_day(owner: asyncpg.Connection, org_id: UUID, day: date, token: str) -> None:
    """A clinic with a full day, and somebody of its staff whose session has this token."""
    settings = {
        "bench.org_id": str(org_id),
        "bench.day": day.isoformat(),
        "bench.token_hash": hashlib.sha256(token.encode()).hexdigest(),
    }
    for name, value in settings.items():
        await owner.execute("SELECT set_config($1, $2, false)", name, value)
    text = (files("voxanne") / "stress" / "sql" / "full_day.sql").read_text(encoding="utf-8")
    await owner.execute(text)


@contextlib.asynccontextmanager
async def _browser(api: ApiProcess, org_id: UUID, day: date, token: str) -> AsyncIterator[Browser]:
    reader, writer = await asyncio.open_connection(api.host, api.port, limit=2**20)
    headers = f"Host: {api.host}\r\nCookie: {COOKIE}={token}\r\nAccept: text/html\r\n"
    try:
        yield Browser(reader, writer, headers, f"/clinic/{org_id}/calendar?day={day}")
    finally:
        writer.close()
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def _as_api(owner: asyncpg.Connection) -> AsyncIterator[None]:
    await owner.execute(f"SET ROLE {API_ROLE}")
    try:
        yield
    finally:
        await owner.execute("RESET ROLE")


def _day() -> date:
    """Next week: on today's page the clock would be drawn as well."""
    return datetime.now(UTC).date() + timedelta(days=7)
