-- Purpose: may this caller answer for this entry of the waitlist?
-- Outcomes: NULL; or NOT_FOUND, NOT_YOURS, STALE_VERSION.
CREATE FUNCTION waitlist_refusal(
  p_org_id uuid, p_waitlist_id uuid, p_caller_phone text, p_source text, p_version integer
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_version integer;
  v_phone text;
BEGIN
  SELECT waitlist.version, phone INTO v_version, v_phone
  FROM waitlist JOIN leads ON leads.org_id = p_org_id AND leads.id = contact_id
  WHERE waitlist.org_id = p_org_id AND waitlist.id = p_waitlist_id;
  IF v_version IS NULL THEN
    RETURN refusal('NOT_FOUND');
  ELSIF p_source IS DISTINCT FROM 'staff' AND p_caller_phone IS NOT NULL
      AND (v_phone = normalize_phone(p_caller_phone)) IS NOT TRUE THEN
    RETURN refusal('NOT_YOURS');
  ELSIF p_version <> v_version THEN
    RETURN refusal('STALE_VERSION', jsonb_build_object('version', v_version));
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION waitlist_refusal FROM PUBLIC;
