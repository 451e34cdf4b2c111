"""The clinic: name, rules, hours, exceptions, practitioners, rooms, services."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
