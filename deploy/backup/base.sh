#!/bin/sh
# Copies the whole server into VOXANNE_BACKUP_DIR: base-TIME/, compressed and verified. With the write-ahead log
# archived (docs/how-to/backup.md) it can be brought to any moment after it. For a server whose files are
# yours: a managed service makes its own copies.
#
# PGHOST, PGPORT, PGUSER, PGPASSWORD: as for dump.sh. BACKUP_KEEP_BASES: how many are kept, 2 unless told.
# BACKUP_WAL_DIR: where the log is archived, if it is; what no kept copy needs is removed from it.
set -eu
umask 077
: "${VOXANNE_BACKUP_DIR:?the directory that backups go into}"
keep=${BACKUP_KEEP_BASES:-2}
if [ "$keep" -lt 1 ]; then
  echo "BACKUP_KEEP_BASES must be at least 1" >&2     # with 0 the new one would go too
  exit 1
fi

mkdir -p "$VOXANNE_BACKUP_DIR"
name=base-$(date -u +%Y-%m-%dT%H-%M-%SZ)
draft=$VOXANNE_BACKUP_DIR/.$name
trap 'rm -rf "$draft"' EXIT
trap 'exit 1' HUP INT TERM
pg_basebackup --pgdata="$draft" --format=tar --gzip --wal-method=stream --checkpoint=fast --no-password
gzip --test "$draft"/*.tar.gz
mv "$draft" "$VOXANNE_BACKUP_DIR/$name"
echo "$VOXANNE_BACKUP_DIR/$name"

cd "$VOXANNE_BACKUP_DIR"
find . -maxdepth 1 -name '.base-*' -mtime +1 -exec rm -rf {} +      # what was cut off
for old in $(printf '%s\n' base-* | sort -r | tail -n +"$((keep + 1))"); do
  rm -rf "$old"
done
if [ -n "${BACKUP_WAL_DIR:-}" ]; then
  oldest=$(printf '%s\n' base-* | sort | head -n 1)
  # backup_label says where the log begins that this copy needs: "START WAL LOCATION: … (file 0000…)".
  first=$(tar -xzOf "$oldest/base.tar.gz" backup_label | sed -n 's/^START WAL.*(file \([0-9A-F]*\))$/\1/p')
  pg_archivecleanup "$BACKUP_WAL_DIR" "$first"
fi
