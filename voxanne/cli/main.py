"""The program: importing a group of commands registers it on `cli`."""

from voxanne.cli import (
    caldav,
    calendar_feeds,
    calendars,
    calling,
    configuring,
    database,
    delivering,
    importing,
    proof,
    serving,
    tenants,
    vapi,
    working,
)
from voxanne.cli.root import cli

__all__ = [
    "caldav",
    "calendar_feeds",
    "calendars",
    "calling",
    "cli",
    "configuring",
    "database",
    "delivering",
    "importing",
    "main",
    "proof",
    "serving",
    "tenants",
    "vapi",
    "working",
]


def main() -> None:
    cli()
