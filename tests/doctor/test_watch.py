"""Watching after a deploy: what is told, and how it ends."""

import pytest

from tests.integration.clinics import settings_for
from voxanne.doctor import CHECKS, Examination, Finding, Report, Result, State
from voxanne.doctor import rounds as rounds_module
from voxanne.doctor.rounds import Check
from voxanne.doctor.watching import Pace, watch

QUICK = Pace(pause_seconds=0.05, again_seconds=0.01)


class Told:
    """What a watch tells, and how often its checks were made."""

    def __init__(self) -> None:
        self.results: list[tuple[str, State]] = []
        self.reports: list[Report] = []
        self.looks: dict[str, int] = {}

    def tell(self, result: Result) -> None:
        self.results.append((result.name, result.finding.state))

    def check(self, name: str, *states: State, asks_vendors: bool = False) -> None:
        """Finds these one after the other, and the last for ever."""

        async def find(_: object) -> Finding:
            look = self.looks.get(name, 0)
            self.looks[name] = look + 1
            return Finding(states[min(look, len(states) - 1)], "said")

        self.checks[name] = Check(find, needs_database=False, asks_vendors=asks_vendors)

    checks: dict[str, Check]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    told.checks = {}
    for name in ("queue", "disk", "mail"):
        told.check(name, State.OK)
        monkeypatch.setitem(CHECKS, name, told.checks[name])
    return told


def replace_check(monkeypatch: pytest.MonkeyPatch, told: Told, name: str, *states: State) -> None:
    told.check(name, *states)
    monkeypatch.setitem(rounds_module.CHECKS, name, told.checks[name])


async def run(told: Told, seconds: float) -> Report:
    names = ("queue", "disk", "mail")
    scene = Examination(settings_for("postgresql://127.0.0.1:1/none"), None)
    return await watch(scene, names, seconds, told.tell, told.reports.append, QUICK)


async def test_a_good_deploy_is_watched_to_the_end(told: Told) -> None:
    report = await run(told, 0.4)
    assert report.ready
    assert told.looks["queue"] >= 3
    assert sorted(told.results) == sorted((name, State.OK) for name in ("queue", "disk", "mail"))


async def test_a_failure_that_stays_ends_it(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_check(monkeypatch, told, "queue", State.OK, State.FAILED)
    report = await run(told, 60)
    assert report.failed == ["queue"]
    assert told.looks["queue"] == 3
    assert told.results[-1] == ("queue", State.FAILED)


async def test_one_that_passes_is_told_and_doesnt_end_it(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_check(monkeypatch, told, "queue", State.OK, State.FAILED, State.OK)
    report = await run(told, 0.4)
    assert report.ready
    states = [state for name, state in told.results if name == "queue"]
    assert states == [State.OK, State.FAILED, State.OK]


async def test_vendors_are_asked_first_and_last(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.check("mail", State.OK, asks_vendors=True)
    monkeypatch.setitem(CHECKS, "mail", told.checks["mail"])
    report = await run(told, 0.4)
    assert told.looks["mail"] == 2 < told.looks["queue"]
    assert {result.name for result in report.results} == {"queue", "disk", "mail"}
