-- Purpose: may this appointment be changed now, by whoever asks?
-- Outcomes: NULL; or a refusal: NOT_FOUND (none such, no longer live, or past for a caller),
-- NOT_YOURS, NEEDS_CONFIRMATION, STALE_VERSION with the present "version".
CREATE FUNCTION change_refusal(
  p_appointment appointments, p_lead leads, p_caller_check text, p_source text,
  p_caller_phone text, p_caller_name text, p_caller_birth_date date, p_version integer,
  p_moment timestamptz
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_refusal json;
BEGIN
  IF p_appointment.id IS NULL OR p_appointment.status = 'held' OR p_appointment.status = 'expired' THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  v_refusal := caller_refusal(p_lead, p_caller_check, p_source, p_caller_phone, p_caller_name,
                              p_caller_birth_date);
  IF v_refusal IS NOT NULL THEN
    RETURN v_refusal;
  END IF;
  IF p_version IS NOT NULL AND p_version <> p_appointment.version THEN
    RETURN refusal('STALE_VERSION', jsonb_build_object('version', p_appointment.version));
  END IF;
  IF p_appointment.status <> 'confirmed'
     OR p_source <> 'staff' AND p_appointment.scheduled_at <= p_moment THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION change_refusal FROM PUBLIC;
