"""What was promised in calls that are over, compared with the diary, and written down.

Any number of processes may run it: a claim is leased, and of two who check a call one writes.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from voxanne.booking import functions
from voxanne.outbox.chores import find_organizations, take_turns, until_done
from voxanne.promises.check import Ledger, Promise, Said, Verdict, check_call, read_ledger

PROMISES_EVERY_SECONDS: Final = 5.0
LINKS_EVERY_SECONDS: Final = 30.0

# Reads a call that the rules couldn't; None where it can't either.
Ask = Callable[[Said, Ledger, Verdict], Awaitable[Verdict | None]]

log = structlog.get_logger("voxanne.promises")


def _uncounted(_promise: Promise) -> None:
    pass


@dataclass(frozen=True, slots=True)
class PromiseCheck:
    """A chore's work. `count` is told each call's result."""

    database: functions.Database
    count: Callable[[Promise], None] = _uncounted
    ask: Ask | None = None

    async def run(self) -> int:
        """One round. Returns how many calls it checked. Raises as `take_turns` does."""

        async def turn(organization: UUID) -> int:
            return await until_done(partial(self.check_organization, organization))

        waiting = await find_organizations(self.database, "organizations_with_calls_to_check")
        return await take_turns("promises", waiting, turn)

    async def check_organization(self, organization: UUID) -> int:
        """Returns how many calls it was given. Raises what the database raises."""
        taken = await functions.call(self.database, "calls_to_check", {"p_org_id": organization})
        zone = _zone(taken.get("timezone"))
        for call in taken.get("calls", ()):
            await self._check(organization, call, zone)
        return len(taken.get("calls", ()))

    async def _check(self, organization: UUID, call: Mapping[str, Any], zone: ZoneInfo) -> None:
        said = Said(
            call["transcript"] or "",
            datetime.fromisoformat(call["started_at"]).astimezone(zone),
            call["transcript_cut"],
            call["structured"],
        )
        verdict = await self._verdict(call["call_id"], said, read_ledger(call["ledger"], zone))
        written = await self.database.fetch_value(
            "SELECT finish_promise_check($1, $2, $3, $4, $5)",
            organization,
            call["call_id"],
            datetime.fromisoformat(call["reported_at"]),
            verdict.promise,
            json.dumps([finding.as_row() for finding in verdict.findings]),
        )
        if written:
            self.count(verdict.promise)

    async def _verdict(self, call_id: str, said: Said, ledger: Ledger) -> Verdict:
        try:
            # A transcript of hours takes the rules a second.
            verdict = await asyncio.to_thread(check_call, said, ledger)
            if verdict.promise == "unclear" and self.ask is not None:
                return await self.ask(said, ledger, verdict) or verdict
        except Exception as error:
            # A bug must not be met again each round, by every other call behind this one.
            log.error("promise not checked", call_id=call_id, bug=type(error).__name__)
            return Verdict("unclear")
        return verdict


async def link_calls(database: functions.Database) -> int:
    """Calls of nobody become those of whoever appeared since. Returns how many. Raises as
    `take_turns` does.
    """

    async def link(organization: UUID) -> int:
        return int(str(await database.fetch_value("SELECT link_calls($1)", organization)))

    waiting = await find_organizations(database, "organizations_with_calls_to_link")
    return await take_turns("call links", waiting, link)


def _zone(name: object) -> ZoneInfo:
    """PostgreSQL takes some zones that aren't IANA's."""
    return ZoneInfo(str(name) if name in functions.available_zones() else "UTC")
