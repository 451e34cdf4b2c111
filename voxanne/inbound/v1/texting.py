"""Text messages: whose account sends them, in which words, what was said, and who wants none."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Path, Query
from pydantic import Field

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.callbacks.twilio import MESSAGE_PATH
from voxanne.inbound.v1.pages import BY_CREATION, LIMIT_DEFAULT, Cursor, Limit, Listing, Page
from voxanne.inbound.v1.problems import RefusedError, problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import (
    ID_EXAMPLE,
    PhoneSaid,
    Sent,
    Shown,
    Text,
    examples,
)
from voxanne.inbound.v1.security import Caller
from voxanne.language.catalogue import LANGUAGES
from voxanne.texts.previews import preview as write_preview
from voxanne.texts.templates import KINDS, TemplateError, built_in, check_template

Language = Annotated[
    Literal["en", "es", "de"] | None, Query(description="The clinic's own, unless told.")
]
Kind = Annotated[str, Path(max_length=50, description=f"One of {', '.join(KINDS)}.")]
WordsSent = Annotated[
    Text,
    Field(
        max_length=1600,
        description="With placeholders such as {clinic}, {when}, {link}.",
        examples=["{clinic}: see you on {when}. Reply C to confirm, X to cancel: {link}"],
    ),
]
_ACCOUNT: Final = "AC" + "0123456789abcdef" * 2

routes = router("texts")


class SmsAccountSent(Sent):
    model_config = examples(
        {"account_sid": _ACCOUNT, "token": "the account's auth token", "number": "+442079460000"}
    )

    account_sid: Annotated[Text, Field(min_length=1, max_length=100)]
    token: Annotated[Text, Field(min_length=1, max_length=200, description="Kept encrypted.")]
    number: PhoneSaid


class SmsAccount(Shown):
    """The account at Twilio; its token is never shown."""

    model_config = examples(
        {
            "vendor": "twilio",
            "account_sid": _ACCOUNT,
            "number": "+442079460000",
            "message_url": f"https://voice.example.com/callbacks/twilio/{ID_EXAMPLE}/message",
            "version": 1,
            "updated_at": "2027-05-20T09:30:00Z",
        }
    )

    vendor: str
    account_sid: str
    number: str
    message_url: str = Field(description="What the number calls when a message comes in.")
    version: int
    updated_at: datetime


class TemplateSent(Sent):
    model_config = examples({"body": "{clinic}: see you on {when}. Reply C to confirm: {link}"})

    body: WordsSent | None = Field(description="null: the built-in words again.")
    version: Annotated[int, Field(strict=True, ge=0, le=999_999_999)] | None = Field(
        None, description="What the change is meant for; 0: there are none of its own."
    )


class Template(Shown):
    """Where `own` is false these are the built-in words."""

    model_config = examples(
        {
            "kind": "sms_reminder",
            "language": "en",
            "body": "{clinic}: a reminder: {when}. Reply C to confirm, X to cancel: {link}",
            "own": False,
            "version": 0,
        }
    )

    kind: str
    language: str
    body: str
    own: bool
    version: int


class PreviewSent(Sent):
    model_config = examples({"body": None})

    body: WordsSent | None = Field(None, description="null: the built-in words.")


class Preview(Shown):
    model_config = examples(
        {
            "text": "Harbor Dental: see you on Thursday 26 November at 10 am.",
            "encoding": "GSM-7",
            "units": 56,
            "segments": 1,
            "forced_by": [],
        }
    )

    text: str = Field(description="With example values.")
    encoding: Literal["GSM-7", "UCS-2"]
    units: int = Field(description="Septets, or UTF-16 code units.")
    segments: int = Field(description="What a carrier charges for.")
    forced_by: list[str] = Field(description="Characters that made it UCS-2, and longer.")


class TextMessage(Shown):
    model_config = examples(
        {
            "id": ID_EXAMPLE,
            "direction": "in",
            "phone": "+447700900123",
            "body": "C",
            "kind": None,
            "appointment_id": None,
            "status": None,
            "created_at": "2027-05-20T09:30:00Z",
        }
    )

    id: UUID
    direction: Literal["in", "out"]
    phone: str
    body: str
    kind: str | None
    appointment_id: UUID | None
    status: str | None = Field(description="The vendor's last word on one of ours.")
    created_at: datetime


class ConsentSent(Sent):
    model_config = examples({"phone": "+447700900123", "kind": "opt_out"})

    phone: PhoneSaid
    kind: Literal["opt_out", "opt_in"]


class Consent(Shown):
    model_config = examples({"phone": "+447700900123", "kind": "opt_out"})

    phone: str
    kind: str


_TEXTS: Final = Listing("list_texts", TextMessage, BY_CREATION)


@routes.get(
    "/v1/sms-account",
    summary="Read whose account sends the text messages",
    responses=problems(Outcome.NOT_FOUND),
)
async def read_account(caller: CallerHere) -> SmsAccount:
    return _account(caller, await caller.call("sms_account"))


@routes.put(
    "/v1/sms-account",
    summary="Set the account that sends the text messages",
    responses=problems(Outcome.INVALID_PHONE, body=True),
)
async def set_account(body: SmsAccountSent, caller: CallerHere) -> SmsAccount:
    """What waited for a working account goes out."""
    answer = await caller.call(
        "set_sms_account",
        account_sid=body.account_sid,
        encrypted_token=caller.services.fernet.encrypt(body.token.encode()),
        number=(await caller.phone(body.number)).e164,
    )
    return _account(caller, answer)


@routes.delete(
    "/v1/sms-account",
    status_code=204,
    summary="Send no text messages any more",
    responses=problems(),
)
async def remove_account(caller: CallerHere) -> None:
    """What was said, and who wants none, is kept."""
    await caller.call("remove_sms_account")


@routes.get(
    "/v1/templates/{kind}",
    summary="Read the words of a text message",
    responses=problems(Outcome.NOT_FOUND),
)
async def read_template(kind: Kind, caller: CallerHere, language: Language = None) -> Template:
    spoken = await _language(caller, kind, language)
    return _template(
        kind, spoken, await caller.call("message_template", kind=kind, language=spoken)
    )


@routes.put(
    "/v1/templates/{kind}",
    summary="Change the words of a text message",
    responses=problems(Outcome.NOT_FOUND, Outcome.STALE_VERSION, body=True),
)
async def set_template(
    kind: Kind, body: TemplateSent, caller: CallerHere, language: Language = None
) -> Template:
    """They may not ask for a word that the carrier takes for an opt-out, such as STOP or CANCEL."""
    spoken = await _language(caller, kind, language)
    if body.body is not None:
        _check(kind, body.body, spoken)
    answer = await caller.call(
        "set_message_template", kind=kind, language=spoken, body=body.body, version=body.version
    )
    return _template(kind, spoken, answer)


@routes.post(
    "/v1/templates/{kind}/preview",
    summary="See a text message and its length before it is used",
    responses=problems(Outcome.NOT_FOUND, body=True),
)
async def preview(
    kind: Kind, body: PreviewSent, caller: CallerHere, language: Language = None
) -> Preview:
    spoken = await _language(caller, kind, language)
    if body.body is not None:
        _check(kind, body.body, spoken)
    shown = write_preview(kind, spoken, body.body)
    return Preview(
        text=shown.text,
        encoding=shown.length.encoding,
        units=shown.length.units,
        segments=shown.length.segments,
        forced_by=list(shown.length.forced_by),
    )


@routes.get(
    "/v1/texts",
    response_model=Page[TextMessage],
    summary="List the text messages, or the conversation with a number",
    responses=problems(Outcome.INVALID_PHONE, cursor=True),
)
async def list_texts(
    caller: CallerHere,
    phone: Annotated[
        PhoneSaid | None, Query(description="Those with this number; write + as %2B.")
    ] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Newest first."""
    number = (await caller.phone(phone)).e164 if phone is not None else None
    return await _TEXTS.page(caller, cursor, limit, phone=number)


@routes.put(
    "/v1/consents",
    summary="Say whether a number wants text messages",
    responses=problems(Outcome.INVALID_PHONE, body=True),
)
async def set_consent(body: ConsentSent, caller: CallerHere) -> Consent:
    """As they told staff. What the carrier blocks it still blocks."""
    number = (await caller.phone(body.phone)).e164
    return Consent.model_validate(
        await caller.call("save_consent", phone=number, kind=body.kind, source="staff")
    )


def _account(caller: Caller, answer: dict[str, Any]) -> SmsAccount:
    if answer["account"] is None:
        raise RefusedError(Outcome.NOT_FOUND, "The clinic has no account for text messages.")
    path = MESSAGE_PATH.format(org_id=caller.credential.organization)
    return SmsAccount.model_validate(
        {**answer["account"], "message_url": caller.base_address + path}
    )


def _template(kind: str, language: str, answer: dict[str, Any]) -> Template:
    own = answer["body"] is not None
    body = answer["body"] if own else built_in(kind, language)
    version = answer["version"] or 0
    return Template(kind=kind, language=language, body=body, own=own, version=version)


async def _language(caller: Caller, kind: str, language: str | None) -> str:
    """As told, or the clinic's own. Raises RefusedError for a kind that is none."""
    _require_kind(kind)
    if language is not None:
        return language
    clinic = await caller.services.authenticator.clinic(caller.credential.organization)
    return clinic.language if clinic is not None and clinic.language in LANGUAGES else LANGUAGES[0]


def _require_kind(kind: str) -> None:
    if kind not in KINDS:
        raise RefusedError(
            Outcome.NOT_FOUND, f"There is no such message. There are: {', '.join(KINDS)}."
        )


def _check(kind: str, body: str, language: str) -> None:
    try:
        check_template(kind, body, language)
    except TemplateError as error:
        raise RefusedError(
            Outcome.INVALID_ARGUMENTS, error.reason, {"where": error.where}
        ) from None
