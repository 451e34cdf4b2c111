"""Checks of the SQL functions: those of the release, with its text, and who may call them."""

import re
from dataclasses import dataclass
from typing import Final

import asyncpg

from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, counted, failed, named, ok, warn
from voxanne.postgres.migrate import load_functions
from voxanne.postgres.pool import API_ROLE

BOOKING: Final = "book_appointment_atomic"
REPLACE: Final = (
    "make `voxanne migrate up` write it anew: "
    "voxanne psql -c \"DELETE FROM schema_functions WHERE name = '{name}'\" && voxanne migrate up"
)
_QUERY: Final = """
SELECT proname, prosrc, prosecdef, provolatile::text AS volatility,
  coalesce(proconfig, '{}') AS settings, prokind::text AS kind,
  obj_description(pg_proc.oid, 'pg_proc') AS comment, pronargdefaults AS defaults,
  coalesce(proargnames[1:pronargs], '{}') AS arguments,
  proowner = (SELECT relowner FROM pg_class WHERE oid = 'appointments'::regclass) AS is_owners,
  ARRAY(SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END
    FROM aclexplode(coalesce(proacl, acldefault('f', proowner)))
    WHERE grantee <> proowner ORDER BY 1) AS grantees
FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS (
  SELECT FROM pg_depend
  WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
"""
# In any schema: it would be found by whoever looks for a way to book.
_BOOKING_NAMES: Final = """
SELECT pronamespace::regnamespace || '.' || proname AS name FROM pg_proc
WHERE proname LIKE '%book%appointment%'
"""


@dataclass(frozen=True, slots=True)
class Written:
    """A function as its file has it."""

    body: str
    head: str

    @property
    def arguments(self) -> list[str]:
        """The names of those that are passed in."""
        return re.findall(r"(?<!OUT )\b(p_\w+) ", self._listed)

    @property
    def defaults(self) -> int:
        return len(re.findall(r"\bDEFAULT\b", self._listed))

    @property
    def _listed(self) -> str:
        return self.head.partition("RETURNS")[0].partition("FUNCTION")[2]

    @property
    def settings(self) -> set[str]:
        found = re.findall(r"^SET (\w+) *(?:=|TO) *(.+?) *$", self.head, re.MULTILINE)
        return {f"{name}={value}" for name, value in found}

    @property
    def is_definer(self) -> bool:
        return "SECURITY DEFINER" in self.head

    @property
    def volatility(self) -> str:
        said = re.search(r"\b(IMMUTABLE|STABLE|VOLATILE)\b", self.head)
        return said[1][0].lower() if said else "v"


def read_file(text: str) -> Written:
    """Its text is between the dollars, as the tidy rules have it."""
    before, quote, rest = text.partition("$$")
    head = re.sub(r"--.*", "", before[before.index("CREATE FUNCTION") :])
    return Written(rest.partition(quote)[0], head)


def differences(row: asyncpg.Record, text: str) -> list[str]:
    """How a function in the database isn't its file's, in a word each."""
    written = read_file(text)
    granted = [API_ROLE] if f"TO {API_ROLE}" in text else []
    checks = {
        "text": row["prosrc"] == written.body,
        "arguments": list(row["arguments"]) == written.arguments
        and row["defaults"] == written.defaults,
        "security definer": row["prosecdef"] == written.is_definer,
        "settings": set(row["settings"]) == written.settings,
        "volatility": row["volatility"] == written.volatility,
        "grants": list(row["grantees"]) == granted,
        "owner": row["is_owners"],
    }
    return [name for name, same in checks.items() if not same]


async def _read(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    return await connection.fetch(_QUERY)


async def check_booking_function(scene: Examination) -> Finding:
    async with scene.owner() as connection:
        rows = [row for row in await _read(connection) if row["proname"] == BOOKING]
        names = [row["name"] for row in await connection.fetch(_BOOKING_NAMES)]
    if not rows:
        return failed("there is no function that books", REPLACE.format(name=BOOKING))
    if len(rows) > 1:
        return failed(
            f"{len(rows)} functions are called {BOOKING}", "DROP FUNCTION the one that isn't ours"
        )
    if len(names) > 1:
        return failed(
            "another function's name says that it books: "
            f"{named(set(names) - {f'public.{BOOKING}'})}",
            "drop it: one function books, so that no second way around its rules grows",
        )
    wrong = differences(rows[0], load_functions()[BOOKING])
    if not rows[0]["comment"] or "one and only" not in rows[0]["comment"]:
        wrong.append("comment")
    if wrong:
        return failed(f"not as in this release: {', '.join(wrong)}", REPLACE.format(name=BOOKING))
    return ok(f"exactly one, with this release's text; only {API_ROLE} may call it")


async def check_functions(scene: Examination) -> Finding:
    release = load_functions()
    async with scene.owner() as connection:
        rows = await _read(connection)
    there = [row["proname"] for row in rows]
    missing = [name for name in release if name not in there]
    doubled = {name for name in release if there.count(name) > 1}
    changed = {
        row["proname"]: wrong
        for row in rows
        if row["proname"] in release and (wrong := differences(row, release[row["proname"]]))
    }
    if missing or doubled or changed:
        told = [f"{name} is missing" for name in missing]
        told += [f"{name} is there twice" for name in doubled]
        told += [f"{name} ({', '.join(wrong)})" for name, wrong in changed.items()]
        name = sorted([*missing, *doubled, *changed])[0]
        return failed(f"not as in this release: {named(told)}", REPLACE.format(name=name))
    extra = {name for name in there if name not in release}
    if extra:
        return warn(
            f"not of this release: {named(extra)}", "make sure that whoever added it still needs it"
        )
    return ok(f"{counted(len(release), 'function')} with this release's text and grants")
