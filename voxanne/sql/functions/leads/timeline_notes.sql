-- Purpose: what staff wrote about a timeline's people, and which of their details were corrected.
CREATE FUNCTION timeline_notes(
  p_org_id uuid, p_group uuid[], p_phones text[], p_before_at timestamptz, p_before_key text, p_limit integer
) RETURNS TABLE (at timestamptz, key text, item jsonb)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  SELECT page.created_at, page.sort_key, jsonb_build_object(
    'kind', 'note', 'state', NULL, 'note_id', page.id, 'lead_id', page.lead_id, 'body', page.body,
    'author', page.author, 'staff_id', page.staff_id)
  FROM (
    SELECT notes.*, '7-note-' || id AS sort_key FROM notes
    WHERE org_id = p_org_id AND lead_id = ANY (p_group)
      AND (created_at, '7-note-' || id) < (p_before_at, p_before_key)
    ORDER BY created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
  RETURN QUERY
  SELECT page.created_at, page.sort_key, jsonb_build_object(
    'kind', 'lead_changed', 'state', NULL, 'lead_id', page.lead_id, 'fields', page.data -> 'fields')
  FROM (
    SELECT events.*, '3-event-' || lpad(events.transaction_id::text, 20, '0') || '-' || lpad(events.id::text, 19, '0') AS sort_key
    FROM unnest(p_group) AS member
    CROSS JOIN LATERAL (   -- one by one: PostgreSQL 15 would read those of everybody
      SELECT * FROM events
      WHERE org_id = p_org_id AND events.lead_id = member AND kind = 'lead_changed' OFFSET 0) AS events
    WHERE (created_at, '3-event-' || lpad(events.transaction_id::text, 20, '0') || '-' || lpad(events.id::text, 19, '0')) < (p_before_at, p_before_key)
    ORDER BY created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
END $$;
REVOKE ALL ON FUNCTION timeline_notes FROM PUBLIC;
