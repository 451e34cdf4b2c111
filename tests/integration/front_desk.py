"""Staff in front of the dashboard: accounts, sessions, a browser's requests. No test in here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2

from tests.integration.clinics import Api, Clinic
from voxanne.inbound.dashboard.guard import csrf_token
from voxanne.inbound.tokens import new_token, token_hash

COOKIE = "voxanne"


@dataclass(frozen=True)
class Desk:
    """Somebody who is signed in, at a clinic. Paths are below the clinic's."""

    api: Api
    clinic: Clinic
    staff_id: UUID
    token: str

    @property
    def cookies(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.token}"}

    @property
    def csrf(self) -> str:
        return csrf_token(self.token)

    def url(self, path: str, clinic: Clinic | None = None) -> str:
        return f"/clinic/{(clinic or self.clinic).id}{path}"

    async def get(
        self, path: str, *, clinic: Clinic | None = None, json: bool = False, **query: Any
    ) -> httpx2.Response:
        headers = self.cookies | ({"Accept": "application/json"} if json else {})
        return await self.api.http.get(self.url(path, clinic), params=query, headers=headers)

    async def post(
        self,
        path: str,
        fields: Mapping[str, Any] | None = None,
        *,
        clinic: Clinic | None = None,
        json: bool = False,
        csrf: str | None = None,
    ) -> httpx2.Response:
        """A form sent. `json`: by a script. Not followed where it leads."""
        headers = self.cookies | ({"Accept": "application/json"} if json else {})
        sent = {**(fields or {}), "csrf": self.csrf if csrf is None else csrf}
        return await self.api.http.post(self.url(path, clinic), data=sent, headers=headers)


async def sign_in(
    api: Api,
    role: str = "owner",
    *,
    email: str | None = None,
    name: str | None = None,
    clinic: Clinic | None = None,
) -> Desk:
    """Somebody of that role, signed in, by rows alone: no password is hashed."""
    owner = await api.database.owner()
    where = clinic or api.clinic
    said = email or f"{role}-{new_token()[:6].lower()}@clinic.example"
    staff_id = await owner.fetchval(
        "INSERT INTO staff_accounts (email, name) VALUES ($1, $2) "
        "ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id",
        said,
        name or role.replace("_", " ").title(),
    )
    await owner.execute(
        "INSERT INTO memberships (org_id, staff_id, role) VALUES ($1, $2, $3) "
        "ON CONFLICT (org_id, staff_id) DO UPDATE SET role = excluded.role",
        where.id,
        staff_id,
        role,
    )
    token = new_token()
    now = await owner.fetchval("SELECT current_moment()")
    await owner.execute(
        "INSERT INTO sessions (token_hash, staff_id, created_at, last_seen_at, expires_at) "
        "VALUES ($1, $2, $3, $3, $4)",
        token_hash(token),
        staff_id,
        now,
        now + timedelta(days=14),
    )
    return Desk(api, where, staff_id, token)
