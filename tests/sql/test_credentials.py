"""What may speak for an organization: keys, secrets, lines. One set of rules for all who ask."""

import json
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.database import Database

HASH = bytes(range(32))
OTHER_HASH = bytes(32)


@pytest.fixture
async def api(database: Database) -> asyncpg.Connection:
    return await database.connect_api()


@pytest.fixture
async def org_id(database: Database) -> UUID:
    return await database.organization()


async def lines(database: Database) -> list[tuple[str, str, UUID]]:
    owner = await database.owner()
    rows = await owner.fetch("SELECT kind, value, org_id FROM voice_lines ORDER BY kind, value")
    return [(row["kind"], row["value"], row["org_id"]) for row in rows]


async def test_a_key_is_made_listed_and_revoked(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    made = await database.call(
        api, "create_key", org_id, secret_hash=HASH, scope="staff", name="PC"
    )
    assert made["success"] is True
    found = await database.call(api, "list_credentials", org_id)
    assert found["keys"] == [
        {"id": made["key_id"], "name": "PC", "scope": "staff", "created_at": made["created_at"]}
    ]
    assert HASH.hex() not in str(found)
    assert json.loads(await api.fetchval("SELECT find_credential($1)", HASH))["scope"] == "staff"

    key = UUID(made["key_id"])
    elsewhere = await database.organization()
    refused = await database.call(api, "revoke_key", elsewhere, key_id=key)
    assert refused["error"] == "NOT_FOUND"
    assert (await database.call(api, "revoke_key", org_id, key_id=key))["success"] is True
    assert await api.fetchval("SELECT find_credential($1)", HASH) is None


@pytest.mark.parametrize(
    ("hash_", "scope"), [(HASH, "owner"), (HASH, None), (b"", "staff"), (None, "staff")]
)
async def test_a_key_is_as_it_must_be(
    database: Database, api: asyncpg.Connection, org_id: UUID, hash_: bytes, scope: str
) -> None:
    refused = await database.call(api, "create_key", org_id, secret_hash=hash_, scope=scope)
    assert refused["error"] == "INVALID_ARGUMENTS"


@pytest.mark.parametrize("name", ["", "x" * 101])
async def test_a_keys_name_has_an_end(
    database: Database, api: asyncpg.Connection, org_id: UUID, name: str
) -> None:
    given = {"secret_hash": HASH, "scope": "agent"}
    refused = await database.call(api, "create_key", org_id, **given, name=name)
    assert (refused["error"], refused["where"]) == ("INVALID_ARGUMENTS", "name")
    assert (await database.call(api, "list_credentials", org_id))["keys"] == []
    made = await database.call(api, "create_key", org_id, **given, name="x" * 100)
    assert made["success"] is True


async def test_no_secret_is_used_twice_and_none_by_an_unknown_clinic(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    await database.call(api, "create_key", org_id, secret_hash=HASH, scope="agent")
    other = await database.organization()
    for function, given in (("create_key", {"scope": "agent"}), ("set_vapi_secret", {})):
        taken = await database.call(api, function, other, secret_hash=HASH, **given)
        assert (taken["error"], taken["where"]) == ("INVALID_ARGUMENTS", "secret")
        nobody = await database.call(api, function, uuid4(), secret_hash=OTHER_HASH, **given)
        assert nobody["error"] == "INVALID_ORGANIZATION"
    assert (await database.call(api, "list_credentials", other))["keys"] == []


async def test_a_secret_that_wont_do_leaves_the_one_there_was(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    await database.call(api, "set_vapi_secret", org_id, secret_hash=HASH)
    refused = await database.call(api, "set_vapi_secret", org_id, secret_hash=b"short")
    assert refused["error"] == "INVALID_ARGUMENTS"
    assert await api.fetchval("SELECT find_credential($1)", HASH) is not None
    await database.call(api, "set_vapi_secret", org_id, secret_hash=OTHER_HASH)
    assert await api.fetchval("SELECT find_credential($1)", HASH) is None
    found = await database.call(api, "list_credentials", org_id)
    assert found["vapi_secret_since"] is not None
    assert found["keys"] == []


async def test_a_vapi_secret_is_no_key_to_revoke(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    await database.call(api, "set_vapi_secret", org_id, secret_hash=HASH)
    owner = await database.owner()
    key = await owner.fetchval("SELECT credential_id($1)", HASH)
    assert (await database.call(api, "revoke_key", org_id, key_id=key))["error"] == "NOT_FOUND"


async def test_an_hmac_key_is_replaced_with_its_scheme(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    for key, scheme in ((b"one", '{"prefix": "a"}'), (b"two", '{"prefix": "b"}')):
        good = {"encrypted_key": key, "scheme": scheme}
        assert (await database.call(api, "set_hmac_key", org_id, **good))["success"] is True
    found = (await database.call(api, "list_credentials", org_id))["hmac_key"]
    assert found["scheme"] == {"prefix": "b"}
    assert "two" not in str(found)
    for given in (
        {"encrypted_key": b"", "scheme": "{}"},
        {"encrypted_key": b"k", "scheme": "[]"},
        {"encrypted_key": b"k", "scheme": None},
        {"encrypted_key": b"k" * 4001, "scheme": "{}"},
    ):
        refused = await database.call(api, "set_hmac_key", org_id, **given)
        assert refused["error"] == "INVALID_ARGUMENTS"


async def test_a_line_is_mapped_by_all_its_names_or_by_none(
    database: Database, api: asyncpg.Connection, org_id: UUID
) -> None:
    names = {"number": "+44 20 7946 0123", "assistant_id": " as-1 "}
    assert (await add_line(database, api, org_id, names))["success"] is True
    assert (await add_line(database, api, org_id, names))["success"] is True  # twice is once
    known = [("assistant_id", "as-1", org_id), ("number", "+442079460123", org_id)]
    assert await lines(database) == known

    other = await database.organization()
    taken = await add_line(
        database, api, other, {"assistant_id": "as-2", "number": "+442079460123"}
    )
    assert (taken["error"], taken["where"]) == ("INVALID_ARGUMENTS", "number")
    assert await lines(database) == known

    gone = {"kind": "number", "value": "+442079460123"}
    assert (await database.call(api, "remove_line", other, **gone))["error"] == "NOT_FOUND"
    assert (await database.call(api, "remove_line", org_id, **gone))["success"] is True
    assert await lines(database) == known[:1]


@pytest.mark.parametrize(
    ("names", "error"),
    [
        ({}, "INVALID_ARGUMENTS"),
        (["number"], "INVALID_ARGUMENTS"),
        ({"number": "12"}, "INVALID_PHONE"),
        ({"number": None}, "INVALID_ARGUMENTS"),
        ({"colour": "red"}, "INVALID_ARGUMENTS"),
        ({"assistant_id": ""}, "INVALID_ARGUMENTS"),
        ({"assistant_id": "x" * 201}, "INVALID_ARGUMENTS"),
        ({"assistant_id": "ok", "number": "12"}, "INVALID_PHONE"),
    ],
)
async def test_a_line_is_as_it_must_be(
    database: Database, api: asyncpg.Connection, org_id: UUID, names: object, error: str
) -> None:
    assert (await add_line(database, api, org_id, names))["error"] == error
    assert await lines(database) == []


async def add_line(
    database: Database, api: asyncpg.Connection, org_id: UUID, names: object
) -> dict[str, object]:
    return await database.call(api, "add_line", org_id, names=json.dumps(names))


async def test_nobodys_line_or_key_is_made(database: Database, api: asyncpg.Connection) -> None:
    for function, given in (
        ("add_line", {"names": '{"assistant_id": "x"}'}),
        ("set_hmac_key", {"encrypted_key": b"k", "scheme": "{}"}),
    ):
        refused = await database.call(api, function, uuid4(), **given)
        assert refused["error"] == "INVALID_ORGANIZATION"
