"""Twilio's signature of its callbacks (X-Twilio-Signature), checked against its own library in the
tests. Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit


def sign(token: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """`parameters` are the body's fields, decoded; a repeated one counts once per value."""
    signed = url + "".join(name + value for name, value in sorted(set(parameters)))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def is_signed(token: str, url: str, parameters: Iterable[tuple[str, str]], presented: str) -> bool:
    """In constant time. The port of the address is written or left out, as Twilio may have had it.

    An empty token verifies nothing.
    """
    fields = list(parameters)
    if not token or not presented.isascii():
        return False
    found = [
        hmac.compare_digest(sign(token, address, fields), presented) for address in _spellings(url)
    ]
    return any(found)


def _spellings(url: str) -> list[str]:
    """With the port and without it, where it is the scheme's own."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    if parts.port not in (None, usual) or parts.hostname is None:
        return [url]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.netloc.partition(":")[0]
    return [urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{usual}")]
