"""`alert`: where a clinic's staff are told what can't wait."""

import sys
from collections.abc import Callable
from uuid import UUID

import asyncpg
import click
from cryptography.fernet import InvalidToken

from voxanne.cli.root import cli, load_settings, on_organization, print_rows, run, say
from voxanne.deliveries.alerts import AlertSender
from voxanne.deployment import load_fernet
from voxanne.outbox.alert_urls import (
    ALERT_URLS_MAX,
    masked,
    open_urls,
    seal_urls,
    wrong_with_alert_url,
)
from voxanne.outbox.types import Delivered
from voxanne.postgres.organizations import OrganizationError


@cli.group()
def alert() -> None:
    """Staff alerts: mail, chat or a pager for what can't wait."""


@alert.command()
@click.argument("organization", metavar="ORG")
@click.argument("url", metavar="URL")
def add(organization: str, url: str) -> None:
    """Tell the staff of ORG (id or name) at an apprise URL too; - reads it from standard input.

    \b
    Examples:
      voxanne alert add "Harbor Dental" 'mailtos://user:password@mail.example?to=desk@clinic.example'
      printf %s "$URL" | voxanne alert add "Harbor Dental" -
    """
    settings = load_settings()
    said = sys.stdin.readline().strip() if url == "-" else url
    wrong = wrong_with_alert_url(said, private_addresses=settings.webhook_private_addresses)
    if wrong is not None:
        raise click.UsageError(wrong)

    def more(urls: list[str]) -> list[str]:
        if len(urls) >= ALERT_URLS_MAX:
            raise OrganizationError(f"A clinic has {ALERT_URLS_MAX} addresses at most.")
        return [*urls, said] if said not in urls else urls

    _change(organization, more)
    say("Try it: voxanne alert test")


@alert.command("list")
@click.argument("organization", metavar="ORG")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def list_(organization: str, as_json: bool) -> None:
    """List where the staff of ORG are told, without what is secret.

    \b
    Example:  voxanne alert list "Harbor Dental"
    """
    urls = _change(organization, lambda urls: urls)
    rows: list[dict[str, object]] = [
        {"number": number, "url": masked(url)} for number, url in enumerate(urls, 1)
    ]
    print_rows(rows, as_json=as_json)


@alert.command()
@click.argument("organization", metavar="ORG")
@click.argument("number", type=click.IntRange(1, ALERT_URLS_MAX))
def remove(organization: str, number: int) -> None:
    """Don't tell the staff of ORG there any more. NUMBER is as `alert list` shows it.

    \b
    Example:  voxanne alert remove "Harbor Dental" 1
    """

    def fewer(urls: list[str]) -> list[str]:
        if number > len(urls):
            raise OrganizationError(f"There is no number {number}; see `voxanne alert list`.")
        return urls[: number - 1] + urls[number:]

    _change(organization, fewer)
    say("The address is removed.")


@alert.command()
@click.argument("organization", metavar="ORG")
def test(organization: str) -> None:
    """Tell the staff of ORG at each address now, and say where it didn't work.

    \b
    Example:  voxanne alert test "Harbor Dental"
    """
    settings = load_settings()
    urls = _change(organization, lambda urls: urls)
    if not urls:
        raise OrganizationError("There is no address yet; see `voxanne alert add --help`.")
    sender = AlertSender(
        load_fernet(settings), settings.public_url, settings.webhook_private_addresses
    )
    reached = 0
    for number, url in enumerate(urls, 1):
        result = run(sender.tell([url], "Voxanne", "This is a test: staff are told here."))
        if isinstance(result, Delivered):
            reached += 1
        say(f"{number}  {masked(url)}  {getattr(result, 'error', 'told')}")
    if reached < len(urls):
        raise OrganizationError(f"Staff were told at {reached} of {len(urls)} addresses.")


def _change(organization: str, change: Callable[[list[str]], list[str]]) -> list[str]:
    """The addresses, as `change` makes them. Raises OrganizationError."""
    fernet = load_fernet(load_settings())

    async def work(connection: asyncpg.Connection, found: UUID) -> list[str]:
        async with connection.transaction():
            sealed = await connection.fetchval(
                "SELECT alert_urls FROM organizations WHERE id = $1 FOR UPDATE", found
            )
            try:
                urls = open_urls(fernet, sealed)
            except InvalidToken:
                raise OrganizationError(
                    "The addresses were encrypted with a key that VOXANNE_ENCRYPTION_KEYS lacks."
                ) from None
            changed = change(urls)
            await connection.execute(
                "UPDATE organizations SET alert_urls = $2 WHERE id = $1",
                found,
                seal_urls(fernet, changed),
            )
            return changed

    return on_organization(organization, work)
