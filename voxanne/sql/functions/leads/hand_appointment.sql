-- Purpose: an appointment becomes another lead's, under that name. Its calendar entry may hold the name, so
--   it is brought up to date; if it is being written at this moment, once more when that lease is over.
-- Outcomes: the name it had; NULL where its patient's details were never kept, or are erased.
CREATE FUNCTION hand_appointment(
  p_org_id uuid, p_appointment_id uuid, p_lead_id uuid, p_name text, p_moment timestamptz
) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_booked appointments;
BEGIN
  SELECT * INTO v_booked FROM appointments WHERE org_id = p_org_id AND id = p_appointment_id;
  UPDATE appointments SET
    contact_id = p_lead_id, updated_at = p_moment,
    metadata = CASE WHEN metadata #>> '{patient,name}' IS NOT NULL
      THEN jsonb_set(metadata, '{patient,name}', to_jsonb(coalesce(p_name, metadata #>> '{patient,name}')))
      ELSE metadata END
  WHERE org_id = p_org_id AND id = p_appointment_id;
  IF v_booked.status = 'confirmed' AND v_booked.scheduled_at > p_moment
     AND (calendar_of(p_org_id, v_booked.practitioner_id)).id IS NOT NULL THEN
    PERFORM queue_calendar(p_org_id, p_appointment_id, v_booked.version, p_moment);
    -- Who writes it now has read the old name, and has no say any more in whether that is well.
    UPDATE deliveries SET
      attempts = attempts + 1, attempts_forgiven = attempts_forgiven + 1, updated_at = p_moment
    WHERE org_id = p_org_id AND subject_id = p_appointment_id AND kind = 'calendar'
      AND version = v_booked.version AND status || '' = 'sending';   -- by its key, not by deliveries_due
  END IF;
  RETURN v_booked.metadata #>> '{patient,name}';
END $$;
REVOKE ALL ON FUNCTION hand_appointment FROM PUBLIC;
