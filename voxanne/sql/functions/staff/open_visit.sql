-- Purpose: whose session a cookie is, and what its holder is at a clinic: everything a page of the
--   dashboard begins with, in one trip. Takes the SHA-256 of the cookie's token.
-- Guarantees: a session ends 14 days after the sign-in, and after 12 hours in which nothing was asked
--   (p_is_asked: by a person; what a page that is left open does by itself doesn't count).
-- Outcomes: NULL: no such session (any more); else {"session_id", "staff_id", "email", "name",
--   "clinics": [{"id", "name", "role", "last_seen_at"}], "clinic": the one asked for, or null where its
--   holder isn't a member of it}. The clinic's "attention" counts what staff should look at, up to 100;
--   its "place" in the event log is before all that the page doesn't show yet.
CREATE FUNCTION open_visit(
  p_token_hash bytea, p_org_id uuid DEFAULT NULL, p_is_asked boolean DEFAULT true
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_seen_every constant interval := '5 minutes';
  c_clinics_max constant integer := 100;
  c_attention_max constant integer := 100;
  v_now timestamptz := current_moment();
  v_session sessions;
  v_clinic json;
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN NULL;   -- a tenant's session is nobody's cookie
  END IF;
  SELECT * INTO v_session FROM sessions
  WHERE token_hash = p_token_hash AND expires_at > v_now AND last_seen_at > v_now - session_idle_max();
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  IF p_is_asked AND v_session.last_seen_at < v_now - c_seen_every THEN
    UPDATE sessions SET last_seen_at = v_now WHERE token_hash = p_token_hash;
  END IF;
  UPDATE memberships SET last_seen_at = v_now
  WHERE p_is_asked AND org_id = p_org_id AND staff_id = v_session.staff_id AND invitation_hash IS NULL
    AND (last_seen_at IS NULL OR last_seen_at < v_now - c_seen_every);
  SELECT json_build_object(
    'id', organizations.id, 'name', organizations.name, 'timezone', timezone, 'country', country,
    'language', language, 'role', role, 'now', v_now,
    'place', concat(pg_snapshot_xmin(pg_current_snapshot()), '-0'),
    'attention', (
      SELECT count(*) FROM (
        SELECT FROM alerts WHERE org_id = p_org_id AND seen_at IS NULL LIMIT c_attention_max) AS unseen))
  INTO v_clinic
  FROM memberships JOIN organizations ON organizations.id = memberships.org_id
  WHERE memberships.org_id = p_org_id AND staff_id = v_session.staff_id AND invitation_hash IS NULL;
  RETURN (
    SELECT json_build_object(
      'session_id', v_session.id, 'staff_id', staff_accounts.id, 'email', email, 'name', name,
      'clinic', v_clinic,
      'clinics', (
        SELECT coalesce(json_agg(worked_at ORDER BY worked_at.name, worked_at.id), '[]')
        FROM (
          SELECT organizations.id, organizations.name, role, last_seen_at
          FROM memberships JOIN organizations ON organizations.id = org_id
          WHERE staff_id = v_session.staff_id AND invitation_hash IS NULL LIMIT c_clinics_max) AS worked_at))
    FROM staff_accounts WHERE id = v_session.staff_id);
END $$;
REVOKE ALL ON FUNCTION open_visit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_visit TO voxanne_api;
