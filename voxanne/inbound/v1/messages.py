"""What callers left for the front desk, and what staff had to hear of at once."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Query

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.pages import BY_CREATION, LIMIT_DEFAULT, Cursor, Limit, Listing, Page
from voxanne.inbound.v1.problems import problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import ID_EXAMPLE, Id, Sent, Shown, examples

Status = Literal["new", "done"]
routes = router("messages")


class MessageChange(Sent):
    model_config = examples({"status": "done"})

    status: Status


class Message(Shown):
    model_config = examples(
        {
            "id": ID_EXAMPLE,
            "caller_phone": "+447700900123",
            "callback_phone": None,
            "name": "Maya Okafor",
            "body": "Please call back about the referral.",
            "urgency": "normal",
            "status": "new",
            "call_id": "call-7731",
            "created_at": "2027-05-20T09:30:00Z",
        }
    )

    id: UUID
    caller_phone: str | None
    callback_phone: str | None
    name: str | None
    body: str
    urgency: Literal["low", "normal", "high", "emergency"]
    status: Status
    call_id: str | None
    created_at: datetime


class Alert(Shown):
    """Ids and a kind, never a patient's details."""

    model_config = examples(
        {
            "id": ID_EXAMPLE,
            "kind": "emergency",
            "call_id": "call-7731",
            "message_id": None,
            "appointment_id": None,
            "created_at": "2027-05-20T09:30:00Z",
            "seen_at": None,
        }
    )

    id: UUID
    kind: str
    call_id: str | None
    message_id: UUID | None
    appointment_id: UUID | None
    created_at: datetime
    seen_at: datetime | None


_MESSAGES: Final = Listing("list_messages", Message, BY_CREATION)
_ALERTS: Final = Listing("list_alerts", Alert, BY_CREATION)


@routes.get(
    "/v1/messages",
    response_model=Page[Message],
    summary="List the messages callers left",
    responses=problems(cursor=True),
)
async def list_messages(
    caller: CallerHere,
    status: Annotated[Status | None, Query()] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest first."""
    return await _MESSAGES.page(caller, cursor, limit, status=status)


@routes.patch(
    "/v1/messages/{message_id}",
    summary="Say that a message is dealt with",
    responses=problems(Outcome.NOT_FOUND, body=True),
)
async def mark(message_id: Id, body: MessageChange, caller: CallerHere) -> Message:
    answer = await caller.call("mark_message", message_id=message_id, status=body.status)
    return Message.model_validate(answer["message"])


@routes.get(
    "/v1/alerts",
    response_model=Page[Alert],
    summary="List the alerts",
    responses=problems(cursor=True),
)
async def list_alerts(
    caller: CallerHere,
    seen: Annotated[
        bool | None, Query(description="false: those nobody has seen; true: the others.")
    ] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest first."""
    return await _ALERTS.page(caller, cursor, limit, seen=seen)


@routes.post(
    "/v1/alerts/{alert_id}/seen",
    summary="Say that an alert was seen",
    responses=problems(Outcome.NOT_FOUND),
)
async def see(alert_id: Id, caller: CallerHere) -> Alert:
    """Seen twice, the first time stays."""
    answer = await caller.call("mark_alert_seen", alert_id=alert_id)
    return Alert.model_validate(answer["alert"])
