-- Purpose: what stands in the consent ledger for the number of somebody who opted out and was erased:
--   a hash by the clinic's own key, which proves a number that is given and tells none.
-- Outcomes: NULL where nobody was erased yet.
CREATE FUNCTION erased_phone(p_org_id uuid, p_phone text) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  -- Hashed twice, as HMAC does: the first hash can't be continued.
  RETURN (
    SELECT 'erased:' || encode(sha256(key || sha256(key || convert_to(p_phone, 'UTF8'))), 'hex')
    FROM suppression_keys WHERE org_id = p_org_id);
END $$;
REVOKE ALL ON FUNCTION erased_phone FROM PUBLIC;
