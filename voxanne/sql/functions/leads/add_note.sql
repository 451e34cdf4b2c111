-- Purpose: what staff write about a person.
-- Outcomes: {"success", "note_id", "lead_id"}; or NOT_FOUND, LIMIT_REACHED (2,000 of one lead),
--   INVALID_ARGUMENTS: empty, or over 5,000 characters.
CREATE FUNCTION add_note(p_org_id uuid, p_lead_id uuid, p_body text, p_staff_id uuid, p_author text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  c_notes_max constant integer := 2000;
  v_body text := btrim(p_body, E' \t\r\n');
  v_now timestamptz := current_moment();
  v_note uuid;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF coalesce(length(v_body), 0) NOT BETWEEN 1 AND 5000 OR coalesce(length(p_author), 0) NOT BETWEEN 1 AND 254 THEN
    RETURN refusal('INVALID_ARGUMENTS', '{"where": "body"}');
  END IF;
  -- Against its erasure in the meantime.
  PERFORM FROM leads WHERE org_id = p_org_id AND id = p_lead_id FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN refusal('NOT_FOUND');
  ELSIF (SELECT count(*) FROM notes WHERE org_id = p_org_id AND lead_id = p_lead_id) >= c_notes_max THEN
    RETURN refusal('LIMIT_REACHED');
  END IF;
  INSERT INTO notes (org_id, lead_id, body, staff_id, author, created_at)
  VALUES (p_org_id, p_lead_id, v_body, p_staff_id, p_author, v_now) RETURNING id INTO v_note;
  INSERT INTO events (org_id, kind, lead_id, data, created_at)
  VALUES (p_org_id, 'note_added', p_lead_id, jsonb_build_object('note_id', v_note), v_now);
  RETURN json_build_object('success', true, 'note_id', v_note, 'lead_id', p_lead_id);
END $$;
REVOKE ALL ON FUNCTION add_note FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_note TO voxanne_api;
