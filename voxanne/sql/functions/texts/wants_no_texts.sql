-- Purpose: has this number opted out? The newest word counts.
CREATE FUNCTION wants_no_texts(p_org_id uuid, p_phone text) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN coalesce((
    SELECT kind = 'opt_out' FROM consents
    WHERE org_id = p_org_id AND phone IN (p_phone, erased_phone(p_org_id, p_phone))
      AND kind IN ('opt_out', 'opt_in')
    ORDER BY place DESC LIMIT 1), false);
END $$;
REVOKE ALL ON FUNCTION wants_no_texts FROM PUBLIC;
