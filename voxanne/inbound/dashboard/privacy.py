"""A person's data out, or gone; and who saw and changed what."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
