"""The composition root: from settings to a running deployment."""

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncpg
from cryptography.fernet import Fernet, MultiFernet
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router

from voxanne import __version__
from voxanne.booking.outcomes import Outcome
from voxanne.config import Environment, Settings
from voxanne.deliveries.alerts import AlertSender
from voxanne.deliveries.caldav_calendar import CalDavCalendars
from voxanne.deliveries.calendar import CalendarError, CalendarSender
from voxanne.deliveries.calendar_sync import CalendarSync
from voxanne.deliveries.calendar_vendors import CalendarVendors
from voxanne.deliveries.console import ConsoleSender, Message
from voxanne.deliveries.email_message import write_letter
from voxanne.deliveries.google_connect import Google
from voxanne.deliveries.google_tokens import SCOPE, GoogleClient
from voxanne.deliveries.http import open_client
from voxanne.deliveries.smtp import SmtpSender, read_mail_server
from voxanne.deliveries.twilio import TwilioSender
from voxanne.deliveries.webhooks import WebhookSender, open_webhook_client
from voxanne.inbound.authentication import AuthenticationSettings, Authenticator
from voxanne.inbound.calendar_feed import CalendarFeed
from voxanne.inbound.callbacks.google import GoogleCallbacks, GoogleConsent, Granted, Refused
from voxanne.inbound.callbacks.twilio import TwilioCallbacks
from voxanne.inbound.http import Entrance, get, problem
from voxanne.inbound.metrics import Metrics
from voxanne.inbound.patient.routes import PatientPages
from voxanne.inbound.rest import RpcEndpoint
from voxanne.inbound.v1.api import create_api
from voxanne.inbound.v1.security import Services
from voxanne.inbound.voice.calendar_wait import CalendarWait
from voxanne.inbound.voice.call_rate import CallRate
from voxanne.inbound.voice.routes import VoiceEndpoint
from voxanne.outbox.chores import Chore, chores_of_the_diary
from voxanne.outbox.metrics import WorkerMetrics
from voxanne.outbox.types import Channel, Delivery, Result, Sender, Voided
from voxanne.outbox.webhooks import webhook_chores
from voxanne.outbox.worker import Limits, Worker
from voxanne.postgres.embedded import EmbeddedPostgres
from voxanne.postgres.migrate import migrate_up, schema_is_current
from voxanne.postgres.pool import DatabaseBusyError, Pool, open_pool, owner_connection
from voxanne.texts.messages import write_text
from voxanne.texts.segments import measure

READY_WAIT_SECONDS = 1.5
CALENDARS_EVERY_SECONDS = 2.0
EMAIL_OFF = Voided("email_off", "E-mail is not set up here (VOXANNE_SMTP_URL).")
NO_SENDER = "voxanne@localhost"  # shown nowhere: nothing is sent
CLOCK_RESET = "voxanne psql -c 'DELETE FROM clock'"


class ClockError(RuntimeError):
    """Production's time is not the real one; the message says how to put it right."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the database is. `embedded` is the server we run ourselves, if we do."""

    settings: Settings
    owner_url: str
    embedded: EmbeddedPostgres | None

    def owner(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        return owner_connection(self.owner_url)


@contextlib.contextmanager
def open_deployment(
    settings: Settings, progress: Callable[[str], None] = lambda _: None
) -> Iterator[Deployment]:
    """The configured server, or the embedded one, started if it must be and stopped with us."""
    if settings.database_url is not None:
        yield Deployment(settings, settings.database_url.get_secret_value(), None)
        return
    with EmbeddedPostgres(settings.data_dir, progress=progress) as embedded:
        yield Deployment(settings, embedded.url(), embedded)


async def prepare_database(
    deployment: Deployment, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Migrate, and start the clock where the settings say so."""
    async with deployment.owner() as connection:
        await migrate_up(connection, progress)
        await set_clock(connection, deployment.settings, progress)


async def check_database(
    deployment: Deployment, progress: Callable[[str], None] = lambda _: None
) -> bool:
    """Whether the schema is this release's, and the clock set as the settings say. For a server
    that somebody else migrates. Raises ClockError.
    """
    async with deployment.owner() as connection:
        if not await connection.fetchval("SELECT to_regclass('clock') IS NOT NULL"):
            return False
        await set_clock(connection, deployment.settings, progress)
        return await schema_is_current(connection)


async def set_clock(
    connection: asyncpg.Connection, settings: Settings, progress: Callable[[str], None]
) -> None:
    """Start the database's clock at VOXANNE_CLOCK; say so where one is still moved from before.

    Raises ClockError where production has one.
    """
    moved = await connection.fetchval("SELECT clock_offset FROM clock")
    if settings.clock is not None:
        await connection.execute(
            "INSERT INTO clock (clock_offset) VALUES ($1::timestamptz - clock_timestamp()) "
            "ON CONFLICT (only_row) DO UPDATE SET clock_offset = excluded.clock_offset",
            settings.clock,
        )
    elif moved is not None and settings.env is Environment.PRODUCTION:
        raise ClockError(
            "The database's clock was moved (VOXANNE_CLOCK). In production time is real: "
            f"first run: {CLOCK_RESET}"
        )
    elif moved is not None:
        progress(
            f"The database's clock is moved by {moved} since VOXANNE_CLOCK was set. "
            f"To bring it back: {CLOCK_RESET}"
        )


async def open_api_pool(deployment: Deployment) -> Pool:
    """Connections in the API's role: its own login, or the owner's stepped down."""
    settings = deployment.settings
    own_login = settings.api_database_url
    return await open_pool(
        own_login.get_secret_value() if own_login else deployment.owner_url,
        size=settings.database_pool_size,
        wait_ms=settings.database_wait_ms,
        statement_cache_size=settings.database_statement_cache_size,
        step_down=own_login is None,
    )


def load_fernet(settings: Settings) -> MultiFernet:
    """The keys that clinics' HMAC keys are encrypted with; one is made where none is configured."""
    if settings.encryption_keys:
        return MultiFernet([Fernet(key.get_secret_value()) for key in settings.encryption_keys])
    path = settings.data_dir / "encryption.key"
    if not path.exists():
        _write_private(path, Fernet.generate_key())
    return MultiFernet([Fernet(path.read_bytes().strip())])


def _write_private(path: Path, content: bytes) -> None:
    """Create a file that only this user reads, whole or not at all; an existing one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{datetime.now(UTC).timestamp()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def create_app(
    settings: Settings,
    pool: Pool,
    fernet: MultiFernet,
    worker_metrics: WorkerMetrics | None = None,
) -> Entrance:
    """The API as an ASGI application. The pool is the caller's to close.

    `worker_metrics`: a worker runs in this process too, and `/metrics` has its counters.
    """
    metrics = Metrics()
    wait_seconds = settings.database_wait_ms / 1000
    authenticator = Authenticator(pool, _authentication_settings(settings), fernet)
    voice = VoiceEndpoint(
        database=pool,
        authenticator=authenticator,
        metrics=metrics,
        body_bytes_max=settings.body_bytes_max,
        wait_seconds=wait_seconds,
        date_correction_days_max=settings.date_correction_days_max,
        public_url=settings.public_url,
        call_rate=CallRate(settings.calls_per_caller_per_minute),
        calendar=CalendarWait(pool, settings.calendar_wait_ms / 1000),
    )
    rpc = RpcEndpoint(pool, authenticator, metrics, settings.body_bytes_max, wait_seconds)
    feed = CalendarFeed(pool, wait_seconds)
    patient = PatientPages(pool, wait_seconds, settings.public_url)
    google = _google_callbacks(settings, pool, fernet)
    twilio = TwilioCallbacks(pool, fernet, settings.public_url, wait_seconds)
    routes = [*voice.routes(), *rpc.routes(), *feed.routes(), *twilio.routes(), *patient.routes()]
    routes += google.routes()
    lives: list[Callable[[], AbstractAsyncContextManager[None]]] = []
    # Its libraries are an extra, and slow to load: commands that serve nothing don't.
    if importlib.util.find_spec("mcp") is not None:
        from voxanne.inbound.mcp import McpEndpoint

        mcp = McpEndpoint(voice)
        routes += mcp.routes()
        lives.append(mcp.running)
    services = Services(
        database=pool,
        authenticator=authenticator,
        metrics=metrics,
        fernet=fernet,
        body_bytes_max=settings.body_bytes_max,
        wait_seconds=wait_seconds,
        public_url=settings.public_url,
        google=google.consent,
        private_addresses=settings.webhook_private_addresses,
    )
    app = create_api(services, __version__)
    app.router.routes.extend(_health_routes(pool, metrics, worker_metrics))
    # The routes that read their bodies themselves have no use for FastAPI's layers.
    return Entrance(Router(routes, default=app, lifespan=_lifespan(lives)), metrics)


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
    senders = create_senders(settings, pool, fernet)
    return Worker(pool, senders, limits, (metrics or WorkerMetrics()).observe)


def create_senders(settings: Settings, pool: Pool, fernet: MultiFernet) -> dict[Channel, Sender]:
    """A sender for each channel."""
    return {
        "calendar": CalendarSender(pool, fernet, open_calendars(settings, pool, fernet).open),
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


def create_chores(settings: Settings, pool: Pool, fernet: MultiFernet) -> list[Chore]:
    """What a worker does besides: see outbox/chores.py."""
    calendars = open_calendars(settings, pool, fernet)
    sync = CalendarSync(pool, fernet, calendars.open, calendars.watch)
    return [
        *chores_of_the_diary(pool),
        *webhook_chores(pool),
        Chore("calendars", CALENDARS_EVERY_SECONDS, sync.run),
    ]


def open_calendars(settings: Settings, pool: Pool, fernet: MultiFernet) -> CalendarVendors:
    """Clients for whatever calendar is connected."""
    loopback = settings.env is Environment.DEVELOPMENT
    client = _google_client(settings)
    google = Google(client, open_client(), pool, fernet, settings.public_url) if client else None
    return CalendarVendors(CalDavCalendars(pool, loopback), google)


def _google_client(settings: Settings) -> GoogleClient | None:
    if settings.google_client_id is None or settings.google_client_secret is None:
        return None
    return GoogleClient(
        client_id=settings.google_client_id,
        client_secret=settings.google_client_secret.get_secret_value(),
        oauth_url=settings.google_oauth_url.rstrip("/"),
        calendar_url=settings.google_calendar_url.rstrip("/"),
    )


def google_consent(settings: Settings) -> GoogleConsent | None:
    """The way to Google's consent page; None where the deployment has no OAuth client there."""
    client = _google_client(settings)
    base_url = settings.public_url or f"http://{settings.host}:{settings.port}"
    return (
        GoogleConsent(client.client_id, settings.google_consent_url, SCOPE, base_url)
        if client
        else None
    )


def _google_callbacks(settings: Settings, pool: Pool, fernet: MultiFernet) -> GoogleCallbacks:
    client = _google_client(settings)

    async def exchange(
        code: str, verifier: str, redirect_uri: str, calendar: str
    ) -> Granted | Refused:
        assert client is not None
        async with open_client() as http:
            google = Google(client, http, pool, fernet)
            try:
                consented = await google.consented(code, verifier, redirect_uri, calendar)
            except CalendarError as error:
                return Refused(error.error)
        return Granted(consented.credentials, consented.access_expires_at)

    return GoogleCallbacks(pool, fernet, google_consent(settings), exchange if client else None)


def page_address(settings: Settings, token: str) -> str | None:
    """Where a patient's page is, for messages. None: production that doesn't know its address."""
    base = settings.public_url
    if base is None and settings.env is Environment.DEVELOPMENT:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        base = f"http://{host}:{settings.port}"
    return None if base is None else f"{base.rstrip('/')}/a/{token}"


def _lifespan(
    lives: Sequence[Callable[[], AbstractAsyncContextManager[None]]],
) -> Callable[[object], AbstractAsyncContextManager[None]]:
    """Everything that runs as long as the application does."""

    @contextlib.asynccontextmanager
    async def running(_app: object) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for life in lives:
                await stack.enter_async_context(life())
            yield

    return running


def _authentication_settings(settings: Settings) -> AuthenticationSettings:
    secret, hmac_key, jwt = settings.vapi_secret, settings.vapi_hmac_key, settings.jwt_secret
    return AuthenticationSettings(
        cache_seconds=settings.credential_cache_seconds,
        vapi_secret=secret.get_secret_value() if secret else None,
        vapi_hmac_key=hmac_key.get_secret_value().encode() if hmac_key else None,
        hmac_tolerance_seconds=settings.hmac_tolerance_seconds,
        jwt_secret=jwt.get_secret_value() if jwt else None,
        jwks_url=settings.jwks_url,
        jwt_audience=settings.jwt_audience,
    )


def _health_routes(
    pool: Pool, metrics: Metrics, worker_metrics: WorkerMetrics | None
) -> list[Route]:
    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        try:
            async with asyncio.timeout(READY_WAIT_SECONDS):
                async with pool.connections.acquire() as connection:
                    current = await schema_is_current(connection)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DatabaseBusyError):
            return problem(503, Outcome.BUSY, "The database is not answering.")
        if not current:
            return problem(
                503, Outcome.BUSY, "The database's schema isn't this release's: voxanne migrate up"
            )
        return JSONResponse({"status": "ready", "version": __version__})

    async def show_metrics(_request: Request) -> Response:
        idle = pool.connections.get_idle_size()
        metrics.pool_connections.labels("idle").set(idle)
        metrics.pool_connections.labels("busy").set(pool.connections.get_size() - idle)
        rendered = metrics.render() + (worker_metrics.render() if worker_metrics else b"")
        return PlainTextResponse(rendered, media_type="text/plain; version=0.0.4")

    return [
        get("/healthz", healthz),
        get("/readyz", readyz),
        get("/metrics", show_metrics),
    ]
