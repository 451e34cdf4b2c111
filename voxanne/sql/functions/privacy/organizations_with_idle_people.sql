-- Purpose: which clinics sweep_idle_people has to look at: those that chose a period. Ids only, in no order,
--   so that with more of them than p_limit each has its turn.
CREATE FUNCTION organizations_with_idle_people(p_limit integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    SELECT coalesce(json_agg(id), '[]') FROM (
      SELECT id FROM organizations
      WHERE person_retention_days IS NOT NULL
      ORDER BY gen_random_uuid() LIMIT p_limit
    ) AS chosen);
END $$;
REVOKE ALL ON FUNCTION organizations_with_idle_people FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_idle_people TO voxanne_api;
