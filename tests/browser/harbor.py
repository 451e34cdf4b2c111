"""The scene's clinic behind a socket, and the addresses of all its pages. No test in here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from tests.browser.scene import STAFF, Scene, fill
from tests.database import Server
from tests.integration.clinics import Api, Clinic, connected_app, serving, settings_for
from tests.integration.front_desk import Desk, sign_in
from voxanne.inbound.dashboard.routes import PAGES
from voxanne.postgres import organizations

SHOWN = "Noah Haddad"
# Pages that aren't read by people, or are a file.
NOT_SHOWN = {"/stream", "/calendar/grid", "/leads/search"}


@dataclass(frozen=True)
class Harbor:
    """The clinic, its story, and its owner at the front desk. `pages`: every page that is read, its
    pattern and an address of it with something to show.
    """

    api: Api
    scene: Scene
    desk: Desk
    pages: dict[str, str]


async def _addresses(api: Api, scene: Scene, desk: Desk) -> dict[str, str]:
    ids = {
        "appointment": str(scene.appointments[SHOWN]),
        "lead": str(scene.leads[SHOWN]),
        "call_text": quote(await _wrong_call(api, scene), safe=""),
        "practitioner": str(next(iter(scene.practitioners.values()))),
        "kind_text": "sms_confirmation",
        "language_text": "en",
        **await _made_here(api, scene),
    }
    found = {
        "/calendar, a week": desk.url("/calendar?view=week"),
        "/account": "/account",
    }
    for page in PAGES:
        if page.method == "GET" and page.path not in NOT_SHOWN:
            path = page.path
            for name, value in ids.items():
                path = path.replace(f"{{{name}}}", value)
            assert "{" not in path, f"{path}: what has it?"
            found[page.path] = desk.url(path)
    return found


async def _wrong_call(api: Api, scene: Scene) -> str:
    """The one in which something was promised that the diary doesn't have."""
    owner = await api.database.owner()
    found: str = await owner.fetchval(
        "SELECT call_id FROM calls WHERE org_id = $1 AND promise = 'mismatch'", scene.org_id
    )
    return found


async def _made_here(api: Api, scene: Scene) -> dict[str, str]:
    """Ids of things that the story has none of."""
    owner = await api.database.owner()
    webhook = await owner.fetchval(
        "INSERT INTO webhooks (org_id, url, encrypted_secret) "
        "VALUES ($1, 'https://records.example/hooks', 'sealed') RETURNING id",
        scene.org_id,
    )
    erased = await api.database.call(
        owner,
        "erase_person",
        scene.org_id,
        lead_id=next(id_ for name, id_ in scene.leads.items() if name != SHOWN),
        actor=STAFF,
        cancel_appointments=True,
    )
    assert erased["success"], erased
    return {"webhook": str(webhook), "erasure": str(erased["erasure_id"])}


@asynccontextmanager
async def open_harbor(server: Server) -> AsyncIterator[Harbor]:
    async with server.database() as database:
        scene = await fill(database)
        owner = await database.owner()
        clinic = Clinic(scene.org_id, await organizations.create_key(owner, scene.org_id, "agent"))
        settings = settings_for(database.owner_url)
        async with (
            connected_app(settings, database.owner_url) as (app, pool, fernet),
            serving(app) as http,
        ):
            api = Api(database, clinic, pool, fernet, http)
            desk = await sign_in(api, "owner", email=STAFF, name="Dana Whitfield")
            yield Harbor(api, scene, desk, await _addresses(api, scene, desk))
