-- Purpose: does a number want text messages, and who said so last?
-- Outcomes: {"success", "phone", "kind": "opt_out", "opt_in" or null, "source", "created_at"};
--   INVALID_PHONE.
CREATE FUNCTION find_consent(p_org_id uuid, p_phone text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_phone text := normalize_phone(p_phone);
  v_consent consents;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF v_phone IS NULL THEN
    RETURN refusal('INVALID_PHONE');
  END IF;
  SELECT * INTO v_consent FROM consents
  WHERE org_id = p_org_id AND phone IN (v_phone, erased_phone(p_org_id, v_phone))
    AND kind IN ('opt_out', 'opt_in')
  ORDER BY place DESC LIMIT 1;
  RETURN json_build_object('success', true, 'phone', v_phone, 'kind', v_consent.kind,
                           'source', v_consent.source, 'created_at', v_consent.created_at);
END $$;
REVOKE ALL ON FUNCTION find_consent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_consent TO voxanne_api;
