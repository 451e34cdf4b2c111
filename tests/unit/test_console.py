"""What is printed where nothing is sent."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from voxanne.deliveries.console import ConsoleSender, Message
from voxanne.outbox.types import Delivery, Result, Sent, Voided

DELIVERY = Delivery(
    channel="sms",
    organization_id=UUID(int=1),
    subject_id=UUID(int=2),
    kind="sms_confirmation",
    version=1,
    attempt=1,
    tries=1,
    uncertain=True,
    stale=False,
    created_at=datetime(2027, 6, 7, tzinfo=UTC),
    lapses_at=None,
    external_id=None,
    organization={},
    details={},
)


@pytest.mark.parametrize(
    ("segments", "shown"), [(None, "──╯"), (1, "1 segment ─╯"), (2, "2 segments ─╯")]
)
async def test_a_message_is_printed_in_a_border(
    capsys: pytest.CaptureFixture[str], segments: int | None, shown: str
) -> None:
    """As it is, whatever looks like markup."""
    body = "You're booked [for] Monday.\nReply C to confirm: http://127.0.0.1/a/x_y-z"
    sender = ConsoleSender(lambda _: Message("+447700900123", body, segments))
    assert await sender.look_up(DELIVERY) is None
    assert isinstance(await sender.send(DELIVERY), Sent)
    printed = capsys.readouterr().out
    first, *lines, last = printed.splitlines()
    assert "sms_confirmation to +447700900123" in first
    assert [line.strip("│ ") for line in lines] == body.splitlines()
    assert last.endswith(shown)
    assert {len(line) for line in printed.splitlines()} == {80}


async def test_what_there_is_no_message_for_is_not_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nothing: Result = Voided("opted_out", "They want none.")
    assert await ConsoleSender(lambda _: nothing).send(DELIVERY) == nothing
    assert capsys.readouterr().out == ""
