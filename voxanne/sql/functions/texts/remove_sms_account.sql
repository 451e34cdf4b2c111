-- Purpose: a clinic sends no text messages any more; what was sent and who opted out is kept.
-- Outcomes: {"success", "removed"}.
CREATE FUNCTION remove_sms_account(p_org_id uuid) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_removed boolean;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  DELETE FROM sms_accounts WHERE org_id = p_org_id;
  v_removed := FOUND;
  RETURN json_build_object('success', true, 'removed', v_removed);
END $$;
REVOKE ALL ON FUNCTION remove_sms_account FROM PUBLIC;
GRANT EXECUTE ON FUNCTION remove_sms_account TO voxanne_api;
