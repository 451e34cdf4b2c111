"""How often something may be asked, in this process's memory: by a credential, by a link, by a
network that guesses.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

WINDOW_SECONDS: Final = 60.0
ASKERS_MAX: Final = 10_000
IPV6_PREFIX: Final = 64  # a household's, or a server's, to give itself addresses in


@dataclass(slots=True)
class RequestRate:
    """So many a minute of each asker, as many at once as they may in a minute; 0 is no limit.

    One number is kept of an asker: when what they asked will have been worked off (a leaky bucket).
    Of more than ASKERS_MAX the ones heard of longest ago are forgotten. `clock`: seconds, which
    only go on.
    """

    requests_max: int
    clock: Callable[[], float] = time.monotonic
    _worked_off_at: OrderedDict[Hashable, float] = field(default_factory=OrderedDict)

    def wait_seconds(self, asker: Hashable) -> int:
        """For how many whole seconds nothing more may be asked; 0: now. Counts nothing."""
        if self.requests_max == 0:
            return 0
        now = self.clock()
        # One more must fit into the minute that may be asked ahead.
        ahead = self._worked_off_at.get(asker, now) - now + WINDOW_SECONDS / self.requests_max
        # A sum of many small parts may be off in its last digits.
        return max(0, math.ceil(ahead - WINDOW_SECONDS - 1e-6))

    def count(self, asker: Hashable) -> None:
        if self.requests_max == 0:
            return
        now = self.clock()
        until = max(self._worked_off_at.get(asker, now), now)
        self._worked_off_at[asker] = until + WINDOW_SECONDS / self.requests_max
        self._worked_off_at.move_to_end(asker)
        if len(self._worked_off_at) > ASKERS_MAX:
            self._worked_off_at.popitem(last=False)

    def take(self, asker: Hashable) -> int:
        """Counts one request if it may be made, and returns 0; else the seconds to wait."""
        seconds = self.wait_seconds(asker)
        if not seconds:
            self.count(asker)
        return seconds


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits of one process, shared by what it serves.

    `credentials`: of a key, a token or a vendor's signature; `links`: of an address that is a
    secret by itself; `guesses`: of such addresses and signatures that don't hold, by network.
    """

    credentials: RequestRate
    links: RequestRate
    guesses: RequestRate

    def link_wait_seconds(self, link: Hashable, network: str) -> int:
        """For how many whole seconds neither this link nor this network may ask; 0: now."""
        return self.links.wait_seconds(link) or self.guesses.wait_seconds(network)

    def count_link(self, link: Hashable, network: str, *, holds: bool) -> None:
        """A link that holds is counted by itself, another one as a guess of its network."""
        if holds:
            self.links.count(link)
        else:
            self.guesses.count(network)


def network_of(request: Request) -> str:
    """Where a request comes from, for counting: an IPv4 address, or an IPv6 network."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)  # as a socket that listens to both says it
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), IPV6_PREFIX), strict=False))
    return str(address)
