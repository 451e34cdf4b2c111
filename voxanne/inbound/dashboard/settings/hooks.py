"""The clinic's own systems that are told of what happens, and where staff are told of alerts."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any, Final
from uuid import UUID

from cryptography.fernet import InvalidToken
from starlette.responses import Response

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.notation import read_days
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.settings.fields import (
    beside,
    form_version,
    lines_of,
    refusal_of,
    sentence,
)
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.tokens import new_token
from voxanne.inbound.v1.problems import RefusedError
from voxanne.inbound.v1.security import given
from voxanne.outbox.alert_urls import (
    ALERT_URLS_MAX,
    masked,
    open_urls,
    seal_urls,
    wrong_with_alert_url,
)
from voxanne.outbox.destinations import wrong_with_url
from voxanne.outbox.webhooks import SUBSCRIBABLE, event_type, message_id, new_secret

Json = dict[str, Any]
PATH: Final = "/settings/hooks"
MESSAGES_SHOWN: Final = 50
DONE: Final = {
    "changed": "Saved.",
    "paused": "The webhook is turned off. What happens from now on waits for it, for 30 days.",
    "resumed": "The webhook is on again, and gets what it missed.",
    "pinged": "A ping is on its way; what came of it is shown below in a moment.",
    "replayed": "It is told again of everything since then.",
    "unchanged": "Nothing happened since then.",
    "removed": "The webhook is removed. What waited for it isn't sent.",
    "alerts": "Staff are told there from now on.",
    "no_alerts": "Staff are told nowhere any more.",
}


async def show(visit: Visit) -> Response:
    return await _page(visit, message=DONE.get(visit.form.get("done")))


async def create(visit: Visit) -> Response:
    """The page that follows shows its secret, once. The same form again makes no second one."""
    url = visit.form.get("url")
    if wrong := _wrong_with(visit, url):
        return await _page(visit, {"url": wrong})
    sealed = visit.services.fernet.encrypt(new_secret().encode()).decode()
    try:
        made = await visit.do(
            "webhook_created",
            ("webhook", None),
            "create_webhook",
            url=url,
            kinds=_kinds(visit),
            encrypted_secret=sealed,
            **given(idempotency_key=visit.form.get("once")[:100] or None),
        )
    except RefusedError as refused:
        return await _page(visit, beside(refused, "url"))
    return await _one_page(visit, UUID(made["webhook"]["id"]), secret=_secret_of(visit, made))


async def show_one(visit: Visit) -> Response:
    return await _one_page(visit, visit.id("webhook"), message=DONE.get(visit.form.get("done")))


async def change(visit: Visit) -> Response:
    webhook, url = visit.id("webhook"), visit.form.get("url")
    if wrong := _wrong_with(visit, url):
        return await _one_page(visit, webhook, {"url": wrong})
    return await _changed(visit, "webhook_changed", "changed", url=url, kinds=_kinds(visit))


async def pause(visit: Visit) -> Response:
    return await _changed(visit, "webhook_paused", "paused", status="disabled")


async def resume(visit: Visit) -> Response:
    return await _changed(visit, "webhook_resumed", "resumed", status="active")


async def rotate(visit: Visit) -> Response:
    """The page that follows shows the new secret, once."""
    webhook, secret = visit.id("webhook"), new_secret()
    await visit.do(
        "webhook_secret_changed",
        ("webhook", webhook),
        "rotate_webhook_secret",
        webhook_id=webhook,
        encrypted_secret=visit.services.fernet.encrypt(secret.encode()).decode(),
        version=form_version(visit.form),
    )
    return await _one_page(visit, webhook, secret=secret)


async def ping(visit: Visit) -> Response:
    webhook = visit.id("webhook")
    await visit.do("webhook_pinged", ("webhook", webhook), "ping_webhook", webhook_id=webhook)
    return visit.done(f"{PATH}/{webhook}", done="pinged")


async def replay(visit: Visit) -> Response:
    webhook = visit.id("webhook")
    days = read_days(visit.form.get("day"))
    if days is None:
        return await _one_page(visit, webhook, {"day": "Write a day such as 2026-11-25."})
    begins = datetime.combine(days[0], time(), visit.clinic.zone).astimezone(UTC)
    answer = await visit.do(
        "webhook_replayed",
        ("webhook", webhook),
        "replay_webhook",
        webhook_id=webhook,
        **{"from": begins},
    )
    done = "replayed" if answer["from_event"] else "unchanged"
    return visit.done(f"{PATH}/{webhook}", done=done)


async def remove(visit: Visit) -> Response:
    webhook = visit.id("webhook")
    await visit.do(
        "webhook_removed",
        ("webhook", webhook),
        "remove_webhook",
        webhook_id=webhook,
        version=form_version(visit.form),
    )
    return visit.done(PATH, done="removed")


async def set_alerts(visit: Visit) -> Response:
    """In place of the addresses there were: they hold tokens, so nobody reads them here."""
    urls = lines_of(visit.form.get("alert_urls"))
    if visit.form.get("step") == "none":
        urls = []
    elif not urls:
        return await _page(visit, {"alert_urls": "Write one address at least."})
    if len(urls) > ALERT_URLS_MAX:
        wrong = f"A clinic has {ALERT_URLS_MAX} addresses at most."
        return await _page(visit, {"alert_urls": wrong})
    private = visit.services.private_addresses
    for number, url in enumerate(urls, 1):
        if found := wrong_with_alert_url(url, private_addresses=private):
            return await _page(visit, {"alert_urls": f"Line {number}: {sentence(found)}"})
    await visit.do(
        "alert_urls_changed",
        ("clinic", visit.clinic.id),
        "set_alert_urls",
        encrypted_urls=seal_urls(visit.services.fernet, urls),
    )
    return visit.done(PATH, done="alerts" if urls else "no_alerts")


async def _changed(visit: Visit, action: str, done: str, **changes: object) -> Response:
    webhook = visit.id("webhook")
    try:
        await visit.do(
            action,
            ("webhook", webhook),
            "change_webhook",
            webhook_id=webhook,
            version=form_version(visit.form),
            **changes,
        )
    except RefusedError as refused:
        if refused.outcome != Outcome.STALE_VERSION:
            raise
        return await _one_page(
            visit,
            webhook,
            status=409,
            problem="Somebody changed this webhook meanwhile. Nothing was saved: below is how it "
            "is now.",
        )
    return visit.done(f"{PATH}/{webhook}", done=done)


def _wrong_with(visit: Visit, url: str) -> str | None:
    return wrong_with_url(url, private_addresses=visit.services.private_addresses)


def _kinds(visit: Visit) -> list[str]:
    """Of the events that were ticked; unknown types are left out. None: all."""
    return sorted(
        {SUBSCRIBABLE[type_] for type_ in visit.form.all("types") if type_ in SUBSCRIBABLE}
    )


def _secret_of(visit: Visit, made: Json) -> str:
    return visit.services.fernet.decrypt(made["encrypted_secret"]).decode()


async def _page(visit: Visit, errors: Mapping[str, str] | None = None, **more: Any) -> Response:
    wrong = dict(errors or {})
    return visit.page(
        "settings/hooks.html",
        title="Webhooks and alerts",
        webhooks=[_told(visit, each) for each in (await visit.call("list_webhooks"))["items"]],
        alert_urls=await _masked_urls(visit),
        types=sorted(SUBSCRIBABLE),
        ticked=visit.form.all("types"),
        url=visit.form.get("url"),
        once=new_token(),
        **refusal_of(wrong),
        **more,
    )


async def _one_page(
    visit: Visit, webhook: UUID, errors: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """Raises RefusedError where there is no such webhook."""
    wrong = dict(errors or {})
    (found,) = (await visit.call("list_webhooks", webhook_id=webhook))["items"]
    messages = await visit.call("list_webhook_messages", webhook_id=webhook, limit=MESSAGES_SHOWN)
    values: Json = {**refusal_of(wrong), "secret": None}
    return visit.page(
        "settings/webhook.html",
        title="Webhook",
        webhook=_told(visit, found),
        url=visit.form.get("url") or found["url"],
        types=sorted(SUBSCRIBABLE),
        messages=[_message(each) for each in messages["items"]],
        **(values | more),
    )


def _told(visit: Visit, webhook: Json) -> Json:
    """A webhook in words: how it is."""
    state, tone = "on", "ok"
    if webhook["status"] == "disabled":
        state, tone = "off", "warn"
    elif webhook["failing_since"]:
        state, tone = f"failing since {visit.when.moment(webhook['failing_since'])}", "bad"
    return webhook | {
        "state": state,
        "tone": tone,
        "types": [event_type(kind) for kind in webhook["kinds"]],
    }


def _message(row: Json) -> Json:
    return row | {
        "message_id": message_id(UUID(row["subject_id"])),
        "type": event_type(row["event_kind"]),
    }


async def _masked_urls(visit: Visit) -> list[str]:
    """Where staff are told, without what is secret."""
    sealed = (await visit.call("find_alert_urls"))["encrypted_urls"]
    try:
        urls = open_urls(visit.services.fernet, base64.b64decode(sealed) if sealed else None)
    except InvalidToken:
        return ["encrypted with a key that is lost: set them again"]
    return [masked(url) for url in urls]


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "read_only", show),
    Page("POST", PATH, "owner", create),
    Page("POST", f"{PATH}/alerts", "owner", set_alerts),
    Page("GET", f"{PATH}/{{webhook}}", "read_only", show_one),
    Page("POST", f"{PATH}/{{webhook}}", "owner", change),
    Page("POST", f"{PATH}/{{webhook}}/pause", "owner", pause),
    Page("POST", f"{PATH}/{{webhook}}/resume", "owner", resume),
    Page("POST", f"{PATH}/{{webhook}}/rotate", "owner", rotate),
    Page("POST", f"{PATH}/{{webhook}}/test", "owner", ping),
    Page("POST", f"{PATH}/{{webhook}}/replay", "owner", replay),
    Page("POST", f"{PATH}/{{webhook}}/remove", "owner", remove),
]
