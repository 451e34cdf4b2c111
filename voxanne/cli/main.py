"""The program: importing a group of commands registers it on `cli`."""

from voxanne.cli import (
    alerts,
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
    texting,
    vapi,
    webhooks,
    working,
)
from voxanne.cli.root import cli

__all__ = [
    "alerts",
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
    "texting",
    "vapi",
    "webhooks",
    "working",
]


def main() -> None:
    cli()
