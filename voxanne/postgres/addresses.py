"""Connection URLs, as libpq reads them."""

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit


def without_password(url: str) -> tuple[str, str | None]:
    """A connection URL without its password, wherever it stands in it, and the password."""
    parts = urlsplit(url)
    account, at, place = parts.netloc.rpartition("@")
    user, _, quoted = account.partition(":")
    # To libpq a plus sign is one; to parse_qsl it would be a space.
    fields = parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True)
    given = [value for name, value in fields if name == "password"]
    kept = urlencode([field for field in fields if field[0] != "password"], quote_via=quote)
    address = f"{parts.scheme}://{user}{at}{place}{parts.path}{'?' * bool(kept)}{kept}"
    return address, given[-1] if given else unquote(quoted) or None
