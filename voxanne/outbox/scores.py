"""The chore that keeps the leads' scores: never in a booking's way, within seconds of it."""

from voxanne.booking.functions import Database
from voxanne.outbox.chores import Chore, in_batches

EVERY_SECONDS = 3.0


def score_chores(database: Database) -> list[Chore]:
    return [Chore("scores", EVERY_SECONDS, lambda: score_leads(database))]


async def score_leads(database: Database) -> int:
    """Returns how many events were read and leads scored. Raises what the database raises."""
    return await in_batches(database, "organizations_with_unscored_leads", "score_changed_leads")
