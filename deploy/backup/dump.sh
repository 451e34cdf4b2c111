#!/bin/sh
# Dumps the database into VOXANNE_BACKUP_DIR: voxanne-TIME.dump (pg_dump's own format, compressed) and, beside
# it, voxanne-TIME.roles.sql. Older ones are removed only after a new one was read back.
#
# Where the database is, libpq is told by PGHOST, PGPORT, PGUSER, PGPASSWORD (or PGPASSFILE) and PGDATABASE: an
# address with a password on a command line is seen by every user of the machine. PGUSER: voxanne_backup.
# BACKUP_KEEP_DAYS: how long dumps are kept, 14 unless told.
set -eu
umask 077
: "${VOXANNE_BACKUP_DIR:?the directory that backups go into}"
: "${PGDATABASE:?the database to dump}"
keep_days=${BACKUP_KEEP_DAYS:-14}

mkdir -p "$VOXANNE_BACKUP_DIR"
file=$VOXANNE_BACKUP_DIR/voxanne-$(date -u +%Y-%m-%dT%H-%M-%SZ)
# Half a dump must never look like the newest one: it gets its name when it is whole.
trap 'rm -f "$file.dump.part" "$file.roles.sql.part"' EXIT
trap 'exit 1' HUP INT TERM

# Roles belong to the server, not to the database. Passwords stay behind: they are set anew.
pg_dumpall --roles-only --no-role-passwords --no-password --file="$file.roles.sql.part"
pg_dump --format=custom --no-password --file="$file.dump.part"
pg_restore --list "$file.dump.part" | grep -q ' TABLE DATA public appointments '
pg_restore --file=/dev/null "$file.dump.part"
sync "$file.dump.part" "$file.roles.sql.part"
mv "$file.roles.sql.part" "$file.roles.sql"
mv "$file.dump.part" "$file.dump"
echo "$file.dump"

find "$VOXANNE_BACKUP_DIR" -maxdepth 1 -type f -name 'voxanne-*' -mtime +"$keep_days" -delete
