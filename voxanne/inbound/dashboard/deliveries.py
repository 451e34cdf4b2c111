"""What goes out: messages and calendar entries, alerts, and messages callers left."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.visit import Form, Visit
from voxanne.inbound.v1.problems import RefusedError
from voxanne.inbound.v1.security import given
from voxanne.outbox.alert_words import OTHER_WORDS, WORDS
from voxanne.outbox.types import CHANNELS

Json = dict[str, Any]
PATH: Final = "/delivery"
ALERTS_SHOWN: Final = 50
MESSAGES_SHOWN: Final = 20
STUCK_SHOWN: Final = 50
DELIVERIES_SHOWN: Final = 50
DONE: Final = {
    "retried": "It is tried again now.",
    "seen": "Seen.",
    "done": "Done.",
    "reopened": "The message is open again.",
}
# Of the others there is no list by time: they are far more, and each is shown where it belongs.
STATUSES: Final = {"queued": "waiting", "sending": "being sent", "failed": "failed"}
CHANNEL_NAMES: Final = {
    "calendar": "Calendar entry",
    "sms": "Text message",
    "email": "E-mail",
    "webhook": "Webhook message",
    "alert": "Staff alert",
}
URGENCIES: Final = {"emergency": "bad", "high": "warn", "normal": "neutral", "low": "neutral"}
# Where a retry may lead back to, below the clinic.
_BACK: Final = re.compile(r"/(delivery|appointments/[0-9a-f-]{36}|leads/[0-9a-f-]{36})")
_KIND: Final = re.compile("[a-z0-9_]{1,50}")


async def show(visit: Visit) -> Response:
    return await _page(visit, message=DONE.get(visit.form.get("done")))


async def retry(visit: Visit) -> Response:
    """The newest version's, unless a later change has taken its place."""
    subject, kind = visit.id("subject"), visit.request.path_params["kind_text"]
    if not _KIND.fullmatch(kind):
        raise RefusedError(Outcome.NOT_FOUND, "There is no such delivery.")
    try:
        answer = await visit.do(
            "delivery_retried",
            ("delivery", f"{subject}/{kind}"),
            "retry_delivery",
            subject_id=subject,
            kind=kind,
        )
    except RefusedError as refused:
        if refused.outcome != Outcome.STALE_VERSION or visit.wants_json:
            raise
        problem = "Not tried again: a later change of the appointment has taken its place."
        return await _page(visit, status=409, problem=problem)
    back = visit.form.get("back")
    path = back if _BACK.fullmatch(back) else PATH
    return visit.done(path, done="retried", delivery=answer["delivery"])


async def see_alert(visit: Visit) -> Response:
    alert = visit.id("alert")
    await visit.do("alert_seen", ("alert", alert), "mark_alert_seen", alert_id=alert)
    return visit.done(PATH, done="seen")


async def finish_message(visit: Visit) -> Response:
    return await _mark_message(visit, "done", "message_done")


async def reopen_message(visit: Visit) -> Response:
    return await _mark_message(visit, "new", "message_reopened")


async def _mark_message(visit: Visit, status: str, action: str) -> Response:
    message = visit.id("message")
    await visit.do(action, ("message", message), "mark_message", message_id=message, status=status)
    return visit.done(PATH, done="done" if status == "done" else "reopened")


def delivery_name(kind: str) -> str:
    """`sms_reminder_24h` → `Text message: reminder 24h`."""
    channel, _, about = kind.partition("_")
    name = CHANNEL_NAMES.get(channel, channel)
    return f"{name}: {about.replace('_', ' ')}" if about else name


async def _page(visit: Visit, **more: Any) -> Response:
    form = visit.form
    alerts = await visit.call(
        "list_alerts", seen=False, limit=ALERTS_SHOWN + 1, **_after(form, "alerts", UUID)
    )
    message_status = "done" if form.get("messages") == "done" else "new"
    messages = await visit.call(
        "list_messages",
        status=message_status,
        limit=MESSAGES_SHOWN + 1,
        **_after(form, "messages", UUID),
    )
    stuck = (await visit.call("list_stuck_deliveries", limit=STUCK_SHOWN))["items"]
    filters = {
        "status": form.get("status") if form.get("status") in STATUSES else "queued",
        "channel": form.get("channel") if form.get("channel") in CHANNELS else "",
    }
    listed = await visit.call(
        "list_deliveries",
        **given(status=filters["status"], channel=filters["channel"] or None),
        limit=DELIVERIES_SHOWN + 1,
        **_after(form, "deliveries", str),
    )
    shown = messages["items"][:MESSAGES_SHOWN]
    for message in shown:
        await visit.saw("message", message["id"])
    rows = listed["items"][:DELIVERIES_SHOWN]
    appointments = await _appointments(visit, [*stuck, *rows])
    return visit.page(
        "deliveries/page.html",
        title="Delivery",
        alerts=[_alert(each) for each in alerts["items"][:ALERTS_SHOWN]],
        messages=shown,
        message_status=message_status,
        urgencies=URGENCIES,
        stuck=[_told(each, appointments) for each in stuck],
        deliveries=[_told(each, appointments) for each in rows],
        filters=filters,
        statuses=STATUSES,
        channels=CHANNEL_NAMES,
        older={
            "alerts": _older("alerts", alerts["items"], ALERTS_SHOWN, {}),
            "messages": _older(
                "messages", messages["items"], MESSAGES_SHOWN, {"messages": message_status}
            ),
            "deliveries": _older("deliveries", listed["items"], DELIVERIES_SHOWN, filters),
        },
        **more,
    )


async def _appointments(visit: Visit, deliveries: Sequence[Json]) -> Mapping[str, Json]:
    """What those deliveries tell of, by id: times and practitioners, no patients."""
    ids = sorted({UUID(each["subject_id"]) for each in deliveries})
    if not ids:
        return {}
    found = await visit.call("appointments_told_of", ids=ids)
    return {each["id"]: each for each in found["items"]}


def _told(delivery: Json, appointments: Mapping[str, Json]) -> Json:
    return delivery | {
        "name": delivery_name(delivery["kind"]),
        "appointment": appointments.get(delivery["subject_id"]),
    }


def _alert(alert: Json) -> Json:
    return alert | {"words": WORDS.get(alert["kind"], OTHER_WORDS)}


def _after(form: Form, name: str, read_id: type[UUID] | type[str]) -> dict[str, object]:
    """Where a list's page begins; at its beginning, where the address doesn't say."""
    try:
        at = datetime.fromisoformat(form.get(f"{name}_at"))
        last = read_id(form.get(f"{name}_id"))
    except ValueError:
        return {}
    return {"after_at": at, "after_id": last} if at.tzinfo is not None else {}


def _older(name: str, items: Sequence[Json], shown: int, filters: Mapping[str, str]) -> str | None:
    """The address's query of a list's next page; None: this is the last."""
    if len(items) <= shown:
        return None
    last = items[shown - 1]
    position = {f"{name}_at": last["created_at"], f"{name}_id": last["id"]}
    return urlencode({key: said for key, said in filters.items() if said} | position)


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "read_only", show),
    Page("POST", "/deliveries/{subject}/{kind_text}/retry", "staff", retry),
    Page("POST", "/alerts/{alert}/seen", "staff", see_alert),
    Page("POST", "/messages/{message}/done", "staff", finish_message),
    Page("POST", "/messages/{message}/reopen", "staff", reopen_message),
]
