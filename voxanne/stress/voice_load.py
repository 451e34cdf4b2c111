"""The load generator of phone calls: open loop, in a process of its own.

`python -m voxanne.stress.voice_load` reads one plan as JSON from standard input and prints one
result. Requests leave by the clock whoever is still waiting, and a caller's wait begins when the
request was due: a server that is behind can't slow its callers down.
"""

import asyncio
import json
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass

from voxanne.stress.load import Connection, Load, Plan, new_loop, percentile
from voxanne.stress.vapi_body import tool_of
from voxanne.stress.voice_requests import Calls, Clinics


@dataclass(frozen=True, slots=True)
class VoicePlan:
    """`requests_per_second` for `seconds`, over so many `connections` at most."""

    host: str
    port: int
    clinics: Clinics
    requests_per_second: float
    seconds: float
    connections: int


@dataclass(frozen=True, slots=True)
class VoiceResult:
    """`outcomes` and `p95_ms_of` by tool. `seconds`: until the last answer. `behind_ms`: how late
    the generator itself sent its latest request; `cpu_share`: of one core, used by it.
    """

    requests: int
    seconds: float
    outcomes: dict[str, dict[str, int]]
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p95_ms_of: dict[str, float]
    behind_ms: float
    cpu_share: float


class VoiceLoad(Load):
    def __init__(self, plan: VoicePlan) -> None:
        super().__init__(
            Plan(
                host=plan.host,
                port=plan.port,
                keys=plan.clinics.keys,
                first_day=plan.clinics.monday,
                days=1,
                first_request=0,
                connections=plan.connections,
                seconds=plan.seconds,
                rate=plan.requests_per_second,
            )
        )
        self._calls = Calls(f"{plan.host}:{plan.port}", plan.clinics, plan.requests_per_second)
        self._behind = 0.0
        self._of_tool: dict[str, list[float]] = defaultdict(list)
        self._outcomes_of: dict[str, Counter[str]] = defaultdict(Counter)

    async def send_by_the_clock(self, _rate: float, started: float) -> None:
        for due, request in self._calls:
            await asyncio.sleep(started + due - time.perf_counter())
            if not self._may_send():
                return
            self._behind = max(self._behind, time.perf_counter() - started - due)
            self._sent += 1
            self._waiting.append((request, started + due))
            if self._idle:
                self._idle.pop().send(*self._waiting.popleft())

    def answered(
        self, connection: Connection, request: bytes, outcome: str, seconds: float
    ) -> None:
        tool = tool_of(request)
        self._of_tool[tool].append(seconds)
        self._outcomes_of[tool]["SUCCESS" if outcome in ("booked", "replayed") else outcome] += 1
        super().answered(connection, request, outcome, seconds)

    def voice_result(self, seconds: float, cpu_share: float) -> VoiceResult:
        every = sorted(self._latencies)
        return VoiceResult(
            requests=self._sent,
            seconds=seconds,
            outcomes={tool: dict(counted) for tool, counted in self._outcomes_of.items()},
            p50_ms=percentile(every, 50) * 1000,
            p95_ms=percentile(every, 95) * 1000,
            p99_ms=percentile(every, 99) * 1000,
            p95_ms_of={
                tool: round(percentile(sorted(took), 95) * 1000, 1)
                for tool, took in self._of_tool.items()
            },
            behind_ms=self._behind * 1000,
            cpu_share=cpu_share,
        )


async def _run(plan: VoicePlan) -> VoiceResult:
    load = VoiceLoad(plan)
    result = await load.run()
    return load.voice_result(result.seconds, result.cpu_share)


def main() -> None:
    plan = json.load(sys.stdin)
    clinics = Clinics(**{**plan["clinics"], "keys": tuple(plan["clinics"]["keys"])})
    with asyncio.Runner(loop_factory=new_loop) as runner:
        result = runner.run(_run(VoicePlan(**{**plan, "clinics": clinics})))
    sys.stdout.write(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
