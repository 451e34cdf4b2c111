"""Prints what would be sent, where nothing is sent: in development, without any account."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from voxanne.outbox.types import Delivery, Result, Sent

COLUMNS: Final = 80
COLUMNS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Message:
    """As its receiver would see it. `segments`: parts a carrier would charge for, if it does."""

    to: str
    body: str
    segments: int | None = None


@dataclass(frozen=True, slots=True)
class ConsoleSender:
    """Prints instead of sending. `write` makes the message, or says why there is none.

    Patients' names and numbers go to the terminal: not for production.
    """

    write: Callable[[Delivery], Message | Result]

    async def send(self, delivery: Delivery) -> Result:
        message = self.write(delivery)
        if not isinstance(message, Message):
            return message
        print_message(delivery.kind, message)
        return Sent("printed")

    async def look_up(self, delivery: Delivery) -> Result | None:
        """To print it twice does no harm."""
        return None


def print_message(kind: str, message: Message) -> None:
    screen = Console(highlight=False)
    width = shutil.get_terminal_size().columns if screen.is_terminal else COLUMNS
    parts = {None: None, 1: "1 segment"}.get(message.segments, f"{message.segments} segments")
    panel = Panel(
        Text(message.body),
        title=Text(f"{kind} to {message.to}"),
        title_align="left",
        subtitle=parts,
        subtitle_align="right",
    )
    screen.print(panel, width=min(width, COLUMNS_MAX))
