"""What another tenant tries with the functions of the settings and the delivery page. No test in
here."""

from tests.sql.wall import Scene
from tests.sql.wall_attempts import Attempt, forbids

KEY = "SELECT credential_id(secret_hash) FROM credentials WHERE org_id = $1 LIMIT 1"


async def is_told_of_no_appointment(scene: Scene) -> None:
    """Not even with their ids, under one's own organization."""
    superuser = await scene.database.connect_superuser()
    ids = await superuser.fetchval(
        "SELECT array_agg(id) FROM appointments WHERE org_id = $1", scene.org_id
    )
    assert ids
    refused = await scene.database.call(scene.api, "appointments_told_of", scene.org_id, ids=ids)
    assert refused["error"] == "FORBIDDEN_ORGANIZATION"
    own = await scene.database.call(scene.api, "appointments_told_of", scene.other_org_id, ids=ids)
    assert own["items"] == []


async def revokes_no_key(scene: Scene) -> None:
    superuser = await scene.database.connect_superuser()
    key = await superuser.fetchval(KEY, scene.org_id)
    own = await scene.database.call(scene.api, "revoke_key", scene.other_org_id, key_id=key)
    assert own["error"] == "NOT_FOUND"
    query = "SELECT count(*) FROM credentials WHERE org_id = $1"
    assert await superuser.fetchval(query, scene.org_id) == 1


async def takes_no_line(scene: Scene) -> None:
    """Neither to oneself nor away."""
    superuser = await scene.database.connect_superuser()
    await superuser.execute(
        "INSERT INTO voice_lines (kind, value, org_id) VALUES ('assistant_id', 'theirs', $1)",
        scene.org_id,
    )
    taken = await scene.database.call(
        scene.api, "add_line", scene.other_org_id, names='{"assistant_id": "theirs"}'
    )
    assert taken["error"] == "INVALID_ARGUMENTS"
    removed = await scene.database.call(
        scene.api, "remove_line", scene.other_org_id, kind="assistant_id", value="theirs"
    )
    assert removed["error"] == "NOT_FOUND"
    owner = "SELECT org_id FROM voice_lines WHERE value = 'theirs'"
    assert await superuser.fetchval(owner) == scene.org_id


SETTINGS_ATTEMPTS: dict[str, list[Attempt]] = {
    "add_line": [forbids("add_line", names='{"assistant_id": "mine"}'), takes_no_line],
    "appointments_told_of": [is_told_of_no_appointment],
    "create_key": [forbids("create_key", secret_hash=bytes(32), scope="admin")],
    "find_alert_urls": [forbids("find_alert_urls")],
    "find_consent": [forbids("find_consent", phone="+442079460777")],
    "list_calendar_feeds": [forbids("list_calendar_feeds")],
    "list_credentials": [forbids("list_credentials")],
    "list_stuck_deliveries": [forbids("list_stuck_deliveries")],
    "remove_line": [forbids("remove_line", kind="number", value="Here")],
    "revoke_key": [forbids("revoke_key", key_id=KEY), revokes_no_key],
    "set_hmac_key": [forbids("set_hmac_key", encrypted_key=b"mine", scheme="{}")],
    "set_vapi_secret": [forbids("set_vapi_secret", secret_hash=bytes(32))],
}
