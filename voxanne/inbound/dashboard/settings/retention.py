"""How long what patients said is kept."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
