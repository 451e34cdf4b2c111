-- Purpose: a new server's roles and database, once, as its superuser. The postgres image runs it at first start;
-- elsewhere: psql -f deploy/postgres/roles.sql, with the three passwords in the environment.
-- docs/reference/roles.md says what each is for.
\set ON_ERROR_STOP on
\getenv owner_password VOXANNE_OWNER_PASSWORD
\getenv app_password VOXANNE_APP_PASSWORD
\getenv backup_password VOXANNE_BACKUP_PASSWORD

CREATE ROLE voxanne LOGIN PASSWORD :'owner_password';
-- The first migration would make this one. Made here, the owner needs no right to make roles.
CREATE ROLE voxanne_api NOLOGIN NOINHERIT;
GRANT voxanne_api TO voxanne WITH ADMIN OPTION;

CREATE ROLE voxanne_app LOGIN CONNECTION LIMIT 200 PASSWORD :'app_password' IN ROLE voxanne_api;
ALTER ROLE voxanne_app SET statement_timeout = '30s';
ALTER ROLE voxanne_app SET idle_in_transaction_session_timeout = '30s';

-- Row-level security is forced, so it binds the owner too: this role is past the policies, reads everything and
-- writes nothing. REPLICATION is for pg_basebackup.
CREATE ROLE voxanne_backup LOGIN BYPASSRLS REPLICATION PASSWORD :'backup_password';
GRANT pg_read_all_data TO voxanne_backup;
ALTER ROLE voxanne_backup SET default_transaction_read_only = on;

-- Without a password nobody logs in as it: \password voxanne_monitor, once there is an exporter.
CREATE ROLE voxanne_monitor LOGIN CONNECTION LIMIT 5;
GRANT pg_monitor TO voxanne_monitor;

CREATE DATABASE voxanne OWNER voxanne TEMPLATE template0 ENCODING 'UTF8';
REVOKE ALL ON DATABASE voxanne FROM PUBLIC;
GRANT CONNECT ON DATABASE voxanne TO voxanne_app, voxanne_backup, voxanne_monitor;
