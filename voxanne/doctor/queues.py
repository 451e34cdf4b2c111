"""Checks of what waits: deliveries that are due, those given up, and alerts nobody has seen."""

import json
from typing import Final

from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, counted, failed, named, ok, warn

AGE_SECONDS_WARN: Final = 60
AGE_SECONDS_MAX: Final = 300
_GIVEN_UP: Final = """
SELECT count(*) FILTER (WHERE status = 'failed') AS failed,
  count(*) FILTER (WHERE status = 'queued') AS parked
FROM deliveries
WHERE (status = 'failed' AND updated_at > current_moment() - interval '24 hours')
  OR (status = 'queued' AND due_at = 'infinity')
"""
_UNSEEN: Final = """
SELECT kind, count(*) AS number, count(DISTINCT org_id) AS clinics
FROM alerts WHERE seen_at IS NULL GROUP BY kind
"""


async def check_queue(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        ages = json.loads(await connection.fetchval("SELECT delivery_queue_ages()"))
        stuck = await connection.fetchrow(_GIVEN_UP)
    late = {channel: float(age) for channel, age in ages.items() if float(age) > AGE_SECONDS_WARN}
    if late:
        told = f"due for {max(late.values()):,.0f} s: {named(late)}"
        fix = "start `voxanne worker`, or another one; its log tells what takes so long"
        return failed(told, fix) if max(late.values()) > AGE_SECONDS_MAX else warn(told, fix)
    if stuck is not None and (stuck["failed"] or stuck["parked"]):
        return warn(
            f"{stuck['failed']} given up since yesterday, {stuck['parked']} wait for staff",
            "voxanne delivery list CLINIC, then voxanne delivery retry",
        )
    return ok("nothing is late")


async def check_alerts(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        rows = await connection.fetch(_UNSEEN)
    if rows:
        number = sum(row["number"] for row in rows)
        kinds = [f"{row['kind']} ({row['number']})" for row in rows]
        return warn(
            f"{counted(number, 'alert')} not seen by staff: {named(kinds)}",
            "staff look at them in the dashboard, under Delivery, and mark them as seen",
        )
    return ok("staff have seen every alert")
