-- Purpose: a new server's roles and database, once, as its superuser. The postgres image runs it at first start;
-- elsewhere: psql -f deploy/postgres/roles.sql, with the three passwords in the environment.
-- Owner: migrations and the operator's commands. App: API and worker, which own nothing and write through
-- functions alone. Backup: see deploy/backup/role.sql, which is the same.
\set ON_ERROR_STOP on
\getenv owner_password VOXANNE_OWNER_PASSWORD
\getenv app_password VOXANNE_APP_PASSWORD
\getenv backup_password VOXANNE_BACKUP_PASSWORD

CREATE ROLE voxanne LOGIN PASSWORD :'owner_password';
-- The first migration would make this one. Made here, the owner needs no right to make roles.
CREATE ROLE voxanne_api NOLOGIN NOINHERIT;
GRANT voxanne_api TO voxanne WITH ADMIN OPTION;
CREATE ROLE voxanne_app LOGIN PASSWORD :'app_password' IN ROLE voxanne_api;

CREATE ROLE voxanne_backup LOGIN BYPASSRLS REPLICATION PASSWORD :'backup_password';
GRANT pg_read_all_data TO voxanne_backup;
ALTER ROLE voxanne_backup SET default_transaction_read_only = on;

CREATE DATABASE voxanne OWNER voxanne TEMPLATE template0 ENCODING 'UTF8';
REVOKE CONNECT, TEMPORARY ON DATABASE voxanne FROM PUBLIC;
GRANT CONNECT ON DATABASE voxanne TO voxanne_app, voxanne_backup;
