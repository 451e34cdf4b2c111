"""`voxanne stress`: one books, the others are told so, and the table agrees; or it exits with 1."""

import json

import pytest

from tests.acceptance.test_validate import (
    NO_CONSTRAINT,
    NO_LOCK,
    Voxanne,
    api_url,
    breaks,
    organization_count,
    slow_slot_taken,
    voxanne,
)
from tests.database import Database

__all__ = ["api_url", "voxanne"]

ONE_OF_TEN = "1 booked, 9 SLOT_UNAVAILABLE"
IN_THE_TABLE = "1 live appointment, 1 lead, 1 booked event"


async def test_one_of_ten(database: Database, voxanne: Voxanne) -> None:
    code, out, err = await voxanne("stress", "--requests", "10")
    assert code == 0, out + err
    assert out.splitlines() == [ONE_OF_TEN, f"✓ in the table: {IN_THE_TABLE}"]
    assert await organization_count(database) == 0


async def test_ten_are_the_default_and_json_tells_the_same(voxanne: Voxanne) -> None:
    code, out, _ = await voxanne("stress", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["passed"]
    assert told["outcomes"] == {"booked": 1, "SLOT_UNAVAILABLE": 9}
    assert told["stored"] == {"live": 1, "leads": 1, "booked_events": 1}


async def test_one_of_five_hundred(database: Database, voxanne: Voxanne) -> None:
    code, out, err = await voxanne("stress", "--requests", "500")
    assert (code, out.splitlines()[0]) == (0, "1 booked, 499 SLOT_UNAVAILABLE"), out + err
    assert await organization_count(database) == 0


async def test_nobody_to_race_with(voxanne: Voxanne) -> None:
    code, out, _ = await voxanne("stress", "--requests", "1")
    assert (code, out.splitlines()[0]) == (0, "1 booked, 0 SLOT_UNAVAILABLE")


@pytest.mark.parametrize("requests", ["0", "10001", "many"])
async def test_refuses_senseless_numbers(voxanne: Voxanne, requests: str) -> None:
    assert (await voxanne("stress", "--requests", requests))[0] == 2


async def test_holds_while_one_guard_is_left(database: Database, voxanne: Voxanne) -> None:
    await breaks(database, NO_LOCK, slow_slot_taken(0.3))
    code, out, err = await voxanne("stress")
    assert (code, out.splitlines()[0]) == (0, ONE_OF_TEN), out + err


async def test_fails_without_the_guards(database: Database, voxanne: Voxanne) -> None:
    await breaks(database, NO_LOCK, NO_CONSTRAINT, slow_slot_taken(0.5))
    code, out, _ = await voxanne("stress")
    assert code == 1
    booked, table = out.splitlines()
    assert booked == "10 booked, 0 SLOT_UNAVAILABLE"
    assert table == "✗ in the table: 10 live appointments, 10 leads, 10 booked events"
    assert await organization_count(database) == 0


async def test_believes_the_table_and_not_the_answers(database: Database, voxanne: Voxanne) -> None:
    """A winner who wasn't stored, or whose event is missing, is no winner."""
    await breaks(
        database,
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER lose BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION lose()",
    )
    code, out, _ = await voxanne("stress")
    assert code == 1
    assert out.splitlines() == [
        ONE_OF_TEN,
        "✗ in the table: 1 live appointment, 1 lead, 0 booked events",
    ]


async def test_over_http(database: Database, voxanne: Voxanne, api_url: str) -> None:
    code, out, err = await voxanne("stress", "--requests", "100", "--url", api_url)
    assert code == 0, out + err
    assert out.splitlines() == ["1 booked, 99 SLOT_UNAVAILABLE", f"✓ in the table: {IN_THE_TABLE}"]
    assert await organization_count(database) == 0


async def test_with_a_key(database: Database, voxanne: Voxanne, api_url: str) -> None:
    _, made, _ = await voxanne("org", "create", "Clinic", "--json")
    key = json.loads(made)["api_key"]
    code, out, err = await voxanne("stress", "--url", api_url, "--key", key)
    assert code == 0, out + err
    assert out.splitlines() == [ONE_OF_TEN, f"✓ in the table: {IN_THE_TABLE}"]
    assert "stays in the diary" in err

    del voxanne.environment["DATABASE_URL"]
    code, out, err = await voxanne("stress", "--url", api_url, "--key", key)
    assert code == 0, out + err
    assert out.splitlines()[0] == ONE_OF_TEN
    assert "not checked" in out.splitlines()[1]

    code, out, _ = await voxanne("stress", "--url", api_url, "--key", "vox_wrong")
    assert (code, out.splitlines()[0]) == (1, "0 booked, 0 SLOT_UNAVAILABLE, 10 HTTP 401")


async def test_a_key_needs_an_address(voxanne: Voxanne) -> None:
    assert (await voxanne("stress", "--key", "vox_any"))[0] == 2
