-- Purpose: a caller doesn't take the time that is offered, and goes on waiting; the next is offered it.
-- Outcomes: {"success", "waitlist_id", "status"}; or NOT_FOUND, NOT_YOURS.
CREATE FUNCTION decline_offer(
  p_org_id uuid, p_waitlist_id uuid, p_caller_phone text DEFAULT NULL, p_source text DEFAULT 'sql',
  p_hold_id uuid DEFAULT NULL                -- the offer they saw; another in hand stays
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_refusal json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_refusal := waitlist_refusal(p_org_id, p_waitlist_id, p_caller_phone, p_source, NULL);
  IF v_refusal IS NOT NULL THEN
    RETURN v_refusal;
  END IF;
  IF p_hold_id IS NULL OR EXISTS (
      SELECT FROM waitlist
      WHERE org_id = p_org_id AND id = p_waitlist_id AND held_appointment_id = p_hold_id) THEN
    PERFORM end_offer(p_org_id, p_waitlist_id, 'waiting', false);
  END IF;
  RETURN (
    SELECT json_build_object('success', true, 'waitlist_id', id, 'status', status,
                             'version', version, 'message', 'The offer is declined',
                             'created_at', created_at)
    FROM waitlist WHERE org_id = p_org_id AND id = p_waitlist_id
  );
END $$;
REVOKE ALL ON FUNCTION decline_offer FROM PUBLIC;
GRANT EXECUTE ON FUNCTION decline_offer TO voxanne_api;
