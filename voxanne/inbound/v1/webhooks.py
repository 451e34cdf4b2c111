"""The clinic's own systems: what they are told of, where, and whether it got there; and where staff
are told of alerts.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AfterValidator, Field, model_validator

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.headers import (
    IdempotencyKey,
    IfMatch,
    note_replay,
    repeatable,
    set_version,
    wanted_version,
)
from voxanne.inbound.v1.pages import LIMIT_DEFAULT, Cursor, Limit, Listing, Page
from voxanne.inbound.v1.problems import RefusedError, problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import (
    ID_EXAMPLE,
    Id,
    Moment,
    Sent,
    Shown,
    Text,
    Versioned,
    examples,
)
from voxanne.inbound.v1.security import Caller, given
from voxanne.outbox.alert_urls import ALERT_URLS_MAX, seal_urls, wrong_with_alert_url
from voxanne.outbox.destinations import URL_CHARACTERS_MAX, wrong_with_url
from voxanne.outbox.types import Status
from voxanne.outbox.webhooks import SUBSCRIBABLE, event_type, message_id, new_secret

_URL: Final = "https://clinic.example/hooks/voxanne"
_WEBHOOK: Final[dict[str, Any]] = {
    "id": ID_EXAMPLE,
    "url": _URL,
    "types": ["appointment.booked", "appointment.cancelled"],
    "status": "active",
    "failing_since": None,
    "old_secret_until": None,
    "version": 1,
    "created_at": "2027-05-20T09:30:00Z",
    "updated_at": "2027-05-20T09:30:00Z",
}
_SECRET: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 (an example)

routes = router("webhooks")


def _known(type_: str) -> str:
    if type_ not in SUBSCRIBABLE:
        raise ValueError("There is no such type of event.")
    return type_


Url = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=URL_CHARACTERS_MAX,
        description="https, at a public address, without a user name; no redirect is followed.",
        examples=[_URL],
    ),
]
EventType = Annotated[
    Text,
    AfterValidator(_known),
    Field(json_schema_extra={"enum": sorted(SUBSCRIBABLE)}, examples=["appointment.booked"]),
]
Types = Annotated[
    list[EventType],
    Field(max_length=100, description="Types of events to be told of; none: of all."),
]


class NewWebhook(Sent):
    model_config = examples({"url": _URL, "types": ["appointment.booked", "appointment.cancelled"]})

    url: Url
    types: Types = Field(default_factory=list)


class WebhookChanges(Versioned):
    """What changes. `active` turns one on again: it gets what it missed."""

    model_config = examples({"status": "active"}, {"types": [], "version": 1})

    url: Url | None = None
    types: Types | None = None
    status: Literal["active", "disabled"] | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "WebhookChanges":
        if self.url is None and self.types is None and self.status is None:
            raise ValueError("Nothing in it changes the webhook.")
        return self


class ReplayFrom(Sent):
    """Where to begin: a moment, or an event's id. Not more than 30 days back."""

    model_config = examples({"from": "2027-05-20T00:00:00Z"}, {"from_event": "48211-90177"})

    moment: Moment | None = Field(None, alias="from")
    event: str | None = Field(
        None, alias="from_event", pattern="^[0-9]{1,19}-[0-9]{1,18}$", examples=["48211-90177"]
    )

    @model_validator(mode="after")
    def _begins_somewhere(self) -> "ReplayFrom":
        if (self.moment is None) == (self.event is None):
            raise ValueError("It names from or from_event.")
        return self


class AlertUrls(Sent):
    """Apprise's URLs, at which staff are told of alerts. They are never shown again."""

    model_config = examples({"urls": ["mailtos://user:password@mail.example?to=desk@mail.example"]})

    urls: list[Annotated[Text, Field(min_length=1, max_length=URL_CHARACTERS_MAX)]] = Field(
        max_length=ALERT_URLS_MAX, description="None: staff aren't told."
    )


class Webhook(Shown):
    model_config = examples(_WEBHOOK)

    id: UUID
    url: str
    types: list[str] = Field(description="None: all.")
    status: Literal["active", "disabled"] = Field(
        description="disabled: by staff, by the receiver (410), or as nothing got there for days."
    )
    failing_since: datetime | None = Field(description="No message got there since.")
    old_secret_until: datetime | None = Field(
        description="Until then messages are signed with the secret before this one too."
    )
    version: int
    created_at: datetime
    updated_at: datetime

    @model_validator(mode="before")
    @classmethod
    def _name_types(cls, row: Any) -> Any:
        if isinstance(row, dict) and "kinds" in row:
            return {**row, "types": [event_type(kind) for kind in row["kinds"]]}
        return row


class WebhookWithSecret(Webhook):
    model_config = examples({**_WEBHOOK, "secret": _SECRET})

    secret: str = Field(description="What the signatures are made with. It is shown only now.")


class Webhooks(Shown):
    items: list[Webhook]


class Message(Shown):
    model_config = examples(
        {
            "id": f"msg_{UUID(ID_EXAMPLE).hex}",
            "type": "appointment.booked",
            "event_id": "48211-90177",
            "status": "queued",
            "attempts": 2,
            "error_code": "http_500",
            "error": "The receiver answered with status 500.",
            "next_try_at": "2027-05-20T09:30:20Z",
            "created_at": "2027-05-20T09:30:00Z",
            "updated_at": "2027-05-20T09:30:10Z",
        }
    )

    id: str = Field(description="The header webhook-id.")
    type: str
    event_id: str
    status: Status
    attempts: int
    error_code: str | None
    error: str | None = Field(description="What went wrong last, for people.")
    next_try_at: datetime | None
    created_at: datetime = Field(description="When it happened.")
    updated_at: datetime

    @model_validator(mode="before")
    @classmethod
    def _name(cls, row: Any) -> Any:
        if not isinstance(row, dict) or "event_kind" not in row:
            return row
        return {
            **row,
            "id": message_id(UUID(row["subject_id"])),
            "type": event_type(row["event_kind"]),
            "event_id": f"{row['transaction_id']}-{row['event_id']}",
        }


class Pinged(Shown):
    model_config = examples({"message_id": f"msg_{UUID(ID_EXAMPLE).hex}"})

    message_id: str


class Replayed(Shown):
    model_config = examples({"from_event": "48211-90177"})

    from_event: str | None = Field(description="The first event it is told of; null: none.")


class AlertUrlsKept(Shown):
    model_config = examples({"count": 1})

    count: int


_MESSAGES: Final = Listing(
    "list_webhook_messages",
    Message,
    {"after_transaction": ("transaction_id", int), "after_event": ("event_id", int)},
)


@routes.post(
    "/v1/webhooks",
    status_code=201,
    summary="Tell a system of the clinic what happens",
    responses=problems(Outcome.LIMIT_REACHED, Outcome.IDEMPOTENCY_MISMATCH, body=True),
)
async def create(
    body: NewWebhook, caller: CallerHere, response: Response, key: IdempotencyKey = None
) -> WebhookWithSecret:
    """From now on. Messages are signed by the Standard Webhooks scheme."""
    _check_url(caller, body.url)
    fernet = caller.services.fernet
    answer = await caller.call(
        "create_webhook",
        url=body.url,
        kinds=_kinds(body.types),
        encrypted_secret=fernet.encrypt(new_secret().encode()).decode(),
        **repeatable(caller, key, body),
    )
    set_version(response, answer["webhook"]["version"])
    note_replay(response, key, answer)
    secret = fernet.decrypt(answer["encrypted_secret"]).decode()
    return _with_secret(response, answer, secret)


@routes.get("/v1/webhooks", summary="List the webhooks", responses=problems())
async def list_webhooks(caller: CallerHere) -> Webhooks:
    """All of them: there are 20 at most."""
    return Webhooks.model_validate(await caller.call("list_webhooks"))


@routes.get(
    "/v1/webhooks/{webhook_id}", summary="Read one webhook", responses=problems(Outcome.NOT_FOUND)
)
async def read(webhook_id: Id, caller: CallerHere, response: Response) -> Webhook:
    (found,) = (await caller.call("list_webhooks", webhook_id=webhook_id))["items"]
    return _shown(response, found)


@routes.patch(
    "/v1/webhooks/{webhook_id}",
    summary="Change a webhook, or turn it off and on",
    responses=problems(Outcome.NOT_FOUND, Outcome.STALE_VERSION, body=True),
)
async def change(
    webhook_id: Id,
    body: WebhookChanges,
    caller: CallerHere,
    response: Response,
    if_match: IfMatch = None,
) -> Webhook:
    """Turned on again it gets what waited and what failed since it began to fail, under the same
    ids, and what happened while it was off, of the last 30 days.
    """
    if body.url is not None:
        _check_url(caller, body.url)
    answer = await caller.call(
        "change_webhook",
        webhook_id=webhook_id,
        **given(
            url=body.url,
            kinds=None if body.types is None else _kinds(body.types),
            status=body.status,
            version=wanted_version(if_match, body.version),
        ),
    )
    return _shown(response, answer["webhook"])


@routes.delete(
    "/v1/webhooks/{webhook_id}",
    status_code=204,
    summary="Remove a webhook",
    responses=problems(Outcome.NOT_FOUND, Outcome.STALE_VERSION),
)
async def remove(webhook_id: Id, caller: CallerHere, if_match: IfMatch = None) -> None:
    """What waits for it isn't sent."""
    version = wanted_version(if_match, None)
    await caller.call("remove_webhook", webhook_id=webhook_id, version=version)


@routes.post(
    "/v1/webhooks/{webhook_id}/rotate",
    summary="Give a webhook a new secret",
    responses=problems(Outcome.NOT_FOUND, Outcome.STALE_VERSION),
)
async def rotate(
    webhook_id: Id, caller: CallerHere, response: Response, if_match: IfMatch = None
) -> WebhookWithSecret:
    """For 24 hours messages are signed with the old one too."""
    secret = new_secret()
    answer = await caller.call(
        "rotate_webhook_secret",
        webhook_id=webhook_id,
        encrypted_secret=caller.services.fernet.encrypt(secret.encode()).decode(),
        version=wanted_version(if_match, None),
    )
    set_version(response, answer["webhook"]["version"])
    return _with_secret(response, answer, secret)


@routes.post(
    "/v1/webhooks/{webhook_id}/test",
    status_code=202,
    summary="Send a webhook a ping",
    responses=problems(Outcome.NOT_FOUND),
)
async def ping(webhook_id: Id, caller: CallerHere) -> Pinged:
    """Tried once; its message tells what came of it. Also one that is disabled gets it."""
    answer = await caller.call("ping_webhook", webhook_id=webhook_id)
    return Pinged(message_id=message_id(UUID(answer["message_id"])))


@routes.post(
    "/v1/webhooks/{webhook_id}/replay",
    status_code=202,
    summary="Tell a webhook again",
    responses=problems(Outcome.NOT_FOUND, body=True),
)
async def replay(webhook_id: Id, body: ReplayFrom, caller: CallerHere) -> Replayed:
    """Every event from there on once more, under the ids it had."""
    transaction, _, event = (body.event or "").partition("-")
    answer = await caller.call(
        "replay_webhook",
        webhook_id=webhook_id,
        **given(
            **{"from": body.moment},
            transaction=int(transaction) if event else None,
            event=int(event) if event else None,
        ),
    )
    return Replayed.model_validate(answer)


@routes.get(
    "/v1/webhooks/{webhook_id}/messages",
    response_model=Page[Message],
    summary="List what went to a webhook",
    responses=problems(Outcome.NOT_FOUND, cursor=True),
)
async def list_messages(
    webhook_id: Id,
    caller: CallerHere,
    status: Annotated[Status | None, Query()] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest event first, of the last 30 days, with what became of each."""
    return await _MESSAGES.page(caller, cursor, limit, webhook_id=webhook_id, status=status)


@routes.put(
    "/v1/alert-urls",
    summary="Say where staff are told of alerts",
    responses=problems(body=True),
)
async def set_alert_urls(body: AlertUrls, caller: CallerHere) -> AlertUrlsKept:
    """In place of those there were. They hold tokens, so that nobody can read them here."""
    private = caller.services.private_addresses
    for number, url in enumerate(body.urls):
        wrong = wrong_with_alert_url(url, private_addresses=private)
        if wrong is not None:
            where = {"where": f"urls[{number}]"}
            raise RefusedError(Outcome.INVALID_ARGUMENTS, wrong, where)
    sealed = seal_urls(caller.services.fernet, body.urls)
    await caller.call("set_alert_urls", encrypted_urls=sealed)
    return AlertUrlsKept(count=len(body.urls))


def _check_url(caller: Caller, url: str) -> None:
    """Raises RefusedError."""
    wrong = wrong_with_url(url, private_addresses=caller.services.private_addresses)
    if wrong is not None:
        raise RefusedError(Outcome.INVALID_ARGUMENTS, wrong, {"where": "url"})


def _kinds(types: list[str]) -> list[str]:
    return sorted({SUBSCRIBABLE[type_] for type_ in types})


def _shown(response: Response, row: dict[str, Any]) -> Webhook:
    webhook = Webhook.model_validate(row)
    set_version(response, webhook.version)
    return webhook


def _with_secret(response: Response, answer: dict[str, Any], secret: str) -> WebhookWithSecret:
    response.headers["Cache-Control"] = "no-store"
    return WebhookWithSecret.model_validate({**answer["webhook"], "secret": secret})
