"""What patients are sent: the account that texts, the words, e-mail, and who wants none."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.callbacks.twilio import MESSAGE_PATH
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.settings.configuring import load
from voxanne.inbound.dashboard.settings.fields import (
    LANGUAGE_NAMES,
    WrongFieldsError,
    beside,
    form_version,
    phone_number,
    read_model,
    refusal_of,
    sentence,
)
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.v1.problems import RefusedError
from voxanne.inbound.v1.texting import SmsAccountSent
from voxanne.language.catalogue import LANGUAGES
from voxanne.texts.previews import preview
from voxanne.texts.templates import (
    CHARACTERS_MAX,
    KINDS,
    PLACEHOLDERS,
    TemplateError,
    built_in,
    check_template,
)

Json = dict[str, Any]
PATH: Final = "/settings/messages"
DONE: Final = {
    "account": "The account is set. What waited for it goes out.",
    "off": "No text messages are sent any more. What was said, and who wants none, is kept.",
    "words": "The words are saved.",
    "built_in": "The built-in words are used again.",
    "consent": "It is written down.",
}
KIND_NAMES: Final = {
    "sms_confirmation": "Confirmation of a booking",
    "sms_change": "Another time",
    "sms_reminder": "Reminder",
    "sms_cancellation": "Cancellation",
    "sms_waitlist_offer": "Offer to somebody who waits",
}
CONSENTS: Final = {"opt_out": "wants none", "opt_in": "wants them"}


async def show(visit: Visit) -> Response:
    return await _page(visit, message=DONE.get(visit.form.get("done")))


async def set_account(visit: Visit) -> Response:
    """The token is written down encrypted, and never shown."""
    said = {name: visit.form.get(name) for name in ("account_sid", "token", "number")}
    try:
        sent = read_model(SmsAccountSent, said)
        await visit.do(
            "sms_account_set",
            ("clinic", visit.clinic.id),
            "set_sms_account",
            account_sid=sent.account_sid,
            encrypted_token=visit.services.fernet.encrypt(sent.token.encode()),
            number=phone_number(visit, sent.number),
        )
    except WrongFieldsError as wrong:
        return await _page(visit, wrong.errors)
    except RefusedError as refused:
        return await _page(visit, beside(refused, "account_sid"))
    return visit.done(PATH, done="account")


async def remove_account(visit: Visit) -> Response:
    await visit.do("sms_account_removed", ("clinic", visit.clinic.id), "remove_sms_account")
    return visit.done(PATH, done="off")


async def find_consent(visit: Visit) -> Response:
    """What is known of a number. Asked by POST: a number stands in no address."""
    try:
        found = await visit.call("find_consent", phone=phone_number(visit, visit.form.get("phone")))
    except RefusedError as refused:
        return await _page(visit, beside(refused, "phone"))
    return await _page(visit, consent=found)


async def set_consent(visit: Visit) -> Response:
    kind = visit.form.get("kind")
    try:
        await visit.do(
            "consent_changed",
            ("clinic", visit.clinic.id),
            "save_consent",
            phone=phone_number(visit, visit.form.get("phone")),
            kind=kind,
            source="staff",
        )
    except RefusedError as refused:
        return await _page(visit, beside(refused, "phone"))
    return visit.done(PATH, done="consent")


async def show_words(visit: Visit) -> Response:
    kind, language = _which(visit)
    stored = await visit.call("message_template", kind=kind, language=language)
    return await _words_page(visit, kind, language, stored["body"], version=stored["version"] or 0)


async def save_words(visit: Visit) -> Response:
    """`step`: preview shows them, built_in takes the clinic's own away."""
    kind, language = _which(visit)
    body: str | None = visit.form.get("body")
    version = form_version(visit.form)
    if visit.form.get("step") == "built_in" or not body:
        body = None
    shown: Json = {"version": version}
    if body is not None:
        try:
            check_template(kind, body, language)
        except TemplateError as error:
            told = f"{error.where}: {error.reason}" if error.where != "body" else error.reason
            return await _words_page(visit, kind, language, body, error=sentence(told), **shown)
    if visit.form.get("step") == "preview":
        return await _words_page(visit, kind, language, body, **shown)
    try:
        await visit.do(
            "template_changed",
            ("template", f"{kind}/{language}"),
            "set_message_template",
            kind=kind,
            language=language,
            body=body,
            version=version,
        )
    except RefusedError as refused:
        if refused.outcome != Outcome.STALE_VERSION:
            raise
        return await _stale_words(visit, kind, language, body)
    return visit.done(f"{PATH}/{kind}/{language}", done="words" if body else "built_in")


async def _stale_words(visit: Visit, kind: str, language: str, body: str | None) -> Response:
    """Somebody else's words are shown beside those that weren't saved."""
    stored = await visit.call("message_template", kind=kind, language=language)
    theirs = stored["body"] or built_in(kind, language)
    return await _words_page(
        visit, kind, language, body, version=stored["version"] or 0, theirs=theirs, status=409
    )


def _which(visit: Visit) -> tuple[str, str]:
    """The kind and the language in the address. Raises RefusedError where there is no such."""
    kind = visit.request.path_params["kind_text"]
    language = visit.request.path_params["language_text"]
    if kind not in KINDS or language not in LANGUAGES:
        raise RefusedError(Outcome.NOT_FOUND, "There is no such page.")
    return kind, language


async def _words_page(
    visit: Visit,
    kind: str,
    language: str,
    own: str | None,
    *,
    version: int,
    error: str | None = None,
    theirs: str | None = None,
    status: int = 200,
) -> Response:
    phone = (await load(visit))["phone"]
    shown = None if error else preview(kind, language, own, visit.clinic.name, phone)
    stale = theirs is not None and "Somebody changed these words meanwhile. Nothing was saved."
    return visit.page(
        "settings/words.html",
        title=KIND_NAMES[kind],
        status=422 if error else status,
        kind=kind,
        language=language,
        languages=LANGUAGE_NAMES,
        own=own,
        built_in=built_in(kind, language),
        version=version,
        preview=shown,
        theirs=theirs,
        placeholders=PLACEHOLDERS,
        characters_max=CHARACTERS_MAX,
        errors={"body": error} if error else {},
        problem=f"Not saved: {error}" if error else stale or None,
        message=DONE.get(visit.form.get("done")),
    )


async def _page(visit: Visit, errors: Mapping[str, str] | None = None, **more: Any) -> Response:
    wrong = dict(errors or {})
    account = (await visit.call("sms_account"))["account"]
    said = {name: visit.form.get(name) for name in ("account_sid", "number", "phone")}
    return visit.page(
        "settings/messages.html",
        title="Messages",
        account=account,
        message_url=visit.services.base_address(visit.request)
        + MESSAGE_PATH.format(org_id=visit.clinic.id),
        email_from=visit.services.email_from,
        kinds=KIND_NAMES,
        languages=LANGUAGE_NAMES,
        values=said,
        consents=CONSENTS,
        **refusal_of(wrong),
        **({"consent": None} | more),
    )


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "read_only", show),
    Page("POST", f"{PATH}/account", "owner", set_account),
    Page("POST", f"{PATH}/account/remove", "owner", remove_account),
    Page("POST", f"{PATH}/consents/find", "staff", find_consent),
    Page("POST", f"{PATH}/consents", "staff", set_consent),
    Page("GET", f"{PATH}/{{kind_text}}/{{language_text}}", "read_only", show_words),
    Page("POST", f"{PATH}/{{kind_text}}/{{language_text}}", "owner", save_words),
]
