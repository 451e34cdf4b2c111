-- Purpose: whether a number wants text messages: its newest word, when and how it was given.
-- Outcomes: NULL: it said nothing.
CREATE FUNCTION lead_consent(p_org_id uuid, p_phone text) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object('kind', kind, 'source', source, 'at', created_at) FROM consents
    WHERE org_id = p_org_id AND phone IN (p_phone, erased_phone(p_org_id, p_phone))
      AND kind IN ('opt_out', 'opt_in')
    ORDER BY place DESC LIMIT 1);
END $$;
REVOKE ALL ON FUNCTION lead_consent FROM PUBLIC;
