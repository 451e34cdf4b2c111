"""The worker's composition root: a sender for each channel, and its chores."""

from functools import partial

from cryptography.fernet import MultiFernet

from voxanne.config import Environment, Settings
from voxanne.deliveries.alerts import AlertSender
from voxanne.deliveries.caldav_calendar import CalDavCalendars
from voxanne.deliveries.calendar import CalendarSender
from voxanne.deliveries.calendar_sync import CalendarSync
from voxanne.deliveries.calendar_vendors import CalendarVendors
from voxanne.deliveries.console import ConsoleSender, Message
from voxanne.deliveries.email_message import write_letter
from voxanne.deliveries.google_connect import Google
from voxanne.deliveries.google_tokens import GoogleClient
from voxanne.deliveries.http import open_client
from voxanne.deliveries.promise_check import (
    LINKS_EVERY_SECONDS,
    PROMISES_EVERY_SECONDS,
    PromiseCheck,
    link_calls,
)
from voxanne.deliveries.promise_model import TIMEOUT as MODEL_TIMEOUT
from voxanne.deliveries.promise_model import PromiseModel
from voxanne.deliveries.smtp import SmtpSender, read_mail_server
from voxanne.deliveries.twilio import TwilioSender
from voxanne.deliveries.webhooks import WebhookSender, open_webhook_client
from voxanne.deployment import page_address
from voxanne.outbox.chores import Chore, chores_of_the_diary
from voxanne.outbox.metrics import WorkerMetrics
from voxanne.outbox.retention import retention_chores
from voxanne.outbox.scores import score_chores
from voxanne.outbox.types import Channel, Delivery, Result, Sender, Voided
from voxanne.outbox.webhooks import webhook_chores
from voxanne.outbox.worker import Limits, Worker
from voxanne.postgres.pool import Pool
from voxanne.texts.messages import write_text
from voxanne.texts.segments import measure

CALENDARS_EVERY_SECONDS = 2.0
EMAIL_OFF = Voided("email_off", "E-mail is not set up here (VOXANNE_SMTP_URL).")
NO_SENDER = "voxanne@localhost"  # shown nowhere: nothing is sent


def create_worker(
    settings: Settings, pool: Pool, fernet: MultiFernet, metrics: WorkerMetrics | None = None
) -> Worker:
    """What carries deliveries out. The pool is the caller's to close."""
    limits = Limits(
        in_flight_max=settings.worker_deliveries_max,
        organization_in_flight_max=settings.worker_clinic_deliveries_max,
        attempt_seconds_max=settings.worker_lease_seconds / 2,
        lease_seconds=settings.worker_lease_seconds,
    )
    metrics = metrics or WorkerMetrics()
    return Worker(pool, create_senders(settings, pool, fernet, metrics), limits, metrics.observe)


def create_senders(
    settings: Settings, pool: Pool, fernet: MultiFernet, metrics: WorkerMetrics | None = None
) -> dict[Channel, Sender]:
    """A sender for each channel."""
    calendars = open_calendars(settings, pool, fernet, metrics)
    return {
        "calendar": CalendarSender(pool, fernet, calendars.open),
        "sms": _sms_sender(settings, pool, fernet),
        "email": _email_sender(settings),
        "webhook": _webhook_sender(settings, pool, fernet),
        "alert": AlertSender(fernet, settings.public_url, settings.webhook_private_addresses),
    }


def _webhook_sender(settings: Settings, pool: Pool, fernet: MultiFernet) -> Sender:
    client = open_webhook_client(private_addresses=settings.webhook_private_addresses)
    return WebhookSender(pool, fernet, client)


def _sms_sender(settings: Settings, pool: Pool, fernet: MultiFernet) -> Sender:
    """By the clinic's account at Twilio; without one they are printed, but not in production."""

    def address(token: str) -> str | None:
        return page_address(settings, token)

    def written(delivery: Delivery) -> Message:
        body = write_text(delivery.kind, delivery.organization, delivery.details, address)
        return Message(str(delivery.details["to"]), body, measure(body).segments)

    printed = ConsoleSender(written) if settings.env is Environment.DEVELOPMENT else None
    return TwilioSender(
        database=pool,
        fernet=fernet,
        client=open_client(),
        base_url=settings.twilio_url,
        public_url=settings.public_url,
        page_address=address,
        without_account=printed,
    )


def _email_sender(settings: Settings) -> Sender:
    """By the deployment's mail server; without one they are printed, but not in production."""
    address = partial(page_address, settings)
    sender = settings.email_from or NO_SENDER
    if settings.smtp_url is not None:
        server = read_mail_server(settings.smtp_url.get_secret_value())
        # Less than the worker gives an attempt.
        return SmtpSender(server, sender, address, settings.worker_lease_seconds * 0.4)

    def written(delivery: Delivery) -> Message | Result:
        if settings.env is Environment.PRODUCTION:
            return EMAIL_OFF
        letter = write_letter(delivery, address, sender)
        if isinstance(letter, Voided):
            return letter
        return Message(letter.to.email, f"{letter.subject}\n\n{letter.body.rstrip()}")

    return ConsoleSender(written)


def create_chores(
    settings: Settings, pool: Pool, fernet: MultiFernet, metrics: WorkerMetrics | None = None
) -> list[Chore]:
    """What a worker does besides: see outbox/chores.py."""
    metrics = metrics or WorkerMetrics()
    promises = open_promise_check(settings, pool, metrics)
    calendars = open_calendars(settings, pool, fernet, metrics)
    sync = CalendarSync(pool, fernet, calendars.open, calendars.watch)
    return [
        *chores_of_the_diary(pool),
        *webhook_chores(pool),
        *score_chores(pool),
        *retention_chores(pool),
        Chore("calendars", CALENDARS_EVERY_SECONDS, sync.run),
        Chore("promises", PROMISES_EVERY_SECONDS, promises.run),
        Chore("call links", LINKS_EVERY_SECONDS, partial(link_calls, pool)),
    ]


def open_promise_check(settings: Settings, pool: Pool, metrics: WorkerMetrics) -> PromiseCheck:
    """By rules; a model is asked besides where the deployment names one."""

    def count(promise: str) -> None:
        metrics.promise_checks.labels(promise).inc()

    if settings.promise_model_url is None or settings.promise_model_name is None:
        return PromiseCheck(pool, count)
    key = settings.promise_model_key
    model = PromiseModel(
        open_client(timeout=MODEL_TIMEOUT),
        settings.promise_model_url,
        settings.promise_model_name,
        None if key is None else key.get_secret_value(),
    )
    return PromiseCheck(pool, count, model.ask)


def open_calendars(
    settings: Settings, pool: Pool, fernet: MultiFernet, metrics: WorkerMetrics | None = None
) -> CalendarVendors:
    """Clients for whatever calendar is connected."""
    loopback = settings.env is Environment.DEVELOPMENT
    client, google = google_client(settings), None
    if client is not None:
        refreshed = (metrics or WorkerMetrics()).refreshed
        google = Google(
            client, open_client(), pool, fernet, settings.public_url, refreshed=refreshed
        )
    return CalendarVendors(CalDavCalendars(pool, loopback), google)


def google_client(settings: Settings) -> GoogleClient | None:
    if settings.google_client_id is None or settings.google_client_secret is None:
        return None
    return GoogleClient(
        client_id=settings.google_client_id,
        client_secret=settings.google_client_secret.get_secret_value(),
        oauth_url=settings.google_oauth_url.rstrip("/"),
        calendar_url=settings.google_calendar_url.rstrip("/"),
    )
