#!/bin/sh
# Usage: restore.sh FILE.dump
#
# Makes the database PGDATABASE anew from a dump of dump.sh. PGHOST, PGPORT, PGUSER, PGPASSWORD: a superuser of
# the server it goes to. A database of that name that is there already is left alone, and this fails.
# BACKUP_SKIP_TRANSACTIONS: see continue.sql; 10 million unless told.
set -eu
dump=${1:?the dump to restore}
: "${PGDATABASE:?the database to make}"
here=$(dirname "$0")
roles=${dump%.dump}.roles.sql

if [ ! -r "$roles" ]; then
  echo "$roles is missing" >&2
  exit 1
fi
owner=$(pg_restore --list "$dump" | sed -n 's/.* TABLE public appointments //p')
: "${owner:?$dump is not a dump of dump.sh}"
there=$(psql --no-psqlrc --quiet --tuples-only --set=ON_ERROR_STOP=1 --set=name="$PGDATABASE" --dbname=postgres <<'SQL'
SELECT datname FROM pg_database WHERE datname = :'name'
SQL
)
if [ -n "$there" ]; then
  echo "$PGDATABASE already exists; nothing was changed" >&2
  exit 1
fi

# Roles that are there already keep their passwords, and have the dump's attributes from here on. All of them or
# none: any other error ends it here.
sed 's/^CREATE ROLE \(.*\);$/DO $$ BEGIN CREATE ROLE \1; EXCEPTION WHEN duplicate_object THEN NULL; END $$;/' "$roles" |
  PGOPTIONS='--client-min-messages=warning' psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --single-transaction \
    --dbname=postgres

createdb --template=template0 --encoding=UTF8 --owner="$owner" "$PGDATABASE"
# The owner's, as `migrate up` makes it: made by the restore it would be the superuser's.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=owner="$owner" <<'SQL'
SET ROLE :"owner";
CREATE EXTENSION btree_gist WITH SCHEMA public;
SQL
# All else by the superuser: for the owner, forced row-level security stops the check of foreign keys.
pg_restore --exit-on-error --no-password --dbname="$PGDATABASE" --jobs=2 "$dump"
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=skip="${BACKUP_SKIP_TRANSACTIONS:-10000000}" \
  --file="$here/continue.sql"
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --command='VACUUM ANALYZE'
echo "$PGDATABASE is restored. Next: passwords of its roles, then docs/how-to/backup.md, after a restore."
