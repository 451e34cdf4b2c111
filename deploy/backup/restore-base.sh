#!/bin/sh
# Usage: restore-base.sh BASE PGDATA [MOMENT]
#
# Unpacks a copy of base.sh into PGDATA, an empty directory, for a server of the same major version. Start that
# server on it afterwards, as the user it runs as, who must own PGDATA. With BACKUP_WAL_DIR it replays the
# archived log, up to MOMENT (2027-03-01 14:05:00+00) or to its end; then it takes writes.
set -eu
umask 077
base=${1:?a directory of base.sh}
pgdata=${2:?an empty directory}
moment=${3:-}

mkdir -p "$pgdata"
if [ -n "$(ls -A "$pgdata")" ]; then
  echo "$pgdata isn't empty" >&2
  exit 1
fi
chmod 700 "$pgdata"
tar -xzf "$base/base.tar.gz" -C "$pgdata"
mkdir -p "$pgdata/pg_wal"
tar -xzf "$base/pg_wal.tar.gz" -C "$pgdata/pg_wal"
if [ -n "${BACKUP_WAL_DIR:-}" ]; then
  {
    echo "restore_command = 'cp \"$BACKUP_WAL_DIR/%f\" \"%p\"'"
    # Said even where it is empty: a server that was restored to a moment before still has that one here.
    echo "recovery_target_time = '$moment'"
    echo "recovery_target_action = 'promote'"
  } >>"$pgdata/postgresql.auto.conf"
  touch "$pgdata/recovery.signal"
fi
echo "Unpacked. Start the server on $pgdata."
