"""Google as Voxanne meets it: OAuth 2.0 with PKCE and tokens that lapse, and Calendar v3 with push
channels; over real HTTP. What it is asked and what it answers is kept, and checked against Google's
own description (google_discovery.py). No test in here.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.fakes.google_events import FakeCalendar, Json, RefusedError
from tests.fakes.serving import serve_app
from tests.printed import plant

CLIENT_ID = "the-clinic.apps.googleusercontent.com"
CLIENT_SECRET = plant("Google's client secret", "a-secret-of-the-deployment")
SCOPE = "https://www.googleapis.com/auth/calendar.events"
CALENDAR_PATH = "/calendar/v3"

# Brings a channel's headers to its address.
Push = Callable[[str, dict[str, str]], Awaitable[None]]


@dataclass
class Exchanged:
    """One request and its answer."""

    method: str
    path: str
    query: dict[str, str]
    sent: Json | None
    status: int
    answered: Json | None


@dataclass
class Channel:
    id: str
    calendar: str
    address: str
    token: str
    resource: str
    expires_at: datetime
    messages: int = 0


@dataclass
class Code:
    challenge: str
    redirect_uri: str
    scope: str


@dataclass
class FakeGoogle:
    """An account with calendars. `clock_ahead`: Google's clock against ours."""

    calendars: dict[str, FakeCalendar] = field(default_factory=dict)
    exchanges: list[Exchanged] = field(default_factory=list)
    access_seconds: int = 3600
    clock_ahead: timedelta = timedelta()
    granted_scope: str = SCOPE
    consent_seconds: int | None = None  # it lasts so long from a renewal on, as in Testing
    push: Push | None = None
    port: int = 0
    channels: dict[str, Channel] = field(default_factory=dict)
    access_tokens: dict[str, datetime] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)
    refreshes: int = 0
    latency_seconds: float = 0.0
    _codes: dict[str, Code] = field(default_factory=dict)
    _pushes: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def calendar(self, id_: str = "primary", timezone: str = "Europe/London") -> FakeCalendar:
        return self.calendars.setdefault(id_, FakeCalendar(id_, timezone))

    def grant(self) -> Json:
        """Tokens as if somebody had consented, with their seconds."""
        access, refresh = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.access_tokens[access] = self.now() + timedelta(seconds=self.access_seconds)
        self.refresh_tokens.add(refresh)
        return {"access_token": access, "refresh_token": refresh}

    def expire_access(self) -> None:
        """Every access token is refused from now on, whatever was promised."""
        self.access_tokens.clear()

    def revoke(self) -> None:
        """Staff took the consent back."""
        self.access_tokens.clear()
        self.refresh_tokens.clear()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_ahead

    async def pushed(self) -> None:
        """Return when every push so far has arrived."""
        while self._pushes:
            await asyncio.gather(*self._pushes)

    def change(self, calendar: FakeCalendar) -> None:
        """Tell the channels that somebody changed it."""
        for channel in list(self.channels.values()):
            if channel.calendar == calendar.id and channel.expires_at > self.now():
                self._tell(channel, "exists")

    def _tell(self, channel: Channel, state: str) -> None:
        if self.push is None:
            return
        channel.messages += 1
        headers = {
            "X-Goog-Channel-ID": channel.id,
            "X-Goog-Channel-Token": channel.token,
            "X-Goog-Channel-Expiration": channel.expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "X-Goog-Resource-ID": channel.resource,
            "X-Goog-Resource-URI": f"https://www.googleapis.com/calendar/v3/{channel.calendar}",
            "X-Goog-Resource-State": state,
            "X-Goog-Message-Number": str(channel.messages),
            "Content-Length": "0",
        }

        async def push() -> None:
            assert self.push is not None
            await self.push(channel.address, headers)

        task = asyncio.get_running_loop().create_task(push())
        self._pushes.add(task)
        task.add_done_callback(self._pushes.discard)

    # OAuth 2.0

    async def consent(self, request: Request) -> Response:
        """The page on which staff say yes; here they do at once."""
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["access_type"] == "offline"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = Code(asked["code_challenge"], asked["redirect_uri"], self.granted_scope)
        said = urlencode({"state": asked["state"], "code": code, "scope": self.granted_scope})
        return RedirectResponse(f"{asked['redirect_uri']}?{said}", 302)

    async def token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        refused = JSONResponse(
            {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
            400,
        )
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refresh_tokens:
                return refused
            self.refreshes += 1
            granted = self.grant()
            self.refresh_tokens.discard(granted["refresh_token"])
            return self._granted({"access_token": granted["access_token"]}, self.granted_scope)
        code = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if code is None or (code.challenge, code.redirect_uri) != (challenge, form["redirect_uri"]):
            return refused
        return self._granted(self.grant(), code.scope)

    def _granted(self, tokens: Json, scope: str) -> Response:
        about = {"expires_in": self.access_seconds, "scope": scope, "token_type": "Bearer"}
        if self.consent_seconds is not None:
            about["refresh_token_expires_in"] = self.consent_seconds
        return JSONResponse({**tokens, **about})

    # Calendar v3

    async def events(self, request: Request) -> tuple[int, Json | None]:
        calendar = self._calendar(request)
        if request.method == "GET":
            return 200, calendar.page(dict(request.query_params))
        inserted = calendar.insert(await request.json())
        self.change(calendar)
        return 200, inserted

    async def event(self, request: Request) -> tuple[int, Json | None]:
        calendar = self._calendar(request)
        id_, if_match = request.path_params["event"], request.headers.get("if-match")
        match request.method:
            case "GET":
                return 200, calendar.get(id_)
            case "PATCH":
                answer: tuple[int, Json | None] = (
                    200,
                    calendar.patch(id_, await request.json(), if_match),
                )
            case _:
                calendar.delete(id_, if_match)
                answer = 204, None
        self.change(calendar)
        return answer

    async def watch(self, request: Request) -> tuple[int, Json | None]:
        calendar, body = self._calendar(request), await request.json()
        if body["type"] != "web_hook" or not body["address"].startswith("https://"):
            raise RefusedError(400, "push.webhookUrlNotHttps", "WebHook callback must be HTTPS")
        if body["id"] in self.channels:
            raise RefusedError(400, "channelIdNotUnique", "Channel id not unique")
        seconds = min(int(body.get("params", {}).get("ttl", 604_800)), 604_800)
        channel = Channel(
            body["id"],
            calendar.id,
            body["address"],
            body.get("token", ""),
            f"resource-of-{calendar.id}",
            self.now() + timedelta(seconds=seconds),
        )
        self.channels[channel.id] = channel
        self._tell(channel, "sync")
        return 200, {
            "kind": "api#channel",
            "id": channel.id,
            "resourceId": channel.resource,
            "resourceUri": f"https://www.googleapis.com/calendar/v3/calendars/{calendar.id}/events",
            "token": channel.token,
            "expiration": str(int(channel.expires_at.timestamp() * 1000)),
        }

    async def stop(self, request: Request) -> tuple[int, Json | None]:
        self._authorize(request)
        body = await request.json()
        channel = self.channels.get(body["id"])
        if channel is None or channel.resource != body["resourceId"]:
            raise RefusedError(404, "notFound", "Channel not found")
        del self.channels[body["id"]]
        return 204, None

    async def free_busy(self, request: Request) -> tuple[int, Json | None]:
        self._authorize(request)
        body = await request.json()
        since, until = (datetime.fromisoformat(body[name]) for name in ("timeMin", "timeMax"))
        calendars: Json = {}
        for item in body["items"]:
            calendar = self.calendars.get(item["id"])
            calendars[item["id"]] = (
                {"busy": calendar.busy(since, until)}
                if calendar
                else {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
            )
        return 200, {"kind": "calendar#freeBusy", "calendars": calendars}

    def _calendar(self, request: Request) -> FakeCalendar:
        self._authorize(request)
        calendar = self.calendars.get(request.path_params["calendar"])
        if calendar is None:
            raise RefusedError(404, "notFound", "Not Found")
        return calendar

    def _authorize(self, request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        expires_at = self.access_tokens.get(token)
        if expires_at is None or expires_at <= self.now():
            raise RefusedError(401, "authError", "Invalid Credentials")

    def app(self) -> Starlette:
        events = "/calendars/{calendar}/events"
        described = [
            (f"{events}/watch", self.watch, ["POST"]),
            (events, self.events, ["GET", "POST"]),
            (events + "/{event}", self.event, ["GET", "PATCH", "DELETE"]),
            ("/channels/stop", self.stop, ["POST"]),
            ("/freeBusy", self.free_busy, ["POST"]),
        ]
        routes = [
            Route(CALENDAR_PATH + path, self._described(endpoint), methods=methods)
            for path, endpoint, methods in described
        ]
        routes += [
            Route("/o/oauth2/v2/auth", self.consent),
            Route("/token", self.token, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    def _described(
        self, endpoint: Callable[[Request], Awaitable[tuple[int, Json | None]]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint, its errors as Google's, and what was exchanged on record."""

        async def answer(request: Request) -> Response:
            await asyncio.sleep(self.latency_seconds)
            raw = await request.body()
            try:
                status, body = await endpoint(request)
            except RefusedError as error:
                status, body = error.status, _error(error)
            path = request.url.path.removeprefix(CALENDAR_PATH)
            sent = json.loads(raw) if raw else None
            query = dict(request.query_params)
            self.exchanges.append(Exchanged(request.method, path, query, sent, status, body))
            date = {"Date": self.now().strftime("%a, %d %b %Y %H:%M:%S GMT")}
            return JSONResponse(body, status, date) if body is not None else Response(None, status)

        return answer


def _error(error: RefusedError) -> Json:
    reason = {"domain": "global", "reason": error.reason, "message": error.message}
    return {"error": {"errors": [reason], "code": error.status, "message": error.message}}


@contextlib.asynccontextmanager
async def fake_google() -> AsyncIterator[FakeGoogle]:
    """Served on 127.0.0.1 while it lasts, with a calendar `primary`."""
    google = FakeGoogle()
    google.calendar()
    async with serve_app(google.app()) as google.port:
        yield google
        await google.pushed()
