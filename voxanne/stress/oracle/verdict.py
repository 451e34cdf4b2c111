"""All rules, on one view of the database."""

from datetime import datetime
from uuid import UUID

import asyncpg

from voxanne.stress.oracle.acknowledged import (
    check_acknowledged,
    check_asked,
    check_keys,
    check_order,
)
from voxanne.stress.oracle.finding import Anomaly, Finding
from voxanne.stress.oracle.history import History, HistoryRules, read_histories
from voxanne.stress.oracle.journal import Journal
from voxanne.stress.oracle.ledger import Ledger
from voxanne.stress.oracle.overlaps import check_overlaps
from voxanne.stress.oracle.people import check_people
from voxanne.stress.oracle.refusals import check_refusals, check_strangers
from voxanne.stress.oracle.tables import check_tables
from voxanne.stress.oracle.tenants import check_tenants

OVERDUE_SECONDS = 60.0

# The database's own clock is the real one with an offset, where it is set.
NOW = """
SELECT clock_timestamp() + coalesce((SELECT clock_offset FROM clock), interval '0')
"""
OVERDUE = """
SELECT org_id, status || ': ' || kind || ' of ' || subject_id || ', version ' || version AS what
FROM deliveries
WHERE status IN ('queued', 'sending') AND due_at <= $1::timestamptz - make_interval(secs => $2)
"""


async def find_anomalies(
    connection: asyncpg.Connection, journal: Journal | None = None
) -> list[Anomaly]:
    """What is wrong, at most ANOMALIES_MAX of each rule; none when all is well.

    `connection`: the owner's, who sees all rows. Nothing is written.
    """
    findings = await judge(connection, journal)
    return [anomaly for finding in findings for anomaly in finding.anomalies]


async def judge(connection: asyncpg.Connection, journal: Journal | None = None) -> list[Finding]:
    """Each rule with what it looked at, in one transaction that sees one moment and writes nothing.

    With a journal what callers saw is compared with the database as well, and whatever was due is
    taken to have had its time.
    """
    if connection.is_in_transaction():
        return await _judge(connection, journal)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await _judge(connection, journal)


async def _judge(connection: asyncpg.Connection, journal: Journal | None) -> list[Finding]:
    now: datetime = await connection.fetchval(NOW)
    ledger = Ledger(journal) if journal is not None else None
    rules, histories = HistoryRules(), {}
    async for history in read_histories(connection):
        rules.take(history)
        if ledger is not None and history.row.org_id in ledger.organizations:
            histories[history.row.id] = history
    findings = [
        *await check_overlaps(connection, now),
        *rules.findings.values(),
        *await check_tables(connection),
        *await check_people(connection),
        *await check_tenants(connection),
    ]
    if ledger is not None:
        findings.append(await _check_overdue(connection, now))
        findings += await _check_callers(connection, ledger, histories)
    return findings


async def _check_callers(
    connection: asyncpg.Connection, ledger: Ledger, histories: dict[UUID, History]
) -> list[Finding]:
    return [
        *check_acknowledged(ledger, histories),
        *check_asked(ledger, histories),
        *check_keys(ledger, histories),
        check_order(ledger),
        *await check_refusals(connection, ledger, histories),
        check_strangers(ledger, histories),
    ]


async def _check_overdue(connection: asyncpg.Connection, now: datetime) -> Finding:
    finding = Finding(
        "delivery_overdue", await connection.fetchval("SELECT count(*) FROM deliveries")
    )
    async for row in connection.cursor(OVERDUE, now, OVERDUE_SECONDS):
        finding.add(row["org_id"], row["what"])
    return finding
