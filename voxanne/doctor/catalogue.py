"""The schema as PostgreSQL's catalogue tells it, and as it is in this release.

`catalogue.json` was read from a new database: `docs/catalogue.py` writes it anew after a migration
(a test tells when). Functions aren't in it: their files are the release's word.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import asyncpg

# Kind → name → definition, as text.
Catalogue = Mapping[str, Mapping[str, str]]

_OURS: Final = """
  pg_class.relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
    AND objid = pg_class.oid AND deptype = 'e')
"""
# The owner is called what the deployment calls it.
_QUERIES: Final[Mapping[str, str]] = {
    "tables": """
SELECT relname, concat_ws(' ', CASE WHEN relrowsecurity THEN 'walled' END,
  CASE WHEN relforcerowsecurity THEN 'forced' END)
FROM pg_class WHERE relkind IN ('r', 'p') AND @ours""",
    "columns": """
SELECT relname || '.' || attname, concat_ws(' ', format_type(atttypid, atttypmod),
  CASE WHEN attnotnull THEN 'NOT NULL' END,
  CASE attidentity WHEN 'a' THEN 'ALWAYS AS IDENTITY' WHEN 'd' THEN 'BY DEFAULT AS IDENTITY' END,
  CASE attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END,
  'DEFAULT ' || pg_get_expr(adbin, adrelid))
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('r', 'p', 'c') AND @ours""",
    # PostgreSQL 18 counts NOT NULL among them; here it is a column's.
    "constraints": """
SELECT relname || '.' || conname,
  -- Whether it holds is another question.
  regexp_replace(pg_get_constraintdef(pg_constraint.oid), ' NOT (VALID|ENFORCED)$', '')
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE contype <> 'n' AND @ours""",
    "indexes": """
SELECT index_class.relname, pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
JOIN pg_class AS index_class ON index_class.oid = indexrelid WHERE @ours""",
    "policies": """
SELECT relname || '.' || polname, concat_ws(' ',
  CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END, polcmd::text, 'to',
  array_to_string(ARRAY(
    SELECT CASE WHEN role = 0 THEN 'public' WHEN role = relowner THEN 'owner'
      ELSE pg_get_userbyid(role) END
    FROM unnest(polroles) AS role ORDER BY 1), ','),
  'using ' || pg_get_expr(polqual, polrelid), 'check ' || pg_get_expr(polwithcheck, polrelid))
FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid WHERE @ours""",
    "grants": """
SELECT relname || coalesce('.' || attname, ''), string_agg(
  CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END || ' ' || privilege_type,
  ', ' ORDER BY grantee, privilege_type)
FROM (
  SELECT pg_class.*, NULL::name AS attname, relacl AS acl FROM pg_class WHERE @ours
  UNION ALL
  SELECT pg_class.*, attname, attacl FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
  WHERE attacl IS NOT NULL AND @ours
) AS granted, aclexplode(acl)
WHERE grantee <> relowner GROUP BY 1""",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """How a database's things of one kind differ from the release's, by name."""

    missing: list[str]
    changed: list[str]
    extra: list[str]


async def read_catalogue(connection: asyncpg.Connection) -> dict[str, dict[str, str]]:
    """Sorted, so that the same schema is the same text."""
    found = {}
    async with connection.transaction():
        # Whatever the login is set to: definitions name what isn't on the path with its schema.
        await connection.execute("SET LOCAL search_path = public")
        for kind, query in _QUERIES.items():
            rows = await connection.fetch(query.replace("@ours", _OURS))
            found[kind] = dict(sorted((row[0], row[1]) for row in rows))
    return found


def release_catalogue() -> Catalogue:
    text = (files("voxanne") / "doctor" / "catalogue.json").read_text()
    catalogue: Catalogue = json.loads(text)
    return catalogue


def compare(kind: str, found: Catalogue) -> Drift:
    """This database's against the release's."""
    wanted, there = release_catalogue()[kind], found[kind]
    return Drift(
        missing=[name for name in wanted if name not in there],
        changed=[name for name in wanted if name in there and there[name] != wanted[name]],
        extra=[name for name in there if name not in wanted],
    )
