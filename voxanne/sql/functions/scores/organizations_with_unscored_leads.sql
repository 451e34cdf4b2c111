-- Purpose: whose leads are to be scored anew. Ids only, in no order, so that with more of them than
-- p_limit each has its turn.
-- Cost: two index probes an organization.
CREATE FUNCTION organizations_with_unscored_leads(p_limit integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
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
      WHERE rescored_lead IS NOT NULL OR scored_transaction > pg_snapshot_xmax(pg_current_snapshot())
        OR EXISTS (
          SELECT FROM events
          WHERE events.org_id = organizations.id
            AND (events.transaction_id, events.id) > (scored_transaction, scored_event)
            AND events.transaction_id < pg_snapshot_xmin(pg_current_snapshot()))
        OR EXISTS (
          SELECT FROM lead_scores
          WHERE lead_scores.org_id = organizations.id AND due_at <= v_now)
      ORDER BY gen_random_uuid()
      LIMIT p_limit
    ) AS unscored);
END $$;
REVOKE ALL ON FUNCTION organizations_with_unscored_leads FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_unscored_leads TO voxanne_api;
