"""Practitioners' calendars: connected at Google or on a CalDAV server, how they are, and feeds."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.responses import Response

from voxanne.inbound.calendar_feed import feed_address
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.pages import redirect
from voxanne.inbound.dashboard.settings.configuring import load
from voxanne.inbound.dashboard.settings.fields import (
    WrongFieldsError,
    beside,
    read_model,
    refusal_of,
)
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.tokens import new_token, token_hash
from voxanne.inbound.v1.caldav import NewCalDav, connection_of
from voxanne.inbound.v1.calendars import NOT_SET_UP, NewConsent
from voxanne.inbound.v1.problems import RefusedError

Json = dict[str, Any]
PATH: Final = "/settings/connections"
DONE: Final = {
    "connected": "The calendar is stored. Whether its server takes it is shown here in a moment.",
    "disconnected": "The calendar is disconnected, and its credentials are forgotten.",
    "closed": "The feed is closed: its address can't be read any more.",
}
VENDORS: Final = {"google": "Google Calendar", "caldav": "CalDAV"}
EVERYBODY: Final = "Everybody who has none of their own"
# What staff can do about a calendar that is broken, by its reason.
ADVICE: Final = {
    "calendar_gone": "Connect it again, with the calendar's name as it is there now.",
    "unauthorized": "Connect it again with a new password.",
    "scope": "Connect it again, and leave every permission ticked.",
}
CONNECT_AGAIN: Final = "Connect it again: what waits for it follows."


async def show(visit: Visit) -> Response:
    return await _page(visit, message=DONE.get(visit.form.get("done")))


async def connect_google(visit: Visit) -> Response:
    """To Google's consent page. It comes back by a callback of its own."""
    consent = visit.services.google
    if consent is None:
        return await _page(visit, {"google-calendar": NOT_SET_UP})
    try:
        asked = read_model(NewConsent, _sent(visit, "google", ("calendar",)), "google-")
        parameters, url = consent.prepare(
            visit.services.fernet, visit.clinic.id, asked.practitioner_id, asked.calendar
        )
        given = {name.removeprefix("p_"): value for name, value in parameters.items()}
        del given["org_id"]
        await visit.do(
            "calendar_consent_asked",
            ("practitioner", asked.practitioner_id or visit.clinic.id),
            "begin_calendar_consent",
            **given,
        )
    except WrongFieldsError as wrong:
        return await _page(visit, wrong.errors)
    except RefusedError as refused:
        return await _page(visit, beside(refused, "calendar", "google-"))
    return redirect(url)


async def connect_caldav(visit: Visit) -> Response:
    names = ("address", "user", "password", "calendar")
    try:
        asked = read_model(NewCalDav, _sent(visit, "caldav", names), "caldav-")
        connection = connection_of(asked, visit.services.fernet, visit.clinic.timezone)
        await visit.do("calendar_connected", ("calendar", None), "connect_calendar", **connection)
    except WrongFieldsError as wrong:
        return await _page(visit, wrong.errors)
    except RefusedError as refused:
        return await _page(visit, beside(refused, "address", "caldav-"))
    return visit.done(PATH, done="connected")


async def disconnect(visit: Visit) -> Response:
    calendar = visit.id("calendar")
    await visit.do(
        "calendar_disconnected",
        ("calendar", calendar),
        "disconnect_calendar",
        connection_id=calendar,
    )
    return visit.done(PATH, done="disconnected")


async def open_feed(visit: Visit) -> Response:
    """The page that follows shows its address, once."""
    practitioner, token = visit.id("practitioner"), new_token()
    answer = await visit.do(
        "calendar_feed_opened",
        ("practitioner", practitioner),
        "open_calendar_feed",
        practitioner_id=practitioner,
        token_hash=token_hash(token),
    )
    address = feed_address(visit.services.base_address(visit.request), token)
    return await _page(visit, feed={"name": answer["practitioner_name"], "address": address})


async def close_feed(visit: Visit) -> Response:
    practitioner = visit.id("practitioner")
    await visit.do(
        "calendar_feed_closed",
        ("practitioner", practitioner),
        "close_calendar_feed",
        practitioner_id=practitioner,
    )
    return visit.done(PATH, done="closed")


def _sent(visit: Visit, form: str, names: Sequence[str]) -> dict[str, Any]:
    """A form's fields as REST takes them: those that were filled in, and whose calendar it is."""
    fields: dict[str, Any] = {name: visit.form.get(f"{form}-{name}") for name in names}
    fields["practitioner_id"] = visit.form.get("practitioner")
    return {name: value for name, value in fields.items() if value}


async def _page(visit: Visit, errors: Mapping[str, str] | None = None, **more: Any) -> Response:
    wrong = dict(errors or {})
    document = await load(visit)
    calendars = (await visit.call("list_calendars"))["calendars"]
    feeds = {
        feed["practitioner_id"]: feed["created_at"]
        for feed in (await visit.call("list_calendar_feeds"))["feeds"]
    }
    consent = visit.services.google
    said = {name: visit.form.get(name) for name in ("practitioner", "google-calendar")}
    said |= {
        f"caldav-{name}": visit.form.get(f"caldav-{name}")
        for name in ("address", "user", "calendar")
    }
    return visit.page(
        "settings/connections.html",
        title="Calendars",
        calendars=[_told(visit, each) for each in calendars],
        practitioners=[each for each in document["practitioners"] if each["active"]],
        feeds=feeds,
        everybody=EVERYBODY,
        google=consent is not None,
        form_action=_origin(consent.consent_url) if consent else "",
        values=said,
        **refusal_of(wrong),
        **({"feed": None} | more),
    )


def _told(visit: Visit, calendar: Json) -> Json:
    """A connection in words: how it is, since when, what to do."""
    state, tone = "connected", "ok"
    advice = None
    if calendar["status"] == "broken":
        state, tone = "broken", "bad"
        advice = ADVICE.get(calendar["error_code"], CONNECT_AGAIN)
    elif calendar["synced_at"] is None:
        state, tone = "not read yet", "neutral"
    elif calendar["stale"]:
        state, tone = "not read for long", "warn"
        advice = "Nothing to do at first: it is tried again and again."
    return calendar | {
        "whose": calendar["practitioner_name"] or EVERYBODY,
        "vendor_name": VENDORS[calendar["vendor"]],
        "state": state,
        "tone": tone,
        "advice": advice,
        "read": visit.when.moment(calendar["synced_at"]) if calendar["synced_at"] else "not yet",
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "read_only", show),
    Page("POST", f"{PATH}/google", "owner", connect_google),
    Page("POST", f"{PATH}/caldav", "owner", connect_caldav),
    Page("POST", f"{PATH}/{{calendar}}/disconnect", "owner", disconnect),
    Page("POST", f"{PATH}/feeds/{{practitioner}}", "owner", open_feed),
    Page("POST", f"{PATH}/feeds/{{practitioner}}/close", "owner", close_feed),
]
