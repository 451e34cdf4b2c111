"""Every page of the settings, and how things stand, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.settings.configuring import load
from voxanne.inbound.dashboard.visit import Role, Visit

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """`tone`: the badge's, where something needs somebody."""

    path: str
    title: str
    about: str
    state: str = ""
    tone: str = "neutral"
    role: Role = "read_only"


async def show(visit: Visit) -> Response:
    document = await load(visit)
    cards = [*_clinic(document), *await _outside(visit), *_house()]
    return visit.page(
        "settings/overview.html",
        title="Settings",
        cards=[card for card in cards if visit.member.may(card.role)],
    )


def _clinic(document: Json) -> list[Card]:
    def state(section: str, what: str) -> str:
        return _count(sum(each["active"] for each in document[section]), what)

    days = len({row["weekday"] for row in document["hours"]})
    away = len(document["absences"])
    own = sum(row["source"] != "holiday" for row in document["exceptions"])
    path = "/settings/clinic"
    return [
        Card(path, "Clinic", "Name, time zone, rules for booking, reminders", document["name"]),
        Card(
            f"{path}/hours",
            "Weekly hours",
            "Opening hours and breaks",
            f"Open on {_count(days, 'day')} a week" if days else "Open at all times",
        ),
        Card(
            f"{path}/exceptions",
            "Exceptions and absences",
            "Days with other hours, and who is away",
            f"{_count(own, 'exception')}, {_count(away, 'absence')} to come",
        ),
        Card(
            f"{path}/practitioners",
            "Practitioners",
            "Who receives patients",
            state("practitioners", "practitioner"),
        ),
        Card(f"{path}/rooms", "Rooms", "Where", state("rooms", "room")),
        Card(
            f"{path}/services",
            "Services",
            "How long, how much, by whom",
            state("services", "service"),
        ),
    ]


async def _outside(visit: Visit) -> list[Card]:
    calendars = (await visit.call("list_calendars"))["calendars"]
    account = (await visit.call("sms_account"))["account"]
    webhooks = (await visit.call("list_webhooks"))["items"]
    connected = sum(each["status"] == "connected" for each in calendars)
    failing = sum(each["failing_since"] is not None for each in webhooks)
    off = sum(each["status"] == "disabled" for each in webhooks)
    cards = [
        Card(
            "/settings/connections",
            "Calendars",
            "Google Calendar, CalDAV, and feeds to read",
            f"{connected} of {_count(len(calendars), 'calendar')} connected"
            if calendars
            else "No calendar connected",
            "bad" if connected < len(calendars) else "neutral",
        ),
        Card(
            "/settings/messages",
            "Messages",
            "Text messages, their words, e-mail, and who wants none",
            f"Text messages: {'on' if account else 'off'}",
        ),
        Card(
            "/settings/hooks",
            "Webhooks and alerts",
            "Your own systems, and where staff are told",
            _webhooks(webhooks, failing, off),
            "bad" if failing or off else "neutral",
        ),
    ]
    if visit.member.may("owner"):
        found = await visit.call("list_credentials")
        state = f"{_count(len(found['keys']), 'key')}, {_count(len(found['lines']), 'line name')}"
        about = "How calls reach the clinic, and API keys"
        cards.append(Card("/settings/lines", "Lines and keys", about, state, role="owner"))
    return cards


def _house() -> Sequence[Card]:
    return (
        Card("/settings/staff", "Staff", "Who signs in, and what they may do", role="owner"),
        Card("/settings/scores", "Lead scores", "What makes a lead hot, warm or cold"),
        Card(
            "/settings/retention", "Retention", "How long what patients said is kept", role="owner"
        ),
        Card("/audit", "Audit log", "Who saw and changed what", role="owner"),
    )


def _webhooks(webhooks: Sequence[Json], failing: int, off: int) -> str:
    if not webhooks:
        return "No webhook"
    return f"{_count(len(webhooks), 'webhook')}, " + (
        f"{off} turned off" if off else f"{failing} failing" if failing else "all well"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


PAGES: Final[list[Page]] = [Page("GET", "/settings", "read_only", show)]
