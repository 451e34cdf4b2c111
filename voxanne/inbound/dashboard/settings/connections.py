"""Calendars of practitioners: connect, see how they are, disconnect."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
