"""Going back before the front desk with people in it, and on again: the clinics stay."""

from tests.database import Database
from tests.sql.wall import ACCOUNT_TABLES, tenant
from voxanne.postgres.migrate import migrate_down, migrate_up, schema_is_current

BEFORE_STAFF = 6


async def test_down_and_up_with_staff_in_the_tables(empty_database: Database) -> None:
    owner = await empty_database.connect_owner()
    await migrate_up(owner)
    for name in ("Here", "Elsewhere"):
        await tenant(empty_database, name)
    booked = "SELECT count(*) FROM appointments WHERE status = 'confirmed'"
    before = await owner.fetchval(booked)
    for table in ACCOUNT_TABLES | {"memberships", "audit_log"}:
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 2

    await migrate_down(owner, BEFORE_STAFF)
    for table in ACCOUNT_TABLES | {"memberships", "audit_log"}:
        assert await owner.fetchval("SELECT to_regclass($1)", table) is None
    assert await owner.fetchval("SELECT count(*) FROM pg_proc WHERE proname = 'open_visit'") == 0
    assert await owner.fetchval(booked) == before

    await migrate_up(owner)
    assert await schema_is_current(owner) is True
    assert await owner.fetchval("SELECT count(*) FROM staff_accounts") == 0
    assert await owner.fetchval(booked) == before
