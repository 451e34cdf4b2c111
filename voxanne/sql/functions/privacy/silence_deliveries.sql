-- Purpose: nothing more goes out to a person, and what a vendor calls what went out is forgotten.
-- Guarantees: also what a worker is about to send: save_text finds it voided, and a lease that is out
--   settles nothing (finish_delivery).
-- Outcomes: how many were kept back.
CREATE FUNCTION silence_deliveries(
  p_org_id uuid, p_appointments uuid[], p_texts uuid[], p_moment timestamptz
) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_voided integer;
BEGIN
  UPDATE deliveries SET
    status = 'voided', uncertain = false, error_code = 'erased', error = 'Whoever it was for was erased.',
    due_at = p_moment, updated_at = p_moment
  WHERE org_id = p_org_id AND subject_id = ANY (p_appointments || p_texts) AND channel IN ('sms', 'email')
    AND status || '' IN ('queued', 'sending');   -- by the subject's key, not by deliveries_due
  GET DIAGNOSTICS v_voided = ROW_COUNT;
  UPDATE deliveries SET external_id = NULL
  WHERE org_id = p_org_id AND subject_id = ANY (p_appointments || p_texts) AND channel IN ('sms', 'email')
    AND external_id IS NOT NULL;
  RETURN v_voided;
END $$;
REVOKE ALL ON FUNCTION silence_deliveries FROM PUBLIC;
