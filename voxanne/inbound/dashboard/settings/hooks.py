"""Webhooks, and where staff are told of alerts."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
