"""Staff alerts, by apprise: to a chat, a pager, a mailbox. Kinds, ids and counts, never a patient's
details: what it is about is looked up in Voxanne.
"""

import asyncio
import base64
import importlib.util
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import structlog
from cryptography.fernet import InvalidToken, MultiFernet

from voxanne.deliveries.addresses import Resolve, resolve_host
from voxanne.outbox.alert_urls import is_mail, open_urls, wrong_with_alert_url
from voxanne.outbox.alert_words import OTHER_WORDS, WORDS
from voxanne.outbox.destinations import reach_of
from voxanne.outbox.types import Delivered, Delivery, Failed, Result, Retry, Voided

SECONDS_MAX: Final = 20.0
# Apprise blocks, and what it does mustn't keep anything else waiting.
THREADS_MAX: Final = 4

log = structlog.get_logger("voxanne.alerts")


class UnfitUrlError(Exception):
    """Staff can't be told there; the message says why, without the URL."""


@dataclass(frozen=True, slots=True)
class AlertSender:
    """Tells staff at every address the clinic has given; that one of them was told is enough."""

    fernet: MultiFernet
    public_url: str | None = None
    private_addresses: bool = False
    resolve: Resolve = resolve_host
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS_MAX, "alerts")
    )

    async def send(self, delivery: Delivery) -> Result:
        details = delivery.details
        if not details:
            return Voided("alert_gone", "There is no such alert.")
        if details["told_with"] not in (None, details["alert_id"]):
            return Voided("grouped", "Staff were told together with another alert.")
        if details["urls"] is None:
            return Voided("alerts_off", "The clinic has said nowhere to tell staff.")
        if details["wait_seconds"] is not None:
            return Retry(
                "grouped",
                "Staff were told of many of this kind; this one is told with the next.",
                after_seconds=float(details["wait_seconds"]),
            )
        try:
            urls = open_urls(self.fernet, base64.b64decode(details["urls"]))
        except InvalidToken:
            return Failed("urls_unreadable", "The addresses were encrypted with a lost key.")
        if importlib.util.find_spec("apprise") is None:
            return Failed("not_installed", "Alerts need: pip install 'voxanne[alerts]'")
        title = f"Voxanne: {delivery.organization['name']}"
        return await self.tell(urls, title, text_of(details, self.public_url))

    async def look_up(self, _delivery: Delivery) -> Result | None:
        """Told twice is better than not at all."""
        return None

    async def tell(self, urls: Sequence[str], title: str, text: str) -> Result:
        """At all of them at once. Failed when none can ever be told."""
        told = await asyncio.gather(
            *(self._tell_one(url, title, text) for url in urls), return_exceptions=True
        )
        failed = [result for result in told if result is not True]
        if failed:
            # A service's own code may raise anything.
            bugs = sorted({type(each).__name__ for each in failed if isinstance(each, Exception)})
            log.warning("staff were not told everywhere", addresses=len(failed), errors=bugs)
        if len(failed) < len(told):
            return Delivered(f"{len(told) - len(failed)} of {len(told)}")
        unfit = [str(each) for each in failed if isinstance(each, UnfitUrlError)]
        if len(unfit) == len(told):
            return Failed("unfit_url", unfit[0])
        return Retry("not_told", "None of the clinic's addresses for alerts could be reached.")

    async def _tell_one(self, url: str, title: str, text: str) -> bool:
        """Whether it got there. Raises UnfitUrlError; TimeoutError."""
        wrong = wrong_with_alert_url(url, private_addresses=self.private_addresses)
        if wrong is not None:
            raise UnfitUrlError(wrong)
        target = await self._in_thread(_target, url)
        if is_mail(url) and not self.private_addresses:
            await self._check_mail_server(target)
        async with asyncio.timeout(SECONDS_MAX):
            # A thread can't be stopped; apprise's own limits end it.
            return bool(await self._in_thread(partial(target.notify, body=text, title=title)))

    async def _in_thread(self, work: Callable[..., Any], *arguments: object) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)

    async def _check_mail_server(self, target: Any) -> None:
        """Raises UnfitUrlError."""
        host = str(target.smtp_host or target.host)
        try:
            addresses = await self.resolve(host, target.port or 587)
        except (OSError, UnicodeError):
            addresses = []
        if any(reach_of(address) != "public" for address in addresses):
            raise UnfitUrlError("The mail server is in a private network.")


def text_of(details: Mapping[str, Any], public_url: str | None) -> str:
    """An alert in plain words."""
    lines = [WORDS.get(details["kind"], OTHER_WORDS)]
    others = details["others"]
    if others > 0:
        lines.append("There is one more like it." if others == 1 else f"{others} more like it.")
    for name in ("appointment_id", "message_id", "call_id"):
        if details[name] is not None:
            lines.append(f"{name.removesuffix('_id').capitalize()}: {details[name]}")
    if public_url is not None:
        lines.append(public_url)
    return "\n".join(lines)


def _target(url: str) -> Any:
    """Apprise's notifier of a URL. Raises UnfitUrlError. Loading apprise takes a while."""
    import apprise

    # Its lines hold more of the addresses than they should.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    asset = apprise.AppriseAsset(http_redirects=False)
    found = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if found is None or len(getattr(found, "template", ())):
        raise UnfitUrlError("Apprise doesn't understand one of the addresses.")
    return found
