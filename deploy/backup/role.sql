-- Purpose: the role that backs up, and nothing else. Run once, as a superuser, before the first backup:
--   psql -f role.sql      then  \password voxanne_backup
-- Row-level security is forced, so it binds the tables' owner too: pg_dump as the owner stops with an
-- error rather than leave rows out. This role is past the policies, reads everything and writes nothing.
-- REPLICATION is for pg_basebackup; leave it out where only dumps are made.
CREATE ROLE voxanne_backup LOGIN BYPASSRLS REPLICATION;
GRANT pg_read_all_data TO voxanne_backup;
ALTER ROLE voxanne_backup SET default_transaction_read_only = on;
