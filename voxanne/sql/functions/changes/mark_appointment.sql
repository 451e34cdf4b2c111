-- Purpose: what became of an appointment: 'completed' or 'no_show'; 'confirmed' takes it back.
-- Lock order: that of lock_diary, then the row.
-- Outcomes: the booking's result; UNAUTHORIZED for anyone but staff, INVALID_ARGUMENTS before its
--   start, NOT_FOUND, STALE_VERSION; SLOT_UNAVAILABLE when it can't come back because its time was
--   given to another.
CREATE FUNCTION mark_appointment(
  p_org_id uuid, p_appointment_id uuid, p_status text, p_version integer DEFAULT NULL,
  p_source text DEFAULT 'sql'
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_marked appointments;
  v_ended appointments[];
  v_now timestamptz;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF p_source IS DISTINCT FROM 'staff' THEN
    RETURN refusal('UNAUTHORIZED');
  ELSIF coalesce(p_status, '') NOT IN ('completed', 'no_show', 'confirmed') THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  v_marked := lock_appointment(p_org_id, p_appointment_id, NULL, '{}');
  v_now := current_moment();
  IF v_marked.id IS NULL OR v_marked.status NOT IN ('confirmed', 'completed', 'no_show') THEN
    RETURN refusal('NOT_FOUND');
  ELSIF p_version IS NOT NULL AND p_version <> v_marked.version THEN
    RETURN refusal('STALE_VERSION', jsonb_build_object('version', v_marked.version));
  ELSIF v_marked.status = p_status THEN
    RETURN replayed_result(p_org_id, p_appointment_id);
  ELSIF v_marked.scheduled_at > v_now THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  BEGIN
    IF p_status = 'confirmed' THEN
      v_marked.blocked_from := lower(v_marked.blocked);
      v_marked.blocked_until := upper(v_marked.blocked);
      v_ended := end_holds(v_marked, NULL, NULL, v_now);
    END IF;
    UPDATE appointments SET status = p_status, version = version + 1, updated_at = v_now
    WHERE org_id = p_org_id AND id = p_appointment_id;
  EXCEPTION
    WHEN exclusion_violation THEN
      RETURN refusal('SLOT_UNAVAILABLE');
  END;
  PERFORM settle_holds(v_ended);
  -- One that comes back may have stood over what is gone by now.
  PERFORM settle_overbooked(p_org_id, v_marked.practitioner_id, v_marked.room_id, v_marked.blocked);
  -- Nobody is to be told of a time that is past.
  UPDATE deliveries SET status = 'voided'
  WHERE org_id = p_org_id AND subject_id = p_appointment_id AND status = 'queued'
    AND kind <> 'calendar';
  INSERT INTO events (org_id, kind, appointment_id, lead_id, created_at)
  VALUES (p_org_id, p_status, p_appointment_id, v_marked.contact_id, v_now);
  RETURN (replayed_result(p_org_id, p_appointment_id)::jsonb || '{"replayed": false}')::json;
END $$;
REVOKE ALL ON FUNCTION mark_appointment FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mark_appointment TO voxanne_api;
