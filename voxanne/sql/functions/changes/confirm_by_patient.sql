-- Purpose: the patient says that they come: by reply, or on the page behind their link.
-- Guarantees: neither version nor updated_at change: nothing is to be told to anybody, and a reminder
--   stays due. Said again it answers the same.
-- Lock order: the appointment's row alone.
-- Outcomes: {"success", "appointment_id", "patient_confirmed_at", "replayed", …}; or NOT_FOUND (none
--   such, or not to come any more), STALE_VERSION with the present "version".
CREATE FUNCTION confirm_by_patient(
  p_org_id uuid, p_appointment_id uuid,
  p_version integer DEFAULT NULL,            -- the one they saw; NULL: whatever it is
  p_source text DEFAULT 'link'
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_booked appointments;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_source IS NULL OR length(p_source) > 100 THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  SELECT * INTO v_booked FROM appointments
  WHERE org_id = p_org_id AND id = p_appointment_id FOR NO KEY UPDATE;
  v_now := current_moment();
  IF v_booked.id IS NULL OR v_booked.status <> 'confirmed' OR v_booked.scheduled_at <= v_now THEN
    RETURN refusal('NOT_FOUND');
  ELSIF p_version <> v_booked.version THEN
    RETURN refusal('STALE_VERSION', jsonb_build_object('version', v_booked.version));
  END IF;
  IF v_booked.patient_confirmed_at IS NULL THEN
    UPDATE appointments SET patient_confirmed_at = v_now
    WHERE org_id = p_org_id AND id = p_appointment_id;
    INSERT INTO events (org_id, kind, appointment_id, lead_id, data, created_at)
    VALUES (p_org_id, 'patient_confirmed', p_appointment_id, v_booked.contact_id,
            jsonb_build_object('source', p_source, 'version', v_booked.version), v_now);
  END IF;
  RETURN json_build_object(
    'success', true, 'appointment_id', p_appointment_id, 'version', v_booked.version,
    'patient_confirmed_at', coalesce(v_booked.patient_confirmed_at, v_now),
    'replayed', v_booked.patient_confirmed_at IS NOT NULL,
    'message', 'The patient has confirmed', 'created_at', v_booked.created_at);
END $$;
REVOKE ALL ON FUNCTION confirm_by_patient FROM PUBLIC;
GRANT EXECUTE ON FUNCTION confirm_by_patient TO voxanne_api;
