"""Where a clinic's own calendar server may be: as webhooks go, and on this very machine for trying
things out, where http will do.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from voxanne.outbox.destinations import wrong_with_url


def is_loopback(url: str) -> bool:
    """Whether the URL says, without asking anybody, that it is this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def wrong_with_calendar_address(url: str) -> str | None:
    """Why no calendar can be there, as a sentence that doesn't repeat it; None: one can."""
    return wrong_with_url(url, private_addresses=is_loopback(url))
