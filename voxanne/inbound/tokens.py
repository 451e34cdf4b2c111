"""Secrets that are a way in by themselves: a cookie, a link, a feed's address. The database keeps
their hash alone.
"""

import hashlib
import secrets
from typing import Final

TOKEN_BYTES: Final = 32


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """SHA-256; of whatever was sent, too."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
