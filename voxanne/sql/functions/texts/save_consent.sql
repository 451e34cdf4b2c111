-- Purpose: what staff were told, or the carrier answered, of who wants text messages.
-- p_kind: 'opt_out', 'opt_in'. p_source: 'staff', 'carrier'.
-- Outcomes: {"success", "phone", "kind"}; or INVALID_PHONE, INVALID_ARGUMENTS, INVALID_ORGANIZATION.
CREATE FUNCTION save_consent(p_org_id uuid, p_phone text, p_kind text, p_source text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_phone text := normalize_phone(p_phone);
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  ELSIF NOT EXISTS (SELECT FROM organizations WHERE id = p_org_id) THEN
    RETURN refusal('INVALID_ORGANIZATION');
  ELSIF v_phone IS NULL THEN
    RETURN refusal('INVALID_PHONE');
  ELSIF coalesce(p_kind, '') NOT IN ('opt_out', 'opt_in') OR coalesce(p_source, '') NOT IN ('staff', 'carrier') THEN
    RETURN refusal('INVALID_ARGUMENTS');
  END IF;
  PERFORM store_consent(p_org_id, v_phone, p_kind, NULL, p_source, current_moment());
  RETURN json_build_object('success', true, 'phone', v_phone, 'kind', p_kind);
END $$;
REVOKE ALL ON FUNCTION save_consent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION save_consent TO voxanne_api;
