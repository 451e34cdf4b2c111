"""Who may do what: every route with the scopes that may use it, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.fernet import MultiFernet
from fastapi import Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.requests import Request

from voxanne.booking import functions
from voxanne.booking.normalize import normalize_phone
from voxanne.booking.outcomes import Outcome
from voxanne.booking.types import Credential, Phone, Scope
from voxanne.inbound.authentication import Authenticator, identity_of
from voxanne.inbound.callbacks.google import GoogleConsent
from voxanne.inbound.http import lower_headers, note
from voxanne.inbound.live import Hub
from voxanne.inbound.metrics import SUCCESS, Metrics
from voxanne.inbound.rates import Rates
from voxanne.inbound.v1.problems import RefusedError
from voxanne.language.speech import locale_for

_EVERYBODY: Final[frozenset[Scope]] = frozenset({"read_only", "agent", "staff", "admin"})
_READERS: Final[frozenset[Scope]] = frozenset({"read_only", "staff", "admin"})
_CALLERS: Final[frozenset[Scope]] = frozenset({"agent", "staff", "admin"})
_STAFF: Final[frozenset[Scope]] = frozenset({"staff", "admin"})
_ADMIN: Final[frozenset[Scope]] = frozenset({"admin"})

# A route that isn't here can't be made.
ACCESS: Final[Mapping[tuple[str, str], frozenset[Scope]]] = {
    ("POST", "/v1/appointments"): _CALLERS,
    ("GET", "/v1/appointments"): _READERS,
    ("GET", "/v1/appointments/{appointment_id}"): _READERS,
    ("PATCH", "/v1/appointments/{appointment_id}"): _CALLERS,
    ("POST", "/v1/appointments/{appointment_id}/cancel"): _CALLERS,
    ("POST", "/v1/appointments/{appointment_id}/complete"): _STAFF,
    ("POST", "/v1/appointments/{appointment_id}/no-show"): _STAFF,
    ("POST", "/v1/appointments/{appointment_id}/confirm"): _STAFF,
    ("GET", "/v1/appointments/{appointment_id}/deliveries"): _READERS,
    ("GET", "/v1/availability"): _EVERYBODY,
    ("POST", "/v1/holds"): _CALLERS,
    ("DELETE", "/v1/holds/{hold_id}"): _CALLERS,
    ("GET", "/v1/leads"): _READERS,
    ("GET", "/v1/leads/{lead_id}"): _READERS,
    ("PATCH", "/v1/leads/{lead_id}"): _STAFF,
    ("GET", "/v1/leads/{lead_id}/export"): _ADMIN,
    ("DELETE", "/v1/leads/{lead_id}"): _ADMIN,
    ("GET", "/v1/score-weights"): _READERS,
    ("PUT", "/v1/score-weights"): _ADMIN,
    ("POST", "/v1/waitlist"): _CALLERS,
    ("GET", "/v1/waitlist"): _READERS,
    ("DELETE", "/v1/waitlist/{waitlist_id}"): _CALLERS,
    ("POST", "/v1/waitlist/{waitlist_id}/accept"): _CALLERS,
    ("POST", "/v1/waitlist/{waitlist_id}/decline"): _CALLERS,
    ("GET", "/v1/practitioners"): _EVERYBODY,
    ("POST", "/v1/calendars/caldav/connect"): _ADMIN,
    ("POST", "/v1/calendars/google/connect"): _ADMIN,
    ("GET", "/v1/calendars"): _READERS,
    ("DELETE", "/v1/calendars/{calendar_id}"): _ADMIN,
    ("POST", "/v1/practitioners/{practitioner_id}/feed"): _STAFF,
    ("DELETE", "/v1/practitioners/{practitioner_id}/feed"): _STAFF,
    ("GET", "/v1/services"): _EVERYBODY,
    ("GET", "/v1/rooms"): _EVERYBODY,
    ("GET", "/v1/hours"): _EVERYBODY,
    ("GET", "/v1/clinic"): _READERS,
    ("PUT", "/v1/clinic"): _ADMIN,
    ("PATCH", "/v1/clinic"): _ADMIN,
    ("GET", "/v1/deliveries"): _READERS,
    ("POST", "/v1/deliveries/{subject_id}/{kind}/retry"): _STAFF,
    ("GET", "/v1/sms-account"): _READERS,
    ("PUT", "/v1/sms-account"): _ADMIN,
    ("DELETE", "/v1/sms-account"): _ADMIN,
    ("GET", "/v1/templates/{kind}"): _READERS,
    ("PUT", "/v1/templates/{kind}"): _ADMIN,
    ("POST", "/v1/templates/{kind}/preview"): _STAFF,
    ("GET", "/v1/texts"): _READERS,
    ("PUT", "/v1/consents"): _STAFF,
    ("GET", "/v1/messages"): _READERS,
    ("PATCH", "/v1/messages/{message_id}"): _STAFF,
    ("GET", "/v1/alerts"): _READERS,
    ("POST", "/v1/alerts/{alert_id}/seen"): _STAFF,
    ("GET", "/v1/events"): _READERS,
    ("GET", "/v1/events/stream"): _READERS,
    ("POST", "/v1/webhooks"): _ADMIN,
    ("GET", "/v1/webhooks"): _READERS,
    ("GET", "/v1/webhooks/{webhook_id}"): _READERS,
    ("PATCH", "/v1/webhooks/{webhook_id}"): _ADMIN,
    ("DELETE", "/v1/webhooks/{webhook_id}"): _ADMIN,
    ("POST", "/v1/webhooks/{webhook_id}/rotate"): _ADMIN,
    ("POST", "/v1/webhooks/{webhook_id}/test"): _ADMIN,
    ("POST", "/v1/webhooks/{webhook_id}/replay"): _ADMIN,
    ("GET", "/v1/webhooks/{webhook_id}/messages"): _READERS,
    ("PUT", "/v1/alert-urls"): _ADMIN,
}

# For OpenAPI alone: the Authenticator reads the credential.
CREDENTIALS: Final = [
    Security(
        HTTPBearer(
            scheme_name="bearer",
            description="An API key of the clinic, or a signed token with the claim `org_id`.",
            auto_error=False,
        )
    ),
    Security(APIKeyHeader(name="apikey", scheme_name="apikey", auto_error=False)),
]


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with. `wait_seconds`: longest wait for the database in one request;
    `hub`: tells open streams of what happens;
    `public_url`: the address outsiders use, where it isn't the one that was asked;
    `google`: the way to its consent page, where the deployment has one;
    `private_addresses`: webhooks may go into the deployment's own network;
    `email_from`: who sends e-mail, where the deployment does.
    """

    database: functions.Database
    authenticator: Authenticator
    metrics: Metrics
    fernet: MultiFernet
    body_bytes_max: int
    wait_seconds: float
    hub: Hub
    rates: Rates
    public_url: str | None = None
    google: GoogleConsent | None = None
    private_addresses: bool = False
    email_from: str | None = None

    def base_address(self, request: Request) -> str:
        """Where outsiders reach the API; as it was asked, where no proxy stands before it."""
        return (self.public_url or str(request.base_url)).rstrip("/")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is, and how it speaks to the database: always for its own organization.

    `identity` tells this credential from the organization's others, and is no secret.
    """

    services: Services
    credential: Credential
    identity: str
    request: Request

    @property
    def is_staff(self) -> bool:
        return self.credential.scope in _STAFF

    @property
    def source(self) -> str:
        return "staff" if self.is_staff else "rest"

    @property
    def base_address(self) -> str:
        return self.services.base_address(self.request)

    async def call(self, function: str, **parameters: object) -> dict[str, Any]:
        """What the SQL function answers, by its parameters without their `p_`.

        Raises RefusedError for a refusal.
        """
        named = {f"p_{name}": value for name, value in parameters.items()}
        answer = await functions.call(
            self.services.database, function, {"p_org_id": self.credential.organization, **named}
        )
        # clinic_configuration answers with the document itself.
        outcome = SUCCESS if answer.get("success", True) else str(answer["error"])
        if function == "book_appointment_atomic":
            self.services.metrics.bookings.labels(outcome).inc()
        if outcome != SUCCESS:
            raise RefusedError.by(answer)
        note(self.request, outcome=outcome)
        return answer

    async def phone(self, said: str) -> Phone:
        """The number, read as someone who lives where the clinic is would dial it.

        Raises RefusedError.
        """
        clinic = await self.services.authenticator.clinic(self.credential.organization)
        if clinic is None:
            raise RefusedError(Outcome.INVALID_ORGANIZATION, "The organization does not exist")
        phone = normalize_phone(said, locale_for(clinic.country, clinic.timezone)[1])
        if phone is None:
            raise RefusedError(Outcome.INVALID_PHONE, "The phone number is not a possible number")
        return phone


def given(**parameters: object) -> dict[str, object]:
    """Those that aren't None: of the others the SQL function's defaults hold."""
    return {name: value for name, value in parameters.items() if value is not None}


async def identify(services: Services, request: Request, path: str) -> Caller:
    """Whom the request to the route of this pattern speaks for.

    Raises UnauthorizedError; RefusedError when the scope won't do, or it was too much.
    """
    headers = lower_headers(request)
    credential = await services.authenticator.program_credential(headers)
    note(request, org_id=str(credential.organization))
    scopes = ACCESS[request.method, path]
    if credential.scope not in scopes:
        raise RefusedError(
            Outcome.UNAUTHORIZED,
            f"The credential's scope is {credential.scope}; this needs {_one_of(scopes)}.",
        )
    caller = Caller(services, credential, identity_of(headers), request)
    seconds = services.rates.credentials.take((credential.organization, caller.identity))
    if seconds:
        raise RefusedError(
            Outcome.RATE_LIMITED,
            "This credential asks too much at once: see the header Retry-After.",
            headers={"Retry-After": str(seconds)},
        )
    return caller


def _one_of(scopes: frozenset[Scope]) -> str:
    return " or ".join(sorted(scopes))
