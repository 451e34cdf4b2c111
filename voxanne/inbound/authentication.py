"""Who is speaking, and for which organization. The credential decides; everything else may only
contradict it.

A voice platform proves itself by a clinic's bearer key, by `X-Vapi-Secret`, or by an HMAC over the
body; a program by a key or a signed token. A wrong key or secret is refused even beside a right
one; a signature is looked at only where neither is given.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

import jwt
from cryptography.fernet import InvalidToken, MultiFernet

from voxanne.booking import functions
from voxanne.booking.types import SCOPES, Clinic, Credential
from voxanne.inbound.signatures import HmacScheme, verify_signature

SECRET_CHARACTERS_MAX: Final = 4_096
CACHE_ENTRIES_MAX: Final = 10_000
JWKS_WAIT_SECONDS: Final = 5


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class UnauthorizedError(Exception):
    """The credential is missing or wrong."""


@dataclass(frozen=True, slots=True)
class AuthenticationSettings:
    """What the deployment itself knows. Secrets are plain here and nowhere else."""

    cache_seconds: float
    vapi_secret: str | None = None
    vapi_hmac_key: bytes | None = None
    hmac_tolerance_seconds: int = 300
    jwt_secret: str | None = None
    jwks_url: str | None = None
    jwt_audience: str | None = None


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request a signature may cover. `body` is as received; `url` is made up only
    where one has to be verified.
    """

    headers: Mapping[str, str]
    body: bytes
    method: str
    url: Callable[[], str]


@dataclass(slots=True)
class Authenticator:
    """Verifies credentials, and remembers for a few seconds what the database said of them."""

    database: functions.Database
    settings: AuthenticationSettings
    fernet: MultiFernet
    _credentials: dict[bytes, tuple[float, tuple[str, Credential]]] = field(default_factory=dict)
    _clinics: dict[UUID, tuple[float, Clinic]] = field(default_factory=dict)
    _jwks: jwt.PyJWKClient | None = None

    async def clinic(self, organization: UUID) -> Clinic | None:
        """The organization's profile, at most `cache_seconds` old."""
        now = time.monotonic()
        kept = self._clinics.get(organization)
        if kept is not None and kept[0] > now:
            return kept[1]
        clinic = await functions.find_clinic(self.database, organization)
        if clinic is not None:
            _keep(self._clinics, organization, clinic, now + self.settings.cache_seconds)
        return clinic

    async def voice_credential(
        self, request: SignedRequest, hinted: UUID | None
    ) -> Credential | None:
        """Whom a voice platform's request speaks for; None for a deployment-wide credential.

        `hinted` is the organization that the line or the metadata names: a signature doesn't say
        whose key made it, so the hint chooses the key to verify with, and proves nothing.
        Raises UnauthorizedError.
        """
        proofs: list[Credential | None] = []
        bearer = _bearer(request.headers)
        if bearer is not None:
            proofs.append(await self._secret(bearer, "api_key", "vapi_secret"))
        secret = request.headers.get("x-vapi-secret")
        if secret:
            proofs.append(await self._vapi_secret(secret))
        if not proofs:
            proofs.append(await self._signature(request, hinted))
        organizations = {proof.organization for proof in proofs if proof is not None}
        if len(organizations) > 1:
            raise UnauthorizedError
        return next((proof for proof in proofs if proof is not None), None)

    async def program_credential(self, headers: Mapping[str, str]) -> Credential:
        """Whom a program's request speaks for: `Authorization` wins over `apikey`, and either may
        hold a key or a signed token. Raises UnauthorizedError.
        """
        presented = _bearer(headers) or headers.get("apikey")
        if not presented:
            raise UnauthorizedError
        if presented.count(".") == 2:
            return await self._token(presented)
        return await self._secret(presented, "api_key")

    async def _vapi_secret(self, secret: str) -> Credential | None:
        own = self.settings.vapi_secret
        if own is not None and hmac.compare_digest(own.encode(), _bytes(secret)):
            return None
        return await self._secret(secret, "vapi_secret", "api_key")

    async def _secret(self, secret: str, *kinds: str) -> Credential:
        if len(secret) > SECRET_CHARACTERS_MAX:
            raise UnauthorizedError
        digest = hashlib.sha256(_bytes(secret)).digest()
        now = time.monotonic()
        kept = self._credentials.get(digest)
        found = kept[1] if kept is not None and kept[0] > now else None
        if found is None:
            found = await functions.find_credential(self.database, digest)
            if found is None:
                raise UnauthorizedError
            _keep(self._credentials, digest, found, now + self.settings.cache_seconds)
        kind, credential = found
        if kind not in kinds:
            raise UnauthorizedError
        return credential

    async def _signature(self, request: SignedRequest, hinted: UUID | None) -> Credential | None:
        own = None
        if hinted is not None:
            own = await functions.find_hmac_key(self.database, hinted)
        if own is not None and hinted is not None:
            encrypted, settings = own
            try:
                key = self.fernet.decrypt(encrypted)
            except InvalidToken:
                raise UnauthorizedError from None
            if self._is_signed(HmacScheme.from_mapping(settings), key, request):
                return Credential(hinted, "agent")
        key_for_all = self.settings.vapi_hmac_key
        if key_for_all is not None and self._is_signed(HmacScheme(), key_for_all, request):
            return None
        raise UnauthorizedError

    def _is_signed(self, scheme: HmacScheme, key: bytes, request: SignedRequest) -> bool:
        return verify_signature(
            scheme,
            key,
            headers=request.headers,
            body=request.body,
            method=request.method,
            url=request.url(),
            now=datetime.now(UTC),
            tolerance_seconds=self.settings.hmac_tolerance_seconds,
        )

    async def _token(self, token: str) -> Credential:
        """A Supabase-style JWT with the claim `org_id`. Its `scope` claim may name a scope."""
        try:
            claims = await self._claims(token)
            organization = UUID(str(claims.get("org_id")))
        except jwt.PyJWKClientConnectionError:
            # Not the bearer's fault: nobody could say whether the token is good.
            raise TimeoutError from None
        except (jwt.PyJWTError, ValueError):
            raise UnauthorizedError from None
        scope = claims.get("scope", "agent")
        if scope not in SCOPES:
            raise UnauthorizedError
        return Credential(organization, scope)

    async def _claims(self, token: str) -> dict[str, object]:
        settings = self.settings
        algorithm = jwt.get_unverified_header(token).get("alg")
        audience = settings.jwt_audience
        options: jwt.types.Options = {"verify_aud": audience is not None}
        if algorithm == "HS256" and settings.jwt_secret is not None:
            claims: dict[str, object] = jwt.decode(
                token, settings.jwt_secret, ["HS256"], options=options, audience=audience
            )
            return claims
        if algorithm in ("RS256", "ES256", "EdDSA") and settings.jwks_url is not None:
            if self._jwks is None:
                self._jwks = jwt.PyJWKClient(settings.jwks_url, timeout=JWKS_WAIT_SECONDS)
            key = await asyncio.to_thread(self._jwks.get_signing_key_from_jwt, token)
            signed: dict[str, object] = jwt.decode(
                token, key, [algorithm], options=options, audience=audience
            )
            return signed
        raise jwt.InvalidAlgorithmError


def identity_of(headers: Mapping[str, str]) -> str:
    """Tells a program's verified credential from the organization's others, and is no secret: a
    key's digest; of a token, which is renewed every hour, whom it is about.
    """
    presented = _bearer(headers) or headers["apikey"]
    if presented.count(".") == 2:
        claims = jwt.decode(presented, options={"verify_signature": False})
        presented = f"{claims.get('iss')} {claims.get('sub')}"
    return hashlib.sha256(_bytes(presented)).hexdigest()


def _bearer(headers: Mapping[str, str]) -> str | None:
    value = headers.get("authorization")
    if not value:
        return None
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthorizedError
    return token.strip()


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


def _keep(cache: dict[_Key, tuple[float, _Value]], key: _Key, value: _Value, until: float) -> None:
    if len(cache) >= CACHE_ENTRIES_MAX:
        cache.clear()
    cache[key] = (until, value)
