"""One exchange with a vendor over HTTP: what is sure about it, and what isn't.

An attempt that failed is either certain not to have been processed, or may have been. Everything
that follows from a fault hangs on that difference.
"""

import email.utils
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx2

ANSWER_BYTES_MAX: Final = 8 * 1024 * 1024
SECONDS_DIGITS_MAX: Final = 9
TIMEOUT: Final = httpx2.Timeout(10.0, connect=5.0)

# The connection was never made, so nothing was sent.
_CERTAIN: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.ProxyError,
)


class UnreachableError(Exception):
    """No answer, or half of one. `certain`: the request can't have been processed."""

    def __init__(self, error_code: str, error: str, *, certain: bool) -> None:
        super().__init__(error)
        self.error_code = error_code
        self.error = error
        self.certain = certain


class UnreadableError(Exception):
    """The answer isn't JSON, such as a proxy's page."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Raises UnreadableError."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise UnreadableError from None

    @property
    def retry_after_seconds(self) -> float | None:
        """Retry-After, as seconds or as a date (RFC 9110, 10.2.3); None where there is none."""
        said = self.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit() and len(said) <= SECONDS_DIGITS_MAX:
            return float(said)
        until = _moment(said)
        if until is None:
            return None
        # By the vendor's own clock, where it tells it: ours may be off.
        now = _moment(self.headers.get("date", "")) or datetime.now(UTC)
        return max((until - now).total_seconds(), 0.0)


def _moment(said: str) -> datetime | None:
    """An HTTP date, as UTC where it names no zone; None for anything else."""
    try:
        moment = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def open_client(
    transport: httpx2.AsyncBaseTransport | None = None, timeout: httpx2.Timeout = TIMEOUT
) -> httpx2.AsyncClient:
    """A client for one vendor: no redirects, no proxy from the environment, bounded waits."""
    return httpx2.AsyncClient(
        timeout=timeout,
        limits=httpx2.Limits(max_connections=100, max_keepalive_connections=50),
        follow_redirects=False,
        trust_env=False,
        transport=transport,
    )


async def exchange(client: httpx2.AsyncClient, method: str, url: str, **options: Any) -> Answer:
    """Send one request and read the whole answer. Raises UnreachableError."""
    try:
        async with client.stream(method, url, **options) as response:
            body = bytearray()  # of many small pieces, bytes would be copied for each of them
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise UnreachableError(
                        "answer_too_long", "The answer was too long.", certain=False
                    )
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, bytes(body))
    except httpx2.InvalidURL:  # no HTTPError: a host such as 0177.0.0.1, which nobody can mean
        raise UnreachableError("invalid_url", "That is no URL.", certain=True) from None
    except _CERTAIN:
        raise UnreachableError("unreachable", "It could not be reached.", certain=True) from None
    except httpx2.TimeoutException:
        raise UnreachableError("timeout", "There was no answer in time.", certain=False) from None
    except httpx2.HTTPError:
        raise UnreachableError("broken_off", "The connection broke off.", certain=False) from None
