-- Purpose: a page of everything that happened with a person, newest first: calls, bookings and what became
--   of them, what went out and how it stands, texts both ways, messages left, notes, consent, wishes,
--   merges, splits and corrections; of all who are merged into them. After (p_before_at, p_before_key).
-- Guarantees: one order, by moment and then by key, in which nothing is lost or shown twice from page to
--   page, however much happened at one moment. Each kind is read by lead or by number through an index,
--   and cut to the page's length before they are put together: what others have costs nothing.
-- Outcomes: {"success", "items", "before_at", "before_key"}: the last two are null on the last page; or
--   NOT_FOUND.
CREATE FUNCTION lead_timeline(
  p_org_id uuid,
  p_lead_id uuid,
  p_before_at timestamptz DEFAULT NULL,
  p_before_key text DEFAULT NULL,
  p_limit integer DEFAULT 50
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_group uuid[];
  v_phones text[];
  v_at timestamptz := coalesce(p_before_at, 'infinity');
  v_key text := coalesce(p_before_key, '');
  v_limit integer := least(greatest(p_limit, 1), 200);
  v_items jsonb;
BEGIN
  IF claim_forbids(p_org_id) THEN
    RETURN refusal('FORBIDDEN_ORGANIZATION');
  END IF;
  v_group := lead_group(p_org_id, p_lead_id);
  IF v_group = '{}' THEN
    RETURN refusal('NOT_FOUND');
  END IF;
  v_phones := ARRAY(SELECT DISTINCT phone FROM leads WHERE org_id = p_org_id AND id = ANY (v_group));
  SELECT coalesce(jsonb_agg(
    page.item || jsonb_build_object('at', page.at, 'key', page.key) ORDER BY page.at DESC, page.key DESC), '[]')
  INTO v_items
  FROM (
    SELECT * FROM timeline_calls(p_org_id, v_group, v_phones, v_at, v_key, v_limit + 1)
    UNION ALL SELECT * FROM timeline_bookings(p_org_id, v_group, v_phones, v_at, v_key, v_limit + 1)
    UNION ALL SELECT * FROM timeline_events(p_org_id, v_group, v_phones, v_at, v_key, v_limit + 1)
    UNION ALL SELECT * FROM timeline_deliveries(p_org_id, v_group, v_phones, v_at, v_key, v_limit + 1)
    UNION ALL SELECT * FROM timeline_texts(p_org_id, v_group, v_phones, v_at, v_key, v_limit + 1)
    UNION ALL SELECT * FROM timeline_messages(p_org_id, v_group, v_phones, v_at, v_key, v_limit + 1)
    UNION ALL SELECT * FROM timeline_wishes(p_org_id, v_group, v_phones, v_at, v_key, v_limit + 1)
    UNION ALL SELECT * FROM timeline_notes(p_org_id, v_group, v_phones, v_at, v_key, v_limit + 1)
    UNION ALL SELECT * FROM timeline_merges(p_org_id, v_group, v_phones, v_at, v_key, v_limit + 1)
    ORDER BY at DESC, key DESC LIMIT v_limit + 1
  ) AS page;
  IF jsonb_array_length(v_items) <= v_limit THEN
    RETURN jsonb_build_object('success', true, 'items', v_items, 'before_at', NULL, 'before_key', NULL);
  END IF;
  RETURN jsonb_build_object(
    'success', true, 'items', v_items - v_limit,
    'before_at', v_items -> v_limit - 1 -> 'at', 'before_key', v_items -> v_limit - 1 -> 'key');
END $$;
REVOKE ALL ON FUNCTION lead_timeline FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lead_timeline TO voxanne_api;
