"""The bridge as a program: webhooks in, `/v1` out, FHIR beside it.

    BRIDGE_VOXANNE_URL=http://127.0.0.1:3001 BRIDGE_VOXANNE_KEY=… BRIDGE_WEBHOOK_SECRET=whsec_… \\
    BRIDGE_FHIR_TOKEN=… uvicorn --factory examples.bridge.bridge:from_environment --port 8080
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from examples.bridge.exchange import Exchange
from examples.bridge.fhir_routes import Reader, RefusedError, refused
from examples.bridge.practice import Practice, Told

BODY_BYTES_MAX = 64 * 1024
PAUSE_SECONDS = 1.0

log = logging.getLogger("bridge")


def create_bridge(
    practice: Practice, voxanne: httpx2.AsyncClient, webhook_secret: str, fhir_token: str
) -> FastAPI:
    """`voxanne`: on its address, with a key of scope `staff` in the Authorization header."""
    exchange = Exchange(practice, voxanne)

    @contextlib.asynccontextmanager
    async def working(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(_exchange(exchange))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    app = FastAPI(lifespan=working, openapi_url=None)
    app.include_router(Reader(voxanne, fhir_token).routes())
    app.add_exception_handler(RefusedError, refused)
    app.add_exception_handler(RequestValidationError, refused)

    @app.post("/hooks/voxanne")
    async def told(request: Request) -> Response:
        """Verified, kept, and answered at once; the work is done afterwards."""
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > BODY_BYTES_MAX:
                return Response(status_code=413)
        try:
            event = Webhook(webhook_secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            return Response(status_code=401)
        data = event["data"]
        practice.keep(
            Told(
                request.headers["webhook-id"],
                event["type"],
                data.get("appointment_id"),
                data.get("lead_id"),
            )
        )
        return Response(status_code=204)

    return app


async def _exchange(exchange: Exchange) -> None:
    """For as long as the program runs. What can't be done now stays, and is done later."""
    synced = False
    while True:
        try:
            if not synced:
                await exchange.resync()
                synced = True
            await exchange.take_in()
            await exchange.send_out()
        except (httpx2.HTTPError, ValueError) as error:  # ValueError: an answer that is no JSON
            log.warning("Voxanne can't be asked: %s", type(error).__name__)
        await asyncio.sleep(PAUSE_SECONDS)


def from_environment() -> FastAPI:
    """Raises KeyError that names what is missing."""
    voxanne = httpx2.AsyncClient(
        base_url=os.environ["BRIDGE_VOXANNE_URL"],
        headers={"Authorization": f"Bearer {os.environ['BRIDGE_VOXANNE_KEY']}"},
        timeout=10,
    )
    return create_bridge(
        Practice(Path(os.environ.get("BRIDGE_DIARY", "practice.db"))),
        voxanne,
        os.environ["BRIDGE_WEBHOOK_SECRET"],
        os.environ["BRIDGE_FHIR_TOKEN"],
    )
