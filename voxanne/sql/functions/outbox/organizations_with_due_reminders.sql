-- Purpose: whose patients are to be reminded now. Ids only.
CREATE FUNCTION organizations_with_due_reminders(p_limit integer) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
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
      WHERE cardinality(reminder_hours) > 0 AND EXISTS (SELECT FROM due_reminders(id, v_now))
      LIMIT p_limit
    ) AS due);
END $$;
REVOKE ALL ON FUNCTION organizations_with_due_reminders FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_due_reminders TO voxanne_api;
