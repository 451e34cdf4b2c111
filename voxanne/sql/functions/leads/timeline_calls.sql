-- Purpose: a timeline's calls: those known to be with this person, and those of their number of which
--   nobody knows with whom they were.
CREATE FUNCTION timeline_calls(
  p_org_id uuid, p_group uuid[], p_phones text[], p_before_at timestamptz, p_before_key text, p_limit integer
) RETURNS TABLE (at timestamptz, key text, item jsonb)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  SELECT page.started_at, page.sort_key, jsonb_build_object(
    'kind', 'call', 'state', page.status, 'call_id', page.call_id, 'source', page.source, 'summary', page.summary,
    'seconds', extract(epoch FROM page.ended_at - page.started_at), 'end_reason', page.end_reason,
    'promise', page.promise)
  FROM (
    SELECT found.*, '0-call-' || found.call_id AS sort_key
    FROM (
      SELECT own.* FROM unnest(p_group) AS member
      CROSS JOIN LATERAL (   -- one by one, or they would be looked for among everybody's
        SELECT call_id, calls.started_at, ended_at, status, source, summary, end_reason, promise FROM calls
        WHERE org_id = p_org_id AND lead_id = member OFFSET 0) AS own
      UNION ALL
      SELECT own.* FROM unnest(p_phones) AS number
      CROSS JOIN LATERAL (
        SELECT call_id, calls.started_at, ended_at, status, source, summary, end_reason, promise
        FROM (SELECT * FROM calls WHERE org_id = p_org_id AND caller_phone = number OFFSET 0) AS calls
        WHERE lead_id IS NULL) AS own
    ) AS found
    WHERE (found.started_at, '0-call-' || found.call_id) < (p_before_at, p_before_key)
    ORDER BY started_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
END $$;
REVOKE ALL ON FUNCTION timeline_calls FROM PUBLIC;
