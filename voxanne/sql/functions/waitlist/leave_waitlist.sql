-- Purpose: takes an entry off the waitlist. An offer in hand goes to the next.
-- Outcomes: {"success", "waitlist_id", "status": "left"}, also when it had left; or NOT_FOUND,
--   NOT_YOURS, STALE_VERSION.
CREATE FUNCTION leave_waitlist(
  p_org_id uuid, p_waitlist_id uuid, p_caller_phone text DEFAULT NULL,
  p_version integer DEFAULT NULL, p_source text DEFAULT 'sql'
) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_refusal json;
  v_entry waitlist;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_refusal := waitlist_refusal(p_org_id, p_waitlist_id, p_caller_phone, p_source, p_version);
  IF v_refusal IS NOT NULL THEN
    RETURN v_refusal;
  END IF;
  IF NOT end_offer(p_org_id, p_waitlist_id, 'left', false) THEN
    UPDATE waitlist SET status = 'left', version = version + 1, updated_at = current_moment()
    WHERE org_id = p_org_id AND id = p_waitlist_id AND status = 'waiting';
  END IF;
  SELECT * INTO v_entry FROM waitlist WHERE org_id = p_org_id AND id = p_waitlist_id;
  RETURN json_build_object('success', true, 'waitlist_id', v_entry.id, 'status', v_entry.status,
                           'version', v_entry.version, 'message', 'The wish is off the waitlist',
                           'created_at', v_entry.created_at);
END $$;
REVOKE ALL ON FUNCTION leave_waitlist FROM PUBLIC;
GRANT EXECUTE ON FUNCTION leave_waitlist TO voxanne_api;
