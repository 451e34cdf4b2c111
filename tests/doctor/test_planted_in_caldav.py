"""A clinic's calendar on a real CalDAV server: reached, or told why not."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.database import Database
from tests.doctor.scenes import KEY, found, scene_of
from tests.fakes.radicale_server import PASSWORD, USER, open_desk, radicale_server
from voxanne.config import Environment
from voxanne.doctor import State


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with radicale_server(Path(tmp_path_factory.mktemp("radicale"))) as url:
        yield url


async def test_calendars_are_reached_or_told(database: Database, radicale: str) -> None:
    desk = open_desk(radicale)
    clinic = await database.organization(name="Harbor Dental")

    async def connect(address: str, password: str = PASSWORD) -> None:
        credentials = json.dumps({"user": USER, "password": password, "calendar": None})
        await database.call(
            await database.owner(),
            "connect_calendar",
            clinic,
            practitioner_id=None,
            vendor="caldav",
            calendar=address,
            account=USER,
            credentials=Fernet(KEY).encrypt(credentials.encode()),
        )

    scene = scene_of(database)
    with desk:
        await connect(desk.url)
        finding = await found(scene, "caldav")
        assert (finding.state, finding.counted) == (State.OK, (1, 1))

        await connect(desk.url, "wrong")
        finding = await found(scene, "caldav")
        assert finding.state is State.FAILED
        assert "1 of 1 calendar: Harbor Dental: " in finding.detail

        await connect(f"http://127.0.0.1:{unused_port()}/")
        finding = await found(scene, "caldav")
        assert finding.state is State.FAILED
        assert "unreachable" in finding.detail

        await connect(desk.url)
        production = scene_of(database, env=Environment.PRODUCTION)
        assert "forbidden_address" in (await found(production, "caldav")).detail

        desk.remove_calendar()
        assert (await found(scene, "caldav")).state is State.FAILED


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
