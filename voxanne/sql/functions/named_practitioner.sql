-- Purpose: the practitioner of exactly this name but for case, one who is active first; NULL for NULL.
CREATE FUNCTION named_practitioner(p_org_id uuid, p_name text) RETURNS uuid
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    SELECT id FROM practitioners
    WHERE org_id = p_org_id AND NOT implicit AND folded_name(name) = folded_name(p_name)
    ORDER BY active DESC, id LIMIT 1);
END $$;
REVOKE ALL ON FUNCTION named_practitioner FROM PUBLIC;
