"""What happens, as it happens: server-sent events of ids and days."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
