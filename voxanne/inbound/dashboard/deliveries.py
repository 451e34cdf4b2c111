"""What goes out: messages and calendar entries, alerts, and messages callers left."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
