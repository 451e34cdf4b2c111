"""The deployment's settings: read once at the root from the environment and `.env`, then frozen.

Every setting is `VOXANNE_<NAME>`, except DATABASE_URL, whose name is everyone's. A unit stands last
in a name. `voxanne config` lists them with their defaults and meanings.
"""

import re
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# 32 bytes in URL-safe base64, as the Fernet specification has it.
_FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


def _aware(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise ValueError("needs an offset, as in 2027-01-31T09:00:00Z")
    return moment


class Settings(BaseSettings):
    """Everything a deployment can choose. Immutable."""

    model_config = SettingsConfigDict(
        env_prefix="VOXANNE_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    env: Environment = Field(
        Environment.DEVELOPMENT, description="development or production; production refuses a clock"
    )
    data_dir: Path = Field(
        Path(".voxanne"), description="the embedded PostgreSQL, its log and the generated key"
    )
    database_url: SecretStr | None = Field(
        None,
        validation_alias="DATABASE_URL",
        description="a PostgreSQL 15+ server, as its owner; without it the embedded one runs",
    )
    api_database_url: SecretStr | None = Field(
        None,
        description="the API's own login, a member of voxanne_api; without it the API steps down "
        "from the owner's login",
    )
    database_pool_size: int = Field(10, ge=1, le=500, description="connections of one API process")
    database_statement_cache_size: int = Field(
        100,
        ge=0,
        le=10_000,
        description="prepared statements kept; 0 behind PgBouncer, in session mode",
    )
    database_wait_ms: int = Field(
        1_800, ge=100, le=60_000, description="longest wait for the database, then BUSY"
    )
    host: str = Field("127.0.0.1", description="address the API listens on")
    port: int = Field(3001, ge=0, le=65_535, description="port the API listens on; 0 picks one")
    public_url: str | None = Field(
        None, description="the address outsiders use, when a proxy stands before the API"
    )
    body_bytes_max: int = Field(
        2 * 1024 * 1024, ge=1_024, le=64 * 1024 * 1024, description="longest request body"
    )
    clock: Annotated[datetime | None, AfterValidator(_aware)] = Field(
        None, description="start the database's clock at this RFC 3339 moment (tests, demos)"
    )
    date_correction_days_max: int = Field(
        180, ge=0, le=366, description="furthest ahead a past year may be moved to"
    )
    vapi_secret: SecretStr | None = Field(
        None, description="deployment-wide X-Vapi-Secret; the line tells the organization"
    )
    vapi_hmac_key: SecretStr | None = Field(
        None, description="deployment-wide HMAC key, Vapi's default scheme"
    )
    hmac_tolerance_seconds: int = Field(
        300, ge=1, le=3_600, description="how far a signature's timestamp may be off"
    )
    vapi_api_key: SecretStr | None = Field(
        None, description="private key of the account at Vapi; only `voxanne vapi push` uses it"
    )
    vapi_api_url: str = Field("https://api.vapi.ai", description="where Vapi's REST API is")
    jwt_secret: SecretStr | None = Field(None, description="HS256 secret of Supabase-style tokens")
    jwks_url: str | None = Field(None, description="key set of Supabase-style tokens")
    jwt_audience: str | None = Field(None, description="audience a token must name, if any")
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Fernet keys, newest first, separated by commas, for the clinics' HMAC keys; "
        "without it one is generated in the data directory",
    )
    credential_cache_seconds: int = Field(
        5, ge=0, le=300, description="how long a revoked key or changed clinic may still be seen"
    )
    calls_per_caller_per_minute: int = Field(
        30,
        ge=0,
        le=100_000,
        description="voice tool calls one number may make to one clinic, by each process; "
        "0: no limit",
    )
    voice_requests_per_clinic_per_minute: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="what one clinic's voice platform may ask, by each process; emergencies are "
        "answered all the same; 0: no limit",
    )
    requests_per_credential_per_minute: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="what one key or token may ask of /v1 and the RPC, one clinic of /mcp, and one "
        "account of the callbacks, by each process; 0: no limit",
    )
    requests_per_link_per_minute: int = Field(
        120,
        ge=0,
        le=1_000_000,
        description="what may be asked with one patient's link or one calendar feed's address, by "
        "each process; 0: no limit",
    )
    guesses_per_network_per_minute: int = Field(
        60,
        ge=0,
        le=1_000_000,
        description="links, feeds, invitations and callbacks that don't hold, from one IPv4 "
        "address or IPv6 /64, by each process; then it waits; 0: no limit",
    )
    worker_deliveries_max: int = Field(
        32, ge=1, le=500, description="deliveries of one channel at once, in one worker"
    )
    worker_clinic_deliveries_max: int = Field(
        8, ge=1, le=500, description="deliveries of one clinic in a channel at once, in all workers"
    )
    worker_lease_seconds: int = Field(
        60,
        ge=2,
        le=3_600,
        description="how long a worker has a delivery; one attempt may take half of it",
    )
    live_streams_max: int = Field(
        2_000, ge=1, le=100_000, description="live views of one API process at once"
    )
    clinic_live_streams_max: int = Field(
        250, ge=1, le=100_000, description="live views of one clinic at once, in one API process"
    )
    calendar_wait_ms: int = Field(
        1_500,
        ge=0,
        le=10_000,
        description="how long a booking's answer waits for its calendar event to be verified",
    )
    google_client_id: str | None = Field(
        None, description="OAuth client of the deployment, for clinics' Google Calendars"
    )
    google_client_secret: SecretStr | None = Field(None, description="its secret")
    google_consent_url: str = Field(
        "https://accounts.google.com/o/oauth2/v2/auth", description="where staff give consent"
    )
    google_oauth_url: str = Field(
        "https://oauth2.googleapis.com", description="where tokens are had (/token) and revoked"
    )
    google_calendar_url: str = Field(
        "https://www.googleapis.com/calendar/v3", description="where Google's Calendar API is"
    )
    twilio_url: str = Field("https://api.twilio.com", description="where Twilio's REST API is")
    smtp_url: SecretStr | None = Field(
        None,
        description="smtp://user:password@host:587 (STARTTLS) or smtps://…:465; without it e-mail "
        "is off",
    )
    email_from: str | None = Field(
        None,
        pattern=r"^[\x21-\x3f\x41-\x7e]+@[A-Za-z0-9.-]+$",
        description="sender of e-mail, as in care@clinics.example",
    )
    webhook_private_addresses: bool = Field(
        False,
        description="let webhooks and staff alerts go to private addresses, such as 10.0.0.7 or "
        "localhost",
    )
    promise_model_url: str | None = Field(
        None,
        pattern="^https?://",
        description="a chat completions server, as in https://models.example/v1, that is asked "
        "about calls whose promises the rules find unclear; patients' words and appointments are "
        "sent there; without it nothing is",
    )
    promise_model_name: str | None = Field(None, description="which of its models")
    promise_model_key: SecretStr | None = Field(None, description="its API key, if it wants one")
    backup_dir: Path | None = Field(
        None, description="where backups arrive; `voxanne doctor` looks at the newest file in it"
    )
    backup_hours_max: int = Field(
        26, ge=1, le=8_784, description="how old the newest backup may be before `doctor` fails"
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="log level")

    @model_validator(mode="before")
    @classmethod
    def _split_keys(cls, values: dict[str, object]) -> dict[str, object]:
        keys = values.get("encryption_keys")
        if isinstance(keys, str):
            stripped = [key.strip() for key in keys.split(",")]
            values = {**values, "encryption_keys": [key for key in stripped if key]}
        return values

    @model_validator(mode="after")
    def _fit_for_production(self) -> "Settings":
        if self.env is Environment.PRODUCTION and self.clock is not None:
            raise ValueError("VOXANNE_CLOCK is refused in production: patients live in real time")
        if self.api_database_url is not None and self.database_url is None:
            raise ValueError(
                "VOXANNE_API_DATABASE_URL needs DATABASE_URL: they are two logins of one database"
            )
        if self.smtp_url is not None and self.email_from is None:
            raise ValueError("VOXANNE_SMTP_URL needs VOXANNE_EMAIL_FROM: whom e-mail comes from")
        if self.promise_model_url is not None and self.promise_model_name is None:
            raise ValueError("VOXANNE_PROMISE_MODEL_URL needs VOXANNE_PROMISE_MODEL_NAME")
        for key in self.encryption_keys:
            if not _FERNET_KEY.fullmatch(key.get_secret_value()):
                raise ValueError("VOXANNE_ENCRYPTION_KEYS: a key is 32 bytes in URL-safe base64")
        if self.env is Environment.PRODUCTION and not self.encryption_keys:
            raise ValueError(
                "VOXANNE_ENCRYPTION_KEYS is required in production; make one with: python -c "
                "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
            )
        return self


def variable_name(field: str) -> str:
    """The environment variable of a setting: `database_url` → `DATABASE_URL`."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"VOXANNE_{field.upper()}"
