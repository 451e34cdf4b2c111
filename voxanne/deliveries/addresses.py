"""HTTP to wherever a clinic says: into the public internet, never into the deployment's network.

The host's name is resolved once, all its addresses are checked, and the connection is made to one
of the very addresses that were checked: a name that resolves otherwise a moment later (DNS
rebinding) gains nothing. TLS still verifies the name. Redirects aren't followed, as everywhere.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import httpcore2
import httpx2

from voxanne.deliveries.http import TIMEOUT, UnreachableError, open_client
from voxanne.outbox.destinations import is_web_port, reach_of

# Host and port → addresses.
Resolve = Callable[[str, int], Awaitable[list[str]]]

ADDRESSES_MAX: Final = 8
CONNECTIONS_MAX: Final = 100
# Apart from everybody else's: a clinic's own name server may take its time.
_THREADS: Final = ThreadPoolExecutor(32, "resolve")


class AddressError(UnreachableError):
    """The request may not go there. Nothing was sent."""

    def __init__(self, error: str) -> None:
        super().__init__("forbidden_address", error, certain=True)


def open_guarded_client(
    *,
    private_addresses: bool,
    timeout: httpx2.Timeout = TIMEOUT,
    resolve: Resolve | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> httpx2.AsyncClient:
    """A client for URLs that clinics give. `private_addresses`: theirs may be in the deployment's
    own network, and http. Its requests raise AddressError; `exchange` passes that on.
    """
    backend = GuardedBackend(resolve or resolve_host, private_addresses=private_addresses)
    return open_client(GuardedTransport(backend, ssl_context), timeout)


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves, checks, and connects to what was checked. `connect` makes the connection."""

    def __init__(
        self,
        resolve: Resolve,
        *,
        private_addresses: bool,
        connect: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolve = resolve
        self.private_addresses = private_addresses
        self._connect = connect or httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises AddressError, UnreachableError where the name isn't known, and httpcore2's own."""
        if not is_web_port(port):
            raise AddressError("The port must be 80, 443, or 1024 and above.")
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._checked(host, port)
                # One that doesn't answer leaves the others their share of the time.
                share = timeout / len(addresses) if timeout is not None else None
                for address in addresses[:-1]:
                    with contextlib.suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                        return await self._connect.connect_tcp(
                            address, port, share, local_address, socket_options
                        )
                return await self._connect.connect_tcp(
                    addresses[-1], port, share, local_address, socket_options
                )
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None

    async def sleep(self, seconds: float) -> None:
        await self._connect.sleep(seconds)

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError):  # or too long for a name
            addresses = []
        if not addresses:
            raise UnreachableError("unknown_host", "The host's name isn't known.", certain=True)
        # One bad address spoils them all: nothing honest has a public and a private one.
        for address in addresses:
            reach = reach_of(address)
            if reach == "forbidden" or (reach == "private" and not self.private_addresses):
                raise AddressError("The URL leads into a private network.")
        return addresses[:ADDRESSES_MAX]


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """httpx2's transport on a GuardedBackend, for URLs that are fit to be gone to."""

    def __init__(self, backend: GuardedBackend, ssl_context: ssl.SSLContext | None = None) -> None:
        self._private_addresses = backend.private_addresses
        # In place of super().__init__, which has no way to say `network_backend`.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context or httpx2.create_ssl_context(trust_env=False),
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=CONNECTIONS_MAX // 2,
            keepalive_expiry=5.0,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises AddressError, and httpx2's own."""
        if request.url.scheme != "https" and not self._private_addresses:
            raise AddressError("A URL begins with https://.")
        if request.url.userinfo:
            raise AddressError("A URL holds no user name or password.")
        return await super().handle_async_request(request)


async def resolve_host(host: str, port: int) -> list[str]:
    """All the host's addresses, as the system knows them. Raises OSError."""
    found = await asyncio.get_running_loop().run_in_executor(
        _THREADS, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
