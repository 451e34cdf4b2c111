"""What makes a lead hot, warm or cold."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
