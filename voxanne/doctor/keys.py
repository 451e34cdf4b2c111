"""Check of the encryption key: there, private, and good for every secret that is stored."""

import asyncio
from typing import Final

from cryptography.fernet import InvalidToken, MultiFernet

from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, counted, failed, named, off, ok, warn

# Whose, and what it says on the tin. oauth_states last minutes and aren't among them.
_SECRETS: Final = """
SELECT 'HMAC key' AS kind, org_id, encrypted_key AS secret FROM hmac_keys
UNION ALL SELECT 'staff alerts', id, alert_urls FROM organizations WHERE alert_urls IS NOT NULL
UNION ALL SELECT 'calendar', org_id, credentials FROM calendar_connections
  WHERE credentials IS NOT NULL
UNION ALL SELECT 'text messages', org_id, encrypted_token FROM sms_accounts
UNION ALL SELECT 'webhook', org_id, convert_to(encrypted_secret, 'UTF8') FROM webhooks
UNION ALL SELECT 'webhook', org_id, convert_to(encrypted_old_secret, 'UTF8') FROM webhooks
  WHERE old_secret_until > now() AND encrypted_old_secret IS NOT NULL
"""
_NAMES: Final = "SELECT id, name FROM organizations WHERE id = ANY ($1)"


async def check_encryption_key(scene: Examination) -> Finding:
    fernet = scene.fernet()
    async with scene.owner() as connection:
        rows = await connection.fetch(_SECRETS)
        if fernet is None:
            if rows:
                return failed(
                    f"there is none, but {counted(len(rows), 'secret')} to read with it",
                    "put the key back, from the backup of VOXANNE_ENCRYPTION_KEYS",
                )
            return off("there is none yet, and nothing that needs one")
        broken = await asyncio.to_thread(
            lambda: [row for row in rows if not _reads(fernet, row["secret"])]
        )
        names = await connection.fetch(_NAMES, [row["org_id"] for row in broken])
    called = {row["id"]: row["name"] for row in names}
    if broken:
        whose = {f"{row['kind']} of {called.get(row['org_id'], row['org_id'])}" for row in broken}
        return failed(
            f"it can't read {len(broken)} of {counted(len(rows), 'secret')}: {named(whose)}",
            "add the key they were stored with to VOXANNE_ENCRYPTION_KEYS, after the new one; or "
            "connect and set them again",
        )
    if not scene.settings.encryption_keys and scene.key_file.stat().st_mode & 0o077:
        return warn("others on this machine can read its file", f"chmod 600 {scene.key_file}")
    return ok(f"it reads {counted(len(rows), 'stored secret')}")


def _reads(fernet: MultiFernet, secret: bytes) -> bool:
    try:
        fernet.decrypt(secret)
    except InvalidToken:
        return False
    return True
