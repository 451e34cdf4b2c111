"""What a check found, and what all of them found together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

NAMED_MAX: Final = 4  # of what is wrong, before the rest is counted


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAILED = "failed"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Finding:
    """`detail`: what is so, in a sentence without a patient or a secret; `fix`: what to do.

    `counted`: of a capability's parts those that work, and all, where there may be several.
    """

    state: State
    detail: str
    fix: str = ""
    counted: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A check's name with its finding."""

    name: str
    finding: Finding

    def as_json(self) -> dict[str, str]:
        found = self.finding
        return {
            "name": self.name,
            "state": found.state.value,
            "detail": found.detail,
            "fix": found.fix,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """`capabilities`: booking, calendar, sms, email, dashboard → how each stands, if known."""

    results: Sequence[Result]
    capabilities: Mapping[str, str]

    @property
    def failed(self) -> list[str]:
        return [result.name for result in self.results if result.finding.state is State.FAILED]

    @property
    def ready(self) -> bool:
        return not self.failed

    def as_json(self) -> dict[str, Any]:
        return {
            "ready": self.ready,
            "checks": [result.as_json() for result in self.results],
            "capabilities": dict(self.capabilities),
        }


def ok(detail: str) -> Finding:
    return Finding(State.OK, detail)


def warn(detail: str, fix: str) -> Finding:
    return Finding(State.WARN, detail, fix)


def failed(detail: str, fix: str) -> Finding:
    return Finding(State.FAILED, detail, fix)


def off(detail: str) -> Finding:
    return Finding(State.OFF, detail)


def named(things: Collection[str]) -> str:
    """`a, b, c and 4 more`."""
    shown = sorted(things)[:NAMED_MAX]
    more = len(things) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 clinic`, `2 clinics`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
