"""Where staff are told of alerts: apprise's URLs, which hold tokens and passwords and are kept
encrypted. Which of them will do, for a clinic that isn't the operator.
"""

import json
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from cryptography.fernet import MultiFernet

from voxanne.outbox.destinations import URL_CHARACTERS_MAX

# Apprise's names of services that have an address of their own, which the URL can't change.
_ALERT_SERVICES: Final = frozenset(
    {
        "clicksend",
        "discord",
        "gchat",
        "ilert",
        "mailersend",
        "opsgenie",
        "pagerduty",
        "pbul",
        "postmark",
        "pover",
        "resend",
        "sendgrid",
        "slack",
        "splunk",
        "squadcast",
        "tgram",
        "threema",
        "twilio",
        "vonage",
        "webex",
        "whatsapp",
        "wxteams",
    }
)
# Mail servers are checked when mail is sent.
_ALERT_MAIL: Final = frozenset({"mailto", "mailtos"})
# What shows a message on the machine this runs on, where no staff are.
_ALERT_LOCAL: Final = frozenset(
    {"dbus", "file", "glib", "gnome", "macosx", "qt", "syslog", "windows"}
)
# What an address may say behind its ?. Others of apprise's name files and URLs of this machine's to
# read (template, pgp…, attach), or loosen what is checked (verify, redirect).
_PARAMETERS: Final = frozenset(
    {
        "batch",
        "bcc",
        "cc",
        "format",
        "from",
        "mode",
        "name",
        "pass",
        "priority",
        "region",
        "reply",
        "severity",
        "smtp",
        "thread",
        "to",
        "topic",
        "user",
    }
)
ALERT_URLS_MAX: Final = 10


def wrong_with_alert_url(url: str, *, private_addresses: bool) -> str | None:
    """Why staff can't be told at this apprise URL, as a sentence that doesn't repeat it."""
    scheme, colon, rest = url.partition("://")
    scheme = scheme.lower()
    if len(url) > URL_CHARACTERS_MAX or not colon or not rest or not scheme.isalnum():
        return "That is no apprise URL, such as mailtos://… or slack://…"
    if scheme in _ALERT_LOCAL:
        return "That would tell the server, not staff."
    if not _parameters(rest) <= _PARAMETERS:
        return f"Behind the ? may stand: {', '.join(sorted(_PARAMETERS))}."
    if scheme in _ALERT_SERVICES | _ALERT_MAIL or private_addresses:
        return None
    return (
        "This service's URL names its server, which only an operator who sets "
        "VOXANNE_WEBHOOK_PRIVATE_ADDRESSES allows."
    )


def _parameters(rest: str) -> set[str]:
    """The names behind the first ?, as apprise reads them and other readers might."""
    parts = re.split("[&;?]", rest.partition("?")[2])
    names = {unquote(part.partition("=")[0]).strip().lower() for part in parts}
    return names - {""}


def is_mail(url: str) -> bool:
    """Whether an apprise URL sends mail, by a server that it names."""
    return url.partition("://")[0].lower() in _ALERT_MAIL


def masked(url: str) -> str:
    """An apprise URL without what may be secret in it: its scheme alone, and the host of mail."""
    scheme, _, rest = url.partition("://")
    host = rest.partition("?")[0].rpartition("@")[2].partition("/")[0]
    return f"{scheme.lower()}://…@{host}" if is_mail(url) and host else f"{scheme.lower()}://…"


def seal_urls(fernet: MultiFernet, urls: Sequence[str]) -> bytes | None:
    """As `organizations.alert_urls` has them; None for none."""
    return fernet.encrypt(json.dumps(list(urls)).encode()) if urls else None


def open_urls(fernet: MultiFernet, sealed: bytes | None) -> list[str]:
    """Raises InvalidToken."""
    if sealed is None:
        return []
    urls: list[str] = json.loads(fernet.decrypt(sealed))
    return urls
