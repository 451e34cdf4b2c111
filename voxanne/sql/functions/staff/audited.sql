-- Purpose: the audit log's row of what somebody has just done, in the same statement and transaction:
--   SELECT audited(…, f.answer) FROM (SELECT cancel_appointment(…) AS answer OFFSET 0) AS f.
-- Guarantees: done and logged, or neither; a refusal isn't logged.
-- p_subject_id NULL: it is the answer's "lead_id" (of the kind "lead"), "id", or "lead" → "id".
-- Outcomes: p_answer, as it is.
CREATE FUNCTION audited(
  p_org_id uuid, p_staff_id uuid, p_actor text, p_action text, p_subject_kind text,
  p_subject_id text, p_answer json
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  IF (p_answer ->> 'success')::boolean IS NOT FALSE THEN
    INSERT INTO audit_log (org_id, staff_id, actor, action, subject_kind, subject_id, created_at)
    VALUES (p_org_id, p_staff_id, p_actor, p_action, p_subject_kind,
            coalesce(p_subject_id, p_answer ->> concat(p_subject_kind, '_id'), p_answer ->> 'id',
                     p_answer -> p_subject_kind ->> 'id'), current_moment());
  END IF;
  RETURN p_answer;
END $$;
REVOKE ALL ON FUNCTION audited FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audited TO voxanne_api;
