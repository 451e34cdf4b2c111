"""The API's composition root: from settings to an application."""

import asyncio
import contextlib
import importlib.util
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

import asyncpg
from cryptography.fernet import MultiFernet
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router

from voxanne import __version__
from voxanne.booking.outcomes import Outcome
from voxanne.config import Environment, Settings
from voxanne.deliveries.calendar import CalendarError
from voxanne.deliveries.google_connect import Google
from voxanne.deliveries.google_tokens import SCOPE
from voxanne.deliveries.http import open_client
from voxanne.deployment import base_address
from voxanne.inbound.authentication import AuthenticationSettings, Authenticator
from voxanne.inbound.calendar_feed import CalendarFeed
from voxanne.inbound.callbacks.google import GoogleCallbacks, GoogleConsent, Granted, Refused
from voxanne.inbound.callbacks.twilio import TwilioCallbacks
from voxanne.inbound.dashboard.routes import dashboard_routes
from voxanne.inbound.http import Entrance, get, problem
from voxanne.inbound.live import Hub
from voxanne.inbound.mcp_later import McpLater
from voxanne.inbound.metrics import Metrics
from voxanne.inbound.patient.routes import PatientPages
from voxanne.inbound.rates import Rates, RequestRate
from voxanne.inbound.rest import RpcEndpoint
from voxanne.inbound.v1.api import create_api
from voxanne.inbound.v1.security import Services
from voxanne.inbound.voice.calendar_wait import CalendarWait
from voxanne.inbound.voice.call_rate import CallRate
from voxanne.inbound.voice.routes import VoiceEndpoint
from voxanne.outbox.metrics import WorkerMetrics
from voxanne.postgres.migrate import schema_serves
from voxanne.postgres.pool import DatabaseBusyError, Pool
from voxanne.work import google_client

READY_WAIT_SECONDS = 1.5


def create_app(
    settings: Settings,
    pool: Pool,
    fernet: MultiFernet,
    worker_metrics: WorkerMetrics | None = None,
    stopping: asyncio.Event | None = None,
) -> Entrance:
    """The API as an ASGI application. The pool is the caller's to close.

    `worker_metrics`: a worker runs in this process too, and `/metrics` has its counters;
    `stopping`: set when the server begins to stop, which ends what would last.
    """
    metrics = Metrics()
    wait_seconds = settings.database_wait_ms / 1000
    authenticator = Authenticator(pool, _authentication_settings(settings), fernet)
    rates = _rates(settings)
    voice = VoiceEndpoint(
        database=pool,
        authenticator=authenticator,
        metrics=metrics,
        body_bytes_max=settings.body_bytes_max,
        wait_seconds=wait_seconds,
        date_correction_days_max=settings.date_correction_days_max,
        public_url=settings.public_url,
        call_rate=CallRate(settings.calls_per_caller_per_minute),
        request_rate=RequestRate(settings.voice_requests_per_clinic_per_minute),
        calendar=CalendarWait(pool, settings.calendar_wait_ms / 1000),
    )
    rpc = RpcEndpoint(pool, authenticator, metrics, settings.body_bytes_max, wait_seconds, rates)
    feed = CalendarFeed(pool, wait_seconds, rates)
    patient = PatientPages(pool, wait_seconds, rates, settings.public_url)
    google = _google_callbacks(settings, pool, fernet, rates)
    twilio = TwilioCallbacks(pool, fernet, settings.public_url, wait_seconds, rates)
    routes = [*voice.routes(), *rpc.routes(), *feed.routes(), *twilio.routes(), *patient.routes()]
    routes += google.routes()
    hub = Hub(
        pool,
        settings.live_streams_max,
        settings.clinic_live_streams_max,
        stopping or asyncio.Event(),
    )
    lives: list[Callable[[], AbstractAsyncContextManager[None]]] = [hub.running]
    # Its libraries are an extra.
    if importlib.util.find_spec("mcp") is not None:
        mcp = McpLater(voice, rates)
        routes += mcp.routes()
        lives.append(mcp.running)
    services = Services(
        database=pool,
        authenticator=authenticator,
        metrics=metrics,
        fernet=fernet,
        body_bytes_max=settings.body_bytes_max,
        wait_seconds=wait_seconds,
        hub=hub,
        rates=rates,
        public_url=settings.public_url,
        google=google.consent,
        private_addresses=settings.webhook_private_addresses,
        email_from=settings.email_from if settings.smtp_url is not None else None,
    )
    app = create_api(services, __version__)
    app.router.routes.extend(_health_routes(pool, hub, metrics, worker_metrics))
    secure = _is_secure(settings)
    routes += dashboard_routes(services, secure=secure)
    # The routes that read their bodies themselves have no use for FastAPI's layers.
    return Entrance(Router(routes, default=app, lifespan=_lifespan(lives)), metrics, secure)


def _rates(settings: Settings) -> Rates:
    return Rates(
        credentials=RequestRate(settings.requests_per_credential_per_minute),
        links=RequestRate(settings.requests_per_link_per_minute),
        guesses=RequestRate(settings.guesses_per_network_per_minute),
    )


def _is_secure(settings: Settings) -> bool:
    """Whether browsers reach us over TLS: always, but in development at an address without."""
    public = settings.public_url or ""
    return settings.env is Environment.PRODUCTION or public.startswith("https://")


def google_consent(settings: Settings) -> GoogleConsent | None:
    """The way to Google's consent page; None where the deployment has no OAuth client there."""
    client = google_client(settings)
    return (
        GoogleConsent(client.client_id, settings.google_consent_url, SCOPE, base_address(settings))
        if client
        else None
    )


def _google_callbacks(
    settings: Settings, pool: Pool, fernet: MultiFernet, rates: Rates
) -> GoogleCallbacks:
    client = google_client(settings)

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

    consent = google_consent(settings)
    return GoogleCallbacks(pool, fernet, consent, exchange if client else None, rates)


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


class _Readiness:
    """Whether this process can work on its database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._worked = False

    async def why_not(self) -> str | None:
        """None: it can."""
        try:
            async with asyncio.timeout(READY_WAIT_SECONDS):
                async with self._pool.connections.acquire() as connection:
                    serves = await schema_serves(connection, before=self._worked)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DatabaseBusyError):
            return "The database is not answering."
        self._worked = self._worked or serves
        return None if serves else "The database's schema isn't this release's: voxanne migrate up"


def _health_routes(
    pool: Pool, hub: Hub, metrics: Metrics, worker_metrics: WorkerMetrics | None
) -> list[Route]:
    readiness = _Readiness(pool)

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        unready = await readiness.why_not()
        if unready is not None:
            return problem(503, Outcome.BUSY, unready)
        return JSONResponse({"status": "ready", "version": __version__})

    async def show_metrics(_request: Request) -> Response:
        idle = pool.connections.get_idle_size()  # before we take one ourselves
        metrics.pool_connections_max.set(pool.connections.get_max_size())
        metrics.pool_connections.labels("idle").set(idle)
        metrics.pool_connections.labels("busy").set(pool.connections.get_size() - idle)
        metrics.live_streams.set(hub.streams)
        metrics.ready.set(await readiness.why_not() is None)
        rendered = metrics.render() + (worker_metrics.render() if worker_metrics else b"")
        return PlainTextResponse(rendered, media_type="text/plain; version=0.0.4")

    return [
        get("/healthz", healthz),
        get("/readyz", readyz),
        get("/metrics", show_metrics),
    ]
