-- Purpose: would sweep_old_records find anything? An index probe for each table.
CREATE FUNCTION has_old_records(p_clinic organizations, p_moment timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_calls_before timestamptz := p_moment - make_interval(days => p_clinic.call_retention_days);
  v_texts_before timestamptz := p_moment - make_interval(days => p_clinic.text_retention_days);
BEGIN
  RETURN EXISTS (
      SELECT FROM calls WHERE org_id = p_clinic.id AND stripped_at IS NULL AND started_at < v_calls_before)
    OR EXISTS (SELECT FROM voice_messages WHERE org_id = p_clinic.id AND received_at < v_calls_before)
    OR EXISTS (SELECT FROM messages
               WHERE org_id = p_clinic.id AND created_at < v_calls_before AND status = 'done')
    OR EXISTS (SELECT FROM texts WHERE org_id = p_clinic.id AND created_at < v_texts_before)
    OR EXISTS (SELECT FROM idempotency_keys
               WHERE org_id = p_clinic.id AND created_at < p_moment - idempotency_retention())
    OR (SELECT created_at FROM audit_log WHERE org_id = p_clinic.id ORDER BY id LIMIT 1)
       < p_moment - audit_retention();
END $$;
REVOKE ALL ON FUNCTION has_old_records FROM PUBLIC;
