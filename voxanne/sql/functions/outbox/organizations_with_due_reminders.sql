-- Purpose: whose patients are to be reminded now. Ids only, beginning anywhere, so that with more of them
-- than p_limit each has its turn.
-- Cost: that of due_reminders for each organization that reminds, until p_limit are found.
CREATE FUNCTION organizations_with_due_reminders(p_limit integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_begin uuid := gen_random_uuid();
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    SELECT coalesce(json_agg(id), '[]') FROM (
      (SELECT id FROM organizations
       WHERE id > v_begin AND cardinality(reminder_hours) > 0 AND EXISTS (SELECT FROM due_reminders(id, v_now))
       ORDER BY id)
      UNION ALL
      (SELECT id FROM organizations
       WHERE id <= v_begin AND cardinality(reminder_hours) > 0 AND EXISTS (SELECT FROM due_reminders(id, v_now))
       ORDER BY id)
      LIMIT p_limit
    ) AS due);
END $$;
REVOKE ALL ON FUNCTION organizations_with_due_reminders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_due_reminders TO voxanne_api;
