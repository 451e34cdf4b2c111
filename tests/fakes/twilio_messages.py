"""Twilio as Voxanne meets it in a long run: messages created and listed, accounts fetched.
`emulate` stands in for it elsewhere; it stops answering after 5,000 requests. No test in here.

Source: https://www.twilio.com/docs/messaging/api/message-resource
"""

import base64
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.serving import serve_app

Json = dict[str, Any]
PATH = "/2010-04-01/Accounts/{account}/Messages.json"
ACCOUNT_PATH = "/2010-04-01/Accounts/{account}.json"
REFUSED = {"code": 20003, "message": "Authenticate", "status": 401}


@dataclass
class FakeTwilio:
    """`messages`: every one that was ever taken, oldest first, with its account."""

    tokens: dict[str, str]
    messages: list[Json] = field(default_factory=list)
    status: str = "active"  # of every account
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _knows(self, account: str, request: Request) -> bool:
        told = base64.b64encode(f"{account}:{self.tokens.get(account)}".encode()).decode()
        return account in self.tokens and request.headers.get("authorization") == f"Basic {told}"

    async def fetch(self, request: Request) -> Response:
        """https://www.twilio.com/docs/iam/api/account#fetch-an-account-resource"""
        account = request.path_params["account"]
        if not self._knows(account, request):
            return JSONResponse(REFUSED, 401)
        return JSONResponse({"sid": account, "status": self.status, "type": "Full"})

    async def handle(self, request: Request) -> Response:
        account = request.path_params["account"]
        if not self._knows(account, request):
            return JSONResponse(REFUSED, 401)
        if request.method == "GET":
            return self._list(account, dict(request.query_params))
        form = await request.form()
        message = {
            "sid": f"SM{secrets.token_hex(16)}",
            "account_sid": account,
            "to": form["To"],
            "from": form["From"],
            "body": form["Body"],
            "status": "queued",
            "direction": "outbound-api",
        }
        self.messages.append(message)
        return JSONResponse(message, 201)

    def _list(self, account: str, asked: dict[str, str]) -> Response:
        found = [
            message
            for message in reversed(self.messages)
            if message["account_sid"] == account
            and message["to"] == asked.get("To", message["to"])
            and message["from"] == asked.get("From", message["from"])
        ]
        return JSONResponse({"messages": found, "next_page_uri": None})


@contextlib.asynccontextmanager
async def fake_twilio(**tokens: str) -> AsyncIterator[FakeTwilio]:
    """Served on 127.0.0.1 while it lasts; `tokens` by account SID."""
    twilio = FakeTwilio(tokens)
    routes = [Route(PATH, twilio.handle, methods=["GET", "POST"])]
    app = Starlette(routes=[*routes, Route(ACCOUNT_PATH, twilio.fetch)])
    async with serve_app(app) as port:
        twilio.port = port
        yield twilio
