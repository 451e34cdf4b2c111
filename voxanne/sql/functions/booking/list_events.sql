-- Purpose: a page of what happened in a clinic, in the order of commit, after the last event seen.
-- Guarantees: no event is missed or shown twice by a reader who goes on from where it stopped: ids
-- are taken before commit, so only what is below every transaction still open is shown.
-- Outcomes: {"success", "items"}.
CREATE FUNCTION list_events(
  p_org_id uuid,
  p_after_transaction xid8 DEFAULT NULL,
  p_after_id bigint DEFAULT NULL,
  p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  RETURN json_build_object('success', true, 'items', (
    SELECT coalesce(
      jsonb_agg(to_jsonb(page) - 'org_id' ORDER BY page.transaction_id, page.id), '[]')
    FROM (
      SELECT * FROM events
      WHERE org_id = p_org_id
        AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        AND (p_after_transaction IS NULL
             OR (transaction_id, id) > (p_after_transaction, p_after_id))
      ORDER BY transaction_id, id
      LIMIT least(p_limit, 201)
    ) AS page));
END $$;
REVOKE ALL ON FUNCTION list_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_events TO voxanne_api;
