"""What another tenant can try with a function, whatever it is. No test in here."""

import json
from collections.abc import Awaitable, Callable
from uuid import uuid4

from tests.sql.wall import TENANT_TABLES, Scene

Attempt = Callable[[Scene], Awaitable[None]]


async def rows_of(scene: Scene) -> dict[str, list[str]]:
    """Everything the victim has, as text."""
    superuser = await scene.database.connect_superuser()
    return {
        table: [
            str(row[0])
            for row in await superuser.fetch(
                f"SELECT {table}::text FROM {table} WHERE {column} = $1 ORDER BY 1", scene.org_id
            )
        ]
        for table, column in TENANT_TABLES.items()
    }


def forbids(function: str, **arguments: object) -> Attempt:
    """The victim's organization, and the victim's ids under one's own. `SELECT …` finds an id."""

    async def attempt(scene: Scene) -> None:
        superuser = await scene.database.connect_superuser()
        given = {
            name: await superuser.fetchval(value, scene.org_id)
            if isinstance(value, str) and value.startswith("SELECT ")
            else value
            for name, value in arguments.items()
        }
        assert all(value is not None for value in given.values())
        before = await rows_of(scene)

        for org_id in (scene.org_id, uuid4(), None):
            answer = await scene.database.call(scene.api, function, org_id, **given)
            assert answer["error"] == "FORBIDDEN_ORGANIZATION"
            assert answer.keys() == {"success", "error", "message", "created_at"}
        own = await scene.database.call(scene.api, function, scene.other_org_id, **given)
        if any(str(arguments[name]).startswith("SELECT id") for name in arguments):
            assert own["error"] in ("NOT_FOUND", "UNKNOWN_PRACTITIONER"), own
        assert await rows_of(scene) == before

    attempt.__name__ = f"{function}_is_forbidden"
    return attempt


def lists_nothing(function: str, **arguments: object) -> Attempt:
    """The victim's list is forbidden; one's own holds none of the victim's ids, filtered or not."""

    async def attempt(scene: Scene) -> None:
        superuser = await scene.database.connect_superuser()
        given = {
            name: await superuser.fetchval(str(value), scene.org_id)
            for name, value in arguments.items()
        }
        answer = await scene.database.call(scene.api, function, scene.org_id)
        assert answer["error"] == "FORBIDDEN_ORGANIZATION"
        assert answer.keys() == {"success", "error", "message", "created_at"}
        theirs = {
            str(row[0])
            for table in ("appointments", "leads", "waitlist", "messages", "alerts")
            for row in await superuser.fetch(
                f"SELECT id FROM {table} WHERE org_id = $1", scene.org_id
            )
        }
        for filters in ({}, given):
            own = await scene.database.call(scene.api, function, scene.other_org_id, **filters)
            assert not [id_ for id_ in theirs if id_ in json.dumps(own)]

    attempt.__name__ = f"{function}_lists_nothing"
    return attempt


def counts_nothing(function: str) -> Attempt:
    async def attempt(scene: Scene) -> None:
        before = await rows_of(scene)
        arguments = (
            (scene.org_id, "c")
            if function in ("extend_holds", "release_holds")
            else (scene.org_id,)
        )
        places = ", ".join(f"${n}" for n in range(1, len(arguments) + 1))
        assert await scene.api.fetchval(f"SELECT {function}({places})", *arguments) == 0
        assert await rows_of(scene) == before

    attempt.__name__ = f"{function}_counts_nothing"
    return attempt
