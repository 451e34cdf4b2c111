-- Purpose: where sweep_idle_people has work. Ids only; clinics that chose no period are not looked at.
CREATE FUNCTION organizations_with_idle_people(p_limit integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    SELECT coalesce(json_agg(id), '[]') FROM (
      SELECT id FROM organizations
      WHERE person_retention_days IS NOT NULL AND idle_people(id, v_now, 1) <> '{}' LIMIT p_limit
    ) AS idle);
END $$;
REVOKE ALL ON FUNCTION organizations_with_idle_people FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_idle_people TO voxanne_api;
