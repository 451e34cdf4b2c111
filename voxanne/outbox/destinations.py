"""Where a delivery may go when a clinic, not the deployment, says where: public addresses, and none
of the deployment's own network.

By IANA's special-purpose registries (RFC 6890 and its successors), written out because Python's own
lists differ by its version. Pure: `voxanne.deliveries.addresses` holds connections to it.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal
from urllib.parse import urlsplit

URL_CHARACTERS_MAX: Final = 2000

Reach = Literal["public", "private", "forbidden"]

# The deployment's own network, which an operator may open (VOXANNE_WEBHOOK_PRIVATE_ADDRESSES).
_PRIVATE_4: Final = tuple(
    map(
        IPv4Network,
        ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    )
)
_PRIVATE_6: Final = tuple(map(IPv6Network, ("::1/128", "fc00::/7")))
# Never: nobody's web server is there, but the machine's credentials may be.
_FORBIDDEN_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "169.254.0.0/16",  # link-local; 169.254.169.254 gives clouds' credentials
            "100.100.100.200/32",  # the same at Alibaba
            "168.63.129.16/32",  # Azure's, though the address is public
            "192.0.0.0/24",  # 192.0.0.192 is Oracle's
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_GLOBAL_6: Final = IPv6Network("2000::/3")
_FORBIDDEN_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo and other protocols
            "2001:db8::/32",
            "3fff::/20",
            "fd00:ec2::254/128",  # Amazon's, beside 169.254.169.254
        ),
    )
)
# Networks whose addresses are an IPv4 address in other clothes, and the bits that follow it.
_CLOTHED_4: Final = (
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("64:ff9b:1::/48"), 0),  # NAT64 of one's own
    (IPv6Network("2002::/16"), 80),  # 6to4
)
# What is below 1024 and isn't the web is mail, shells and databases that trust who can reach them.
_WEB_PORTS: Final = (80, 443)
_LOW_PORTS_END: Final = 1024


def reach_of(address: str) -> Reach:
    """What kind of place an address is. Raises ValueError when it isn't one."""
    parsed = ip_address(address)
    return _reach_4(parsed) if isinstance(parsed, IPv4Address) else _reach_6(parsed)


def is_web_port(port: int) -> bool:
    return port in _WEB_PORTS or _LOW_PORTS_END <= port <= 65_535


def wrong_with_url(url: str, *, private_addresses: bool) -> str | None:
    """Why requests can't go to this URL, as a sentence that doesn't repeat it; None: they can.

    Says nothing of the addresses behind its host's name: those are checked whenever a connection is
    made, since they change.
    """
    if not 1 <= len(url) <= URL_CHARACTERS_MAX or any(c.isspace() or c < "!" for c in url):
        return f"A URL has 1 to {URL_CHARACTERS_MAX} characters, none of them a space."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "That is no URL."
    if parts.scheme != "https" and not (private_addresses and parts.scheme == "http"):
        return "A URL begins with https://."
    if not host or "\\" in url:
        return "The URL names no host."
    if "@" in parts.netloc:
        return "A URL holds no user name or password."
    if parts.fragment:
        return "A URL has no part after #."
    if port is not None and not is_web_port(port):
        return "The port must be 80, 443, or 1024 and above."
    return _wrong_with_literal(host, private_addresses=private_addresses)


def _wrong_with_literal(host: str, *, private_addresses: bool) -> str | None:
    try:
        reach = reach_of(host)
    except ValueError:  # a name
        return None
    if reach == "public" or (reach == "private" and private_addresses):
        return None
    return "The URL leads into a private network."


def _reach_4(address: IPv4Address) -> Reach:
    if any(address in network for network in _FORBIDDEN_4):
        return "forbidden"
    return "private" if any(address in network for network in _PRIVATE_4) else "public"


def _reach_6(address: IPv6Address) -> Reach:
    for network, bits_after in _CLOTHED_4:
        if address in network:
            return _reach_4(IPv4Address((int(address) >> bits_after) & 0xFFFF_FFFF))
    if any(address in network for network in _FORBIDDEN_6):
        return "forbidden"
    if any(address in network for network in _PRIVATE_6):
        return "private"
    return "public" if address in _GLOBAL_6 else "forbidden"
