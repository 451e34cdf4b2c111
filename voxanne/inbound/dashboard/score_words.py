"""A lead's score in words: what each fact is called, and what a reason says beside its points."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TIMES_MAX: Final = 3  # as weigh_score_facts.sql counts


@dataclass(frozen=True, slots=True)
class Fact:
    """`label` and `hint` for whoever sets its weight; `said` of a lead, filled with its params."""

    label: str
    said: str
    hint: str = ""


# Every weight of default_score_weights.sql, in the order of the settings page.
FACTS: Final[Mapping[str, Fact]] = {
    "start": Fact("To begin with", "where everybody begins"),
    "service": Fact(
        "Asked for a service",
        "booked or asked for: {name}",
        "In the last year; only the service worth most counts. Below are the services' own points.",
    ),
    "upcoming": Fact("Has an appointment to come", "has an appointment to come"),
    "confirmed": Fact("Confirmed it", "has said that they will come"),
    "waiting": Fact("On the waiting list", "waits for a time to become free"),
    "urgent": Fact(
        "Something urgent",
        "called about something urgent",
        "In the last 14 days, as the call says.",
    ),
    "emergency": Fact(
        "An emergency", "called about an emergency", "In the last 14 days; instead of urgent."
    ),
    "positive": Fact(
        "In a good mood", "was in a good mood on the last call", "If the voice platform tells it."
    ),
    "negative": Fact("Unhappy", "was unhappy on the last call", "If the voice platform tells it."),
    "visited": Fact("Has been here", "has been here before"),
    "regular": Fact("A regular", "has been here {visits} times", "Three visits or more."),
    "no_show": Fact("Didn't come", "did not come{times}", "Each time, up to three."),
    "cancelled": Fact(
        "Cancelled", "cancelled{times}", "Each time, up to three; not what the clinic cancelled."
    ),
    "recent": Fact("In touch", "was in touch in the last 30 days"),
    "quiet": Fact("Long quiet", "has not been in touch for half a year"),
    "texts_wanted": Fact("Wants text messages", "agreed to text messages"),
    "texts_refused": Fact("Wants no text messages", "wants no text messages"),
    "reachable": Fact(
        "A mobile that answers", "text messages reach them", "One was delivered, or came from them."
    ),
    "email": Fact("E-mail known", "left an e-mail address"),
}


def reason_text(reason: Mapping[str, Any]) -> str:
    """`asked for: Implant consultation`, of one of lead_scores' reasons."""
    params = reason.get("params") or {}
    fact = FACTS.get(reason["reason"])
    if fact is None:  # of a newer release
        return str(reason["reason"])
    times = params.get("times", 1)
    more = f" ({TIMES_MAX} are counted)" if times > TIMES_MAX else ""
    said = f" {times} times{more}" if times > 1 else ""
    return fact.said.format(**{"name": "", "visits": "", **params, "times": said})


def reason_line(reason: Mapping[str, Any]) -> str:
    """`+20 asked for: Implant consultation`."""
    points = reason["points"]
    signed = f"+{points}" if points > 0 else f"\N{MINUS SIGN}{-points}"
    return f"{signed} {reason_text(reason)}"
