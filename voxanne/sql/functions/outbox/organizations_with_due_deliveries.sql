-- Purpose: who has something to deliver now, in a channel. Ids only, beginning anywhere, so that with
-- more of them than p_limit each has its turn.
-- Cost: an index probe for each one found. What waits in between for later, or in other channels, is
--   passed over inside the index; from PostgreSQL 18 on, an organization's at a time.
CREATE FUNCTION organizations_with_due_deliveries(p_channel text, p_limit integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_begin uuid := gen_random_uuid();
  v_last uuid := v_begin;
  v_wrapped boolean := false;
  v_found uuid[] := '{}';
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '[]';   -- a tenant's session has no business with the others
  END IF;
  LOOP
    SELECT org_id INTO v_last FROM deliveries
    WHERE status IN ('queued', 'sending') AND org_id > v_last AND channel = p_channel AND due_at <= v_now
    ORDER BY org_id LIMIT 1;
    IF v_last IS NULL AND NOT v_wrapped THEN
      v_wrapped := true;
      v_last := '00000000-0000-0000-0000-000000000000';
      CONTINUE;
    END IF;
    EXIT WHEN v_last IS NULL OR v_wrapped AND v_last > v_begin;
    v_found := v_found || v_last;
    EXIT WHEN cardinality(v_found) >= p_limit;
  END LOOP;
  RETURN to_json(v_found);
END $$;
REVOKE ALL ON FUNCTION organizations_with_due_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION organizations_with_due_deliveries TO voxanne_api;
