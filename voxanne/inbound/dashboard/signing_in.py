"""Signing in and out, by password or one-time link, and one's own account."""

from starlette.routing import Route

from voxanne.inbound.dashboard.guard import Guard


def routes(guard: Guard) -> list[Route]:
    """`/`, `/sign-in`, `/sign-out`, `/account`."""
    del guard
    return []
