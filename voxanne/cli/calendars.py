"""`calendar`: practitioners' calendars."""

from voxanne.cli.root import cli


@cli.group()
def calendar() -> None:
    """Practitioners' calendars: connect them, and feeds to read them by."""
