-- Purpose: where sweep_old_records has work. Ids only, in no order, so that with more of them than p_limit
--   each has its turn.
CREATE FUNCTION organizations_with_old_records(p_limit integer) RETURNS json
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
      SELECT id FROM organizations WHERE has_old_records(organizations, v_now)
      ORDER BY gen_random_uuid() LIMIT p_limit
    ) AS old);
END $$;
REVOKE ALL ON FUNCTION organizations_with_old_records FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_old_records TO voxanne_api;
