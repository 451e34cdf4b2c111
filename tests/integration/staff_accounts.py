"""People with passwords and links, and the browsers they use. No test in here."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import argon2
import httpx2

from tests.integration.clinics import Api, Clinic
from tests.printed import plant
from voxanne.inbound.dashboard import passwords
from voxanne.inbound.tokens import new_token, token_hash

PASSWORD = plant("a password of staff", "four dark harbour lights")
EMAIL = "ada@clinic.example"
SAFE_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# Hashed once: it takes a tenth of a second, and 64 MiB.
_HASHES: dict[tuple[argon2.PasswordHasher, str], str] = {}


def hashed(password: str) -> str:
    made = (passwords.HASHER, password)
    if made not in _HASHES:
        _HASHES[made] = passwords.HASHER.hash(password)
    return _HASHES[made]


async def make_account(
    api: Api,
    *,
    email: str = EMAIL,
    password: str | None = PASSWORD,
    role: str = "owner",
    clinics: tuple[Clinic, ...] | None = None,
) -> UUID:
    """Who works at these clinics, or at the API's."""
    staff_id: UUID = await api.value(
        "INSERT INTO staff_accounts (email, name, password_hash) VALUES ($1, 'Ada', $2) "
        "RETURNING id",
        email,
        hashed(password) if password else None,
    )
    for clinic in (api.clinic,) if clinics is None else clinics:
        await api.value(
            "INSERT INTO memberships (org_id, staff_id, role) VALUES ($1, $2, $3)",
            clinic.id,
            staff_id,
            role,
        )
    return staff_id


async def make_link(api: Api, staff_id: UUID, *, hours: int = 24) -> str:
    """A one-time link's token."""
    token = new_token()
    now = await api.value("SELECT current_moment()")
    await api.value(
        "INSERT INTO sign_in_links (token_hash, staff_id, created_at, expires_at) "
        "VALUES ($1, $2, $3, $4)",
        token_hash(token),
        staff_id,
        now,
        now + timedelta(hours=hours),
    )
    return token


@dataclass
class Browser:
    """Keeps its cookie, sends its origin, and follows nothing by itself."""

    http: httpx2.AsyncClient
    cookie: str = "voxanne"
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return self._kept(await self.http.get(path, headers=self._headers(headers)))

    async def post(self, path: str, fields: object = None, **headers: str) -> httpx2.Response:
        """A form of ours: with the token of the page it is on, where it has one."""
        sent = dict(fields or {})  # type: ignore[call-overload]
        if self.token is not None and "csrf" not in sent:
            sent["csrf"] = csrf_of(await self.get("/account"))
        return self._kept(await self.http.post(path, data=sent, headers=self._headers(headers)))

    async def sign_in(
        self, email: str = EMAIL, password: str = PASSWORD, following: str = "", **headers: str
    ) -> httpx2.Response:
        fields = {"email": email, "password": password, "next": following, "csrf": ""}
        return await self.post("/sign-in", fields, **headers)

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        kept = {"Cookie": f"{self.cookie}={self.token}"} if self.token else {}
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Sec-Fetch-Site": "same-origin", **kept, **self.headers, **named}

    def _kept(self, answer: httpx2.Response) -> httpx2.Response:
        self.http.cookies.clear()  # of this browser, not of the client that many share
        set_cookie = answer.headers.get("set-cookie")
        if set_cookie is not None:
            name, _, value = set_cookie.partition(";")[0].partition("=")
            assert name == self.cookie
            self.token = value.strip('"') or None
        return answer


def csrf_of(page: httpx2.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


def assert_safe(answer: httpx2.Response) -> None:
    """No answer leaves a script a way in, or a copy behind."""
    for name, value in SAFE_HEADERS.items():
        assert answer.headers.get(name) == value, (answer.url, name)
    policy = answer.headers["content-security-policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert directives["base-uri"] == "'none'"
        assert directives["form-action"].split()[0] == "'self'"
        (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
        assert len(nonce) >= 22
        # Nothing inline but what carries the nonce, and nothing from elsewhere.
        assert not re.search(r"<[^>]+\s(?:on\w+|style)\s*=", answer.text)
        for tag in re.findall(r"<(?:script|style)\b[^>]*>", answer.text):
            assert f'nonce="{nonce}"' in tag or ' src="/static/' in tag, tag
        assert not re.search(r'(?:src|action)="(?:https?:)?//', answer.text)
