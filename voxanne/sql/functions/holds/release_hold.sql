-- Purpose: gives a hold back before it lapses.
-- Outcomes: {"success", "hold_id"}, also when it had ended already; NOT_FOUND; NOT_YOURS for another
-- call's, or for an offer, which is declined by decline_offer.
CREATE FUNCTION release_hold(
  p_org_id uuid, p_hold_id uuid, p_call_id text DEFAULT NULL, p_source text DEFAULT 'sql'
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_hold appointments;
  v_now timestamptz;
  v_refused text;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_hold := find_hold(p_org_id, p_hold_id, NULL, NULL, NULL);
  IF v_hold.id IS NOT NULL THEN
    PERFORM lock_diary(p_org_id, NULL, NULL, ARRAY[v_hold.practitioner_id], v_hold.room_id IS NOT NULL, true);
    v_hold := find_hold(p_org_id, p_hold_id, NULL, NULL, NULL);
  END IF;
  v_now := current_moment();
  v_refused := hold_refusal(v_hold, p_call_id, NULL, p_source, v_now);
  IF v_hold.contact_id IS NOT NULL AND v_refused IS NULL THEN
    v_refused := 'NOT_YOURS';
  END IF;
  IF v_refused <> 'HOLD_EXPIRED' THEN
    RETURN refusal(v_refused);
  END IF;
  PERFORM free_hold(v_hold, v_now);
  RETURN json_build_object('success', true, 'hold_id', p_hold_id, 'message', 'The time is free again',
                           'created_at', v_now);
END $$;
REVOKE ALL ON FUNCTION release_hold FROM PUBLIC;
GRANT EXECUTE ON FUNCTION release_hold TO voxanne_api;
