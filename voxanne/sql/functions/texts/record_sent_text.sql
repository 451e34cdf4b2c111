-- Purpose: the vendor's id of a text that it has.
-- Outcomes: whether it is this text's: not when it is another's, or a later attempt was made.
CREATE FUNCTION record_sent_text(p_org_id uuid, p_text_id uuid, p_attempt integer, p_external_id text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN false;
  END IF;
  UPDATE texts SET external_id = p_external_id
  WHERE org_id = p_org_id AND id = p_text_id AND attempt = p_attempt
    AND coalesce(external_id, p_external_id) = p_external_id;
  RETURN FOUND;
EXCEPTION
  WHEN unique_violation THEN
    RETURN false;
END $$;
REVOKE ALL ON FUNCTION record_sent_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_sent_text TO voxanne_api;
