-- Purpose: what the page behind a patient's link shows, found by the link's token alone.
-- Guarantees: that one appointment and nothing else: no notes, no phone or e-mail address of the
--   patient, no other appointment. A link ends 30 days after its appointment does.
-- Outcomes: {"org_id", "organization", "appointment"}; or NULL: no such link (any more), or the
--   session is a tenant's. "state": booked, offered, cancelled, lapsed (an offer that is over), over.
CREATE FUNCTION patient_appointment(p_token text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  c_shown_for constant interval := '30 days';
  v_now timestamptz := current_moment();
  v_link appointment_links;
  v_shown appointments;
  v_waitlist_id uuid;
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN NULL;   -- a link is a patient's: no tenant's session looks through it
  END IF;
  SELECT * INTO v_link FROM appointment_links WHERE token = p_token;
  SELECT * INTO v_shown FROM appointments
  WHERE org_id = v_link.org_id AND id = v_link.appointment_id;
  IF v_shown.id IS NULL OR v_shown.ends_at + c_shown_for <= v_now THEN
    RETURN NULL;
  END IF;
  SELECT id INTO v_waitlist_id FROM waitlist
  WHERE org_id = v_shown.org_id AND held_appointment_id = v_shown.id
    AND v_shown.status = 'held' AND v_shown.hold_expires_at > v_now;
  RETURN json_build_object(
    'org_id', v_shown.org_id,
    'organization', delivering_organization(v_shown.org_id),
    'appointment', json_build_object(
      'id', v_shown.id, 'version', v_shown.version,
      'state', CASE
        WHEN v_shown.status = 'cancelled' THEN 'cancelled'
        WHEN v_waitlist_id IS NOT NULL THEN 'offered'
        WHEN v_shown.status IN ('held', 'expired') THEN 'lapsed'
        WHEN v_shown.status = 'confirmed' AND v_shown.scheduled_at > v_now THEN 'booked'
        ELSE 'over' END,
      'scheduled_at', v_shown.scheduled_at, 'ends_at', v_shown.ends_at,
      'updated_at', v_shown.updated_at,
      'service_type', v_shown.service_type,
      'service_name', (SELECT name FROM services
                       WHERE org_id = v_shown.org_id AND key = v_shown.service_type),
      'practitioner_id', v_shown.practitioner_id,
      'practitioner_name', (SELECT name FROM practitioners
                            WHERE org_id = v_shown.org_id AND id = v_shown.practitioner_id AND NOT implicit),
      'patient_name', coalesce(v_shown.metadata #>> '{patient,name}', (
        SELECT name FROM leads WHERE org_id = v_shown.org_id AND id = v_shown.contact_id)),
      'patient_confirmed_at', v_shown.patient_confirmed_at,
      'waitlist_id', v_waitlist_id,
      'offered_until', CASE WHEN v_waitlist_id IS NOT NULL THEN v_shown.hold_expires_at END));
END $$;
REVOKE ALL ON FUNCTION patient_appointment FROM PUBLIC;
GRANT EXECUTE ON FUNCTION patient_appointment TO voxanne_api;
