-- Purpose: a clinic's practitioners by folded_name(); of several of one name the active one first.
CREATE FUNCTION named_practitioners(p_org_id uuid) RETURNS TABLE (called text, practitioner_id uuid)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  SELECT DISTINCT ON (folded_name(name)) folded_name(name), id
  FROM practitioners WHERE org_id = p_org_id AND NOT implicit
  ORDER BY folded_name(name), active DESC, id;
END $$;
REVOKE ALL ON FUNCTION named_practitioners FROM PUBLIC;
