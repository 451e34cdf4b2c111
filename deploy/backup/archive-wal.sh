#!/bin/sh
# PostgreSQL's archive_command: archive-wal.sh %p %f, with BACKUP_WAL_DIR set for the server.
# Never overwrites: two servers that archive into one place would spoil each other's log.
set -eu
umask 077
source=$1
target=$BACKUP_WAL_DIR/$2
if [ -e "$target" ]; then
  cmp --silent "$source" "$target"
  exit
fi
cp "$source" "$target.part"
sync "$target.part"
mv "$target.part" "$target"
sync "$BACKUP_WAL_DIR"
