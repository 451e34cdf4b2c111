#!/bin/sh
# Usage: deploy/previous-release.sh REVISION [PYTEST ARGUMENTS]
#
# Proves that processes of an older release work on this tree's schema, as they do between `migrate up` and their
# replacement: unpacks REVISION, migrates with this tree, and runs that release's own tests of what the outside
# sees (voice endpoint, RPC, REST, MCP, patients' pages, webhooks, text messages, acceptance). Needs git's history and
# .venv with the tests' tools; about ten minutes. Not part of make test.
#
# Left out is what must refuse a newer schema: an operator's migrate, demo, validate and stress of the old release.
set -eu
revision=${1:?a commit of the release before}
shift
tree=$(cd "$(dirname "$0")/.." && pwd)
older=$(mktemp -d)
trap 'rm -rf "$older"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$older/tree" "$older/plugin"
git -C "$tree" archive "$revision" | tar -x -C "$older/tree"

cat >"$older/plugin/newer_schema.py" <<'PYTHON'
"""The databases of the tests are migrated by a newer tree than the one that is tested."""

import os
import subprocess
import sys

import tests.database


async def migrate_up(connection, progress=None):
    directory, _, port = connection._addr.rpartition("/.s.PGSQL.")
    name = await connection.fetchval("SELECT current_database()")
    settings = {
        "PYTHONPATH": os.environ["NEWER_TREE"],
        "DATABASE_URL": f"postgresql://voxanne@/{name}?host={directory}&port={port}",
    }
    command = [sys.executable, "-m", "voxanne", "migrate", "up"]
    subprocess.run(command, env={**os.environ, **settings}, check=True, cwd="/")


tests.database.migrate_up = migrate_up
PYTHON

cd "$older/tree"
set -- "$@" -p newer_schema -p no:cacheprovider -q
for name in voice tool rpc v1 mcp supabase patient webhook twilio worker calendar_feed outage; do
  set -- "$@" tests/integration/test_"$name"*.py
done
NEWER_TREE=$tree PYTHONPATH=$older/tree:$older/plugin "$tree/.venv/bin/python" -m pytest "$@" tests/acceptance \
  --ignore=tests/acceptance/test_bench.py --ignore=tests/acceptance/test_demo.py \
  --ignore=tests/acceptance/test_stress.py --ignore=tests/acceptance/test_validate.py
