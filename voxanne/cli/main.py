"""The program: importing a group of commands registers it on `cli`."""

from voxanne.cli import (
    calendar_feeds,
    calendars,
    calling,
    configuring,
    database,
    importing,
    proof,
    serving,
    tenants,
    vapi,
)
from voxanne.cli.root import cli

__all__ = [
    "calendar_feeds",
    "calendars",
    "calling",
    "cli",
    "configuring",
    "database",
    "importing",
    "main",
    "proof",
    "serving",
    "tenants",
    "vapi",
]


def main() -> None:
    cli()
