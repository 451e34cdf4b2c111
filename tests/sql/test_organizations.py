"""What an operator does to a tenant as a whole."""

from tests.sql.wall import TENANT_TABLES, Scene
from voxanne.postgres import organizations


async def test_a_deleted_clinic_leaves_nothing_and_takes_nobody_elses(scene: Scene) -> None:
    owner = await scene.database.connect_owner()

    async def rows(org_id: object) -> dict[str, int]:
        return {
            table: await owner.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1", org_id)
            for table, column in TENANT_TABLES.items()
        }

    others = await rows(scene.other_org_id)
    assert 0 not in (await rows(scene.org_id)).values(), "a row in every table"

    await organizations.delete_organization(owner, scene.org_id)

    assert set((await rows(scene.org_id)).values()) == {0}
    assert await rows(scene.other_org_id) == others
