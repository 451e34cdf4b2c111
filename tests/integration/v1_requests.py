"""Requests to `/v1`, and a clinic that has something of everything. No test in here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2

from tests.integration.clinics import Api, Clinic, Json, open_clinic
from voxanne.postgres import organizations

PROBLEM = "application/problem+json"
# A Thursday at ten, in London and in UTC, three weeks after clinics.NOW.
THURSDAY = datetime(2026, 11, 26, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MAYA = {"name": "Maya Okafor", "phone": "+447700900123"}
ANA = {"name": "Ana Ruiz", "phone": "+447700900456"}


def moment(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def booking(start: datetime = THURSDAY, /, **changes: object) -> Json:
    """Maya Okafor's consultation; fields changed to None are left out."""
    body = {**MAYA, "service_type": "consultation", "scheduled_at": moment(start), **changes}
    return {name: value for name, value in body.items() if value is not None}


@dataclass(frozen=True)
class Client:
    """Sends with one key."""

    http: httpx2.AsyncClient
    clinic: Clinic

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> httpx2.Response:
        """`from_` stands for the parameter `from`."""
        parameters = {name.rstrip("_"): value for name, value in query.items()}
        return await self.http.request(
            method,
            f"/v1/{path}",
            json=body,
            params=parameters or None,
            headers={**self.clinic.bearer, **(headers or {})},
        )

    async def get(self, path: str, **query: Any) -> Json:
        return ok(await self.send("GET", path, **query))

    async def post(self, path: str, body: object = None, **headers: str) -> Json:
        return ok(await self.send("POST", path, body, named(headers)))

    async def patch(self, path: str, body: object, **headers: str) -> Json:
        return ok(await self.send("PATCH", path, body, named(headers)))

    async def refused(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, str]:
        """The refusal's status and code."""
        problem = refusal(await self.send(method, path, body, named(headers)))
        return problem["status"], problem["code"]

    async def book(self, start: datetime = THURSDAY, /, **changes: object) -> Json:
        return await self.post("appointments", booking(start, **changes))


def named(headers: Mapping[str, str]) -> dict[str, str]:
    """`if_match` → `If-Match`."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def ok(reply: httpx2.Response) -> Json:
    assert reply.status_code in (200, 201, 202, 204), reply.text
    answered: Json = reply.json() if reply.content else {}
    return answered


def refusal(reply: httpx2.Response) -> Json:
    """The problem, which is one as it should be."""
    assert reply.headers["content-type"] == PROBLEM, (reply.status_code, reply.text)
    problem: Json = reply.json()
    assert problem.keys() >= {"type", "title", "status", "code", "detail"}
    assert problem["status"] == reply.status_code
    assert problem["type"] == f"/docs#{problem['code']}"
    assert problem["detail"]
    return problem


async def client(api: Api, scope: str = "admin", clinic: Clinic | None = None) -> Client:
    """One with a key of that scope, for the API's clinic or another."""
    wanted = clinic or api.clinic
    key = await organizations.create_key(await api.database.owner(), wanted.id, scope)
    return Client(api.http, Clinic(wanted.id, key))


@dataclass(frozen=True)
class Everything:
    """Ids of a clinic that has one of each thing."""

    client: Client
    ids: dict[str, UUID]


async def clinic_with_everything(api: Api) -> Everything:
    """Somebody's clinic: an appointment, a hold, a lead, a wish, a message, an alert."""
    staff = await client(api, "admin", await open_clinic(api.database, "admin"))
    booked = await staff.book()
    hold = await staff.post(
        "holds", {"service_type": "consultation", "scheduled_at": moment(THURSDAY + HOUR)}
    )
    wish = await staff.post("waitlist", {**ANA, "service_type": "consultation"})
    org_id = staff.clinic.id
    room = await api.database.room(org_id)
    owner = await api.database.owner()
    message = await owner.fetchval(
        "INSERT INTO messages (org_id, body) VALUES ($1, 'please call') RETURNING id", org_id
    )
    alert = await owner.fetchval(
        "INSERT INTO alerts (org_id, kind) VALUES ($1, 'emergency') RETURNING id", org_id
    )
    webhook = await owner.fetchval(
        "INSERT INTO webhooks (org_id, url, encrypted_secret) VALUES ($1, 'https://a.test/', 's') "
        "RETURNING id",
        org_id,
    )
    calendar = await owner.fetchval(
        "INSERT INTO calendar_connections (org_id, vendor, calendar) "
        "VALUES ($1, 'google', 'primary') RETURNING id",
        org_id,
    )
    waiting_lead = await owner.fetchval("SELECT contact_id FROM waitlist WHERE org_id = $1", org_id)
    ids = {
        "waiting_lead_id": waiting_lead,
        "appointment_id": UUID(booked["id"]),
        "subject_id": UUID(booked["id"]),
        "practitioner_id": UUID(booked["practitioner_id"]),
        "lead_id": UUID(booked["lead_id"]),
        "hold_id": UUID(hold["id"]),
        "waitlist_id": UUID(wish["id"]),
        "message_id": message,
        "alert_id": alert,
        "webhook_id": webhook,
        "calendar_id": calendar,
        "room_id": room,
    }
    return Everything(staff, ids)
