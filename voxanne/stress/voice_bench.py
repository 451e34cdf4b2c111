"""How many requests a second of a voice platform one API process holds: a ladder of rates, each
an open loop, until one is too much.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import psutil

from voxanne.postgres.organizations import create_key
from voxanne.stress.api_process import ApiProcess, put_calls, run_api
from voxanne.stress.diary_data import Diary, loaded_diary
from voxanne.stress.figure import ROUND_SECONDS, Figure, Progress
from voxanne.stress.voice_load import VoicePlan, VoiceResult
from voxanne.stress.voice_requests import REQUESTS_PER_CALL, STEP_SECONDS, STEPS_MAX, Clinics

CLINICS_MAX: Final = 100
APPOINTMENTS_PER_CLINIC: Final = 1_000
DAYS_AHEAD: Final = 14
RATES: Final = (100, 200, 300, 400, 500, 600, 700, 800, 1_000)
TARGET_PER_SECOND: Final = 500
P95_MS_MAX: Final = 200.0  # what a caller is promised
WARM_UP_SECONDS: Final = 2.0
CONNECTIONS: Final = 64
BUSY_SHARE_MAX: Final = 0.001


async def measure_voice(
    owner_url: str,
    superuser_url: str | None,
    appointments: int,
    seconds: float,
    progress: Progress,
) -> tuple[list[Figure], list[str]]:
    """The figures, and what was wrong."""
    clinics = max(1, min(CLINICS_MAX, appointments // APPOINTMENTS_PER_CLINIC))
    figures: list[Figure] = []
    refused: Counter[str] = Counter()
    held = 0
    async with (
        loaded_diary(
            *(owner_url, superuser_url, clinics, APPOINTMENTS_PER_CLINIC, progress),
            days_ahead=DAYS_AHEAD,
        ) as diary,
        run_api(diary.url) as api,
    ):
        stage = await _open_stage(diary, api)
        await stage.run(RATES[0], min(WARM_UP_SECONDS, seconds))
        for rate in RATES if seconds >= ROUND_SECONDS else RATES[:1]:
            result, shares = await stage.run(rate, seconds)
            refused += _refusals(result.outcomes)
            figures.append(_figure(rate, result, shares))
            progress(f"voice: {rate}/s: p95 {result.p95_ms:.0f} ms")
            if not is_held(result, seconds):
                break
            held = rate
    wrong = [f"voice: refused: {dict(refused)}"] if refused else []
    name = "voice requests a second that one API process holds"
    return [Figure(name, held, "/s", TARGET_PER_SECOND, at_least=True), *figures], wrong


@dataclass(slots=True)
class Stage:
    """`clinics` moves on, so that no call is made twice."""

    diary: Diary
    api: ApiProcess
    clinics: Clinics

    async def run(self, rate: int, seconds: float) -> tuple[VoiceResult, dict[str, object]]:
        """What came of it, and who used which share of a core."""
        before = _cpu_seconds(self.diary, self.api)
        result = await put_calls(
            VoicePlan(self.api.host, self.api.port, self.clinics, rate, seconds, CONNECTIONS)
        )
        after = _cpu_seconds(self.diary, self.api)
        made = STEPS_MAX * STEP_SECONDS + seconds
        calls = round(made * rate / REQUESTS_PER_CALL) + 1
        self.clinics = replace(self.clinics, first_call=self.clinics.first_call + calls)
        shares: dict[str, object] = {"generator_cpu": round(result.cpu_share, 2)}
        for who in after:
            used = sum(spent - before[who].get(pid, 0.0) for pid, spent in after[who].items())
            shares[f"{who}_cpu"] = round(used / result.seconds, 2)
            shares[f"{who}_cpu_ms_per_request"] = round(1000 * used / result.requests, 2)
        return result, shares


def is_held(result: VoiceResult, seconds: float) -> bool:
    """Whether everybody was answered, in time, and soon after the last one asked."""
    busy = sum(outcomes.get("BUSY", 0) for outcomes in result.outcomes.values())
    in_time = result.p95_ms <= P95_MS_MAX and result.seconds <= seconds + P95_MS_MAX / 1000
    return in_time and busy <= BUSY_SHARE_MAX * result.requests


async def _open_stage(diary: Diary, api: ApiProcess) -> Stage:
    rows = await diary.owner.fetch(
        "SELECT bench.id_of('clinic', number, 0) AS id FROM generate_series(1, $1) AS number",
        diary.clinics,
    )
    clinics = Clinics(
        keys=tuple([await create_key(diary.owner, row["id"], "agent") for row in rows]),
        appointments_per_clinic=diary.appointments_per_clinic,
        leads=diary.leads,
        first_day=diary.first_day,
        monday=diary.monday.isoformat(),
        first_call=0,
    )
    return Stage(diary, api, clinics)


def _refusals(outcomes: Mapping[str, Mapping[str, int]]) -> Counter[str]:
    """Slow is no failure; everything else that isn't a success is wrong."""
    refused: Counter[str] = Counter()
    for tool, counted in outcomes.items():
        for outcome, number in counted.items():
            if outcome not in ("SUCCESS", "BUSY"):
                refused[f"{tool} {outcome}"] += number
    return refused


def _figure(rate: float, result: VoiceResult, shares: dict[str, object]) -> Figure:
    detail: dict[str, object] = {
        "p50_ms": round(result.p50_ms, 1),
        "p99_ms": round(result.p99_ms, 1),
        "answered_per_second": round(result.requests / result.seconds),
        **shares,
        "p95_ms_of": result.p95_ms_of,
        "generator_behind_ms": round(result.behind_ms, 1),
    }
    target = P95_MS_MAX if rate <= TARGET_PER_SECOND else None
    return Figure(f"voice at {rate}/s, p95", result.p95_ms, "ms", target, detail=detail)


def _cpu_seconds(diary: Diary, api: ApiProcess) -> dict[str, dict[int, float]]:
    """By process: of the API, and of its database's sessions where that is on this machine."""
    name = diary.url.partition("?")[0].rpartition("/")[2]
    sessions = {
        process.pid: process.info["cpu_times"].user + process.info["cpu_times"].system
        for process in psutil.process_iter(["cmdline", "cpu_times"])
        if any(name in part for part in process.info["cmdline"] or ())
    }
    return {"api": {api.process.pid: api.cpu_seconds()}, "postgresql": sessions}
