-- Purpose: the audit log's row of who looked at a patient's details.
-- Guarantees: one row an hour per person and subject, however often they look.
-- Outcomes: true when it was written.
CREATE FUNCTION note_viewing(
  p_org_id uuid, p_staff_id uuid, p_actor text, p_subject_kind text, p_subject_id text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN false;
  END IF;
  INSERT INTO audit_log (org_id, staff_id, actor, action, subject_kind, subject_id, created_at)
  SELECT p_org_id, p_staff_id, p_actor, p_subject_kind || '_viewed', p_subject_kind, p_subject_id, v_now
  WHERE NOT EXISTS (
    SELECT FROM audit_log
    WHERE org_id = p_org_id AND subject_kind = p_subject_kind AND subject_id = p_subject_id
      AND staff_id = p_staff_id AND action = p_subject_kind || '_viewed'
      AND created_at > v_now - interval '1 hour');
  RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION note_viewing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_viewing TO voxanne_api;
