"""How many tool calls one caller may make: a sliding window, in this process's memory."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

WINDOW_SECONDS: Final = 60.0
CALLERS_MAX: Final = 10_000


@dataclass(slots=True)
class CallRate:
    """At most `calls_max` in any WINDOW_SECONDS for each caller; 0 is no limit.

    Of more than CALLERS_MAX callers the ones heard of longest ago are forgotten.
    """

    calls_max: int
    _times: OrderedDict[Hashable, deque[float]] = field(default_factory=OrderedDict)

    def allows(self, caller: Hashable, now: float) -> bool:
        """Counts the call at `now` (seconds, of a clock that only goes on) if it may be made."""
        if self.calls_max == 0:
            return True
        times = self._times.setdefault(caller, deque(maxlen=self.calls_max))
        self._times.move_to_end(caller)
        if len(self._times) > CALLERS_MAX:
            self._times.popitem(last=False)
        if len(times) == self.calls_max and now - times[0] < WINDOW_SECONDS:
            return False
        times.append(now)
        return True
