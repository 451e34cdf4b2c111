"""What was said is kept as long as each clinic chose: the chores that see to it."""

from typing import Final

from voxanne.booking.functions import Database
from voxanne.outbox.chores import Chore, in_batches

EVERY_SECONDS: Final = 600.0


def retention_chores(database: Database) -> list[Chore]:
    return [
        Chore("retention", EVERY_SECONDS, lambda: sweep_records(database)),
        Chore("people's retention", EVERY_SECONDS, lambda: sweep_people(database)),
    ]


async def sweep_records(database: Database) -> int:
    """Returns how many rows it dealt with. Raises what the database raises."""
    return await in_batches(database, "organizations_with_old_records", "sweep_old_records")


async def sweep_people(database: Database) -> int:
    """Returns how many people were erased. Raises what the database raises."""
    return await in_batches(database, "organizations_with_idle_people", "sweep_idle_people")
