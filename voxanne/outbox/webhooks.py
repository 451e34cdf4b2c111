"""What those who manage webhooks and those who send to them both know: the names of events, ids and
secrets of the Standard Webhooks scheme; and the chores that make messages of events.

Types are a contract: none changes its name, new ones may be added; `docs/reference/webhooks.md` has
them all.
"""

import base64
import secrets
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from voxanne.booking.functions import Database
from voxanne.outbox.chores import Chore, in_batches

SIGNING_BYTES: Final = 24

# Kind in the event log → type in a webhook's message.
EVENT_TYPES: Final[Mapping[str, str]] = {
    "booked": "appointment.booked",
    "moved": "appointment.moved",
    "cancelled": "appointment.cancelled",
    "confirmed": "appointment.confirmed",
    "completed": "appointment.completed",
    "no_show": "appointment.no_show",
    "patient_confirmed": "appointment.patient_confirmed",
    "held": "hold.placed",
    "released": "hold.released",
    "waitlist_joined": "waitlist.joined",
    "waitlist_offered": "waitlist.offered",
    "lead_changed": "lead.changed",
    "lead_merged": "lead.merged",
    "lead_split": "lead.split",
    "lead_change_undone": "lead.change_undone",
    "note_added": "note.added",
    "person_erased": "person.erased",
    "call_ended": "call.ended",
    "call_reported": "call.reported",
    "message_taken": "message.taken",
    "text_received": "text.received",
    "alert_raised": "alert.raised",
    "delivery_sent": "delivery.sent",
    "delivery_delivered": "delivery.delivered",
    "delivery_failed": "delivery.failed",
    "configured": "clinic.configured",
    "webhook_pinged": "ping",
}
# Asked for, not subscribed to.
PING: Final = "webhook_pinged"
SUBSCRIBABLE: Final[Mapping[str, str]] = {
    type_: kind for kind, type_ in EVENT_TYPES.items() if kind != PING
}


def event_type(kind: str) -> str:
    """An event's type. One that a newer release's function has written has its kind for a type."""
    return EVENT_TYPES.get(kind, kind)


def new_secret() -> str:
    """A signing secret as the scheme writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SIGNING_BYTES)).decode()


def message_id(subject: UUID) -> str:
    """The id receivers see, of a delivery's subject."""
    return f"msg_{subject.hex}"


def webhook_chores(database: Database) -> list[Chore]:
    return [
        Chore("webhooks", 1.0, lambda: queue_messages(database)),
        Chore("webhook retention", 600.0, lambda: sweep_messages(database)),
    ]


async def queue_messages(database: Database) -> int:
    """Returns how many events were read. Raises what the database raises."""
    return await in_batches(database, "organizations_with_unread_events", "queue_webhook_messages")


async def sweep_messages(database: Database) -> int:
    """Returns how many messages were deleted. Raises what the database raises."""
    return await in_batches(
        database, "organizations_with_old_webhook_messages", "sweep_webhook_messages"
    )
