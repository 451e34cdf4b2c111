-- The role voxanne_api stays: other databases of the server may use it.
DROP TABLE hmac_keys, voice_lines, credentials, voice_messages, deliveries, events, appointments,
  leads, opening_hours, services, rooms, practitioners, organizations, clock;
DROP COLLATION unicode_text;
REVOKE USAGE ON SCHEMA public FROM voxanne_api;
DROP EXTENSION btree_gist;
