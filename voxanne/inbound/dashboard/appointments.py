"""One appointment: its panel, and everything that is done with it."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
