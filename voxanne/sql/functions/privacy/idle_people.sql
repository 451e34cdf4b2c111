-- Purpose: who is to be erased by the clinic's choice, the longest known first; nobody where it made none.
-- Cost: a look at each lead that is older than the period, and at the rest of them only of those that
--   weren't touched since.
CREATE FUNCTION idle_people(p_org_id uuid, p_moment timestamptz, p_limit integer) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_since timestamptz;
BEGIN
  SELECT p_moment - make_interval(days => person_retention_days) INTO v_since
  FROM organizations WHERE id = p_org_id;
  RETURN ARRAY(
    SELECT id FROM leads
    WHERE org_id = p_org_id AND created_at < v_since AND updated_at < v_since AND merged_into IS NULL
      AND is_idle_person(p_org_id, id, v_since)
    ORDER BY created_at, id LIMIT p_limit);
END $$;
REVOKE ALL ON FUNCTION idle_people FROM PUBLIC;
