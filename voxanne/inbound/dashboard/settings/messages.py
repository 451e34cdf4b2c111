"""Text messages and e-mail: the account, the clinic's own words, a preview."""

from typing import Final

from voxanne.inbound.dashboard.guard import Page

PAGES: Final[list[Page]] = []
