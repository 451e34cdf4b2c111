-- Purpose: makes this the organization's only X-Vapi-Secret. p_secret_hash: its SHA-256.
-- Outcomes: {"success"}; INVALID_ORGANIZATION; INVALID_ARGUMENTS, also for a secret that is in use.
CREATE FUNCTION set_vapi_secret(p_org_id uuid, p_secret_hash bytea) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_stored json;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  BEGIN
    DELETE FROM credentials WHERE org_id = p_org_id AND kind = 'vapi_secret';
    v_stored := store_credential(p_org_id, 'vapi_secret', p_secret_hash, 'agent');
    IF NOT (v_stored ->> 'success')::boolean THEN
      RAISE EXCEPTION USING ERRCODE = 'VX001';
    END IF;
  EXCEPTION
    WHEN SQLSTATE 'VX001' THEN RETURN v_stored;   -- the one there was stays
  END;
  RETURN json_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION set_vapi_secret FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_vapi_secret TO voxanne_api;
