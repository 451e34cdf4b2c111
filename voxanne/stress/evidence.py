"""What a proof looked at: what was expected, what was seen."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    expected: str
    seen: str

    @property
    def passed(self) -> bool:
        return self.expected == self.seen


@dataclass(slots=True)
class Criterion:
    """A claim and the checks that bear it out."""

    name: str
    checks: list[Check] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    async def check(self, name: str, expected: str, look: Awaitable[str]) -> None:
        """Look, and note what was seen. A look that breaks has failed; the others still count."""
        try:
            seen = await look
        except Exception as error:
            seen = f"{type(error).__name__}: {error}"
        self.checks.append(Check(name, expected, seen))


def outcome(answer: Mapping[str, object]) -> str:
    """`booked`, `replayed`, or the refusal's code."""
    if answer.get("success"):
        return "replayed" if answer.get("replayed") else "booked"
    return str(answer.get("error"))


async def outcome_of(answer: Awaitable[Mapping[str, object]]) -> str:
    return outcome(await answer)
