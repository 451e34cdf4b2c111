-- Purpose: the messages that a timeline's numbers left for the front desk, but for those that somebody else
--   of the household left by name; and what they said of text messages.
CREATE FUNCTION timeline_messages(
  p_org_id uuid, p_group uuid[], p_phones text[], p_before_at timestamptz, p_before_key text, p_limit integer
) RETURNS TABLE (at timestamptz, key text, item jsonb)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
  SELECT page.created_at, page.sort_key, jsonb_build_object(
    'kind', 'message', 'state', page.status, 'message_id', page.id, 'body', page.body, 'name', page.name,
    'urgency', page.urgency, 'callback_phone', page.callback_phone, 'call_id', page.call_id)
  FROM (
    SELECT messages.*, '1-message-' || id AS sort_key
    FROM (
      SELECT * FROM messages
      WHERE org_id = p_org_id AND coalesce(caller_phone, callback_phone) = ANY (p_phones)
      OFFSET 0   -- or they would be looked for among everybody's, in the order of time
    ) AS messages
    WHERE (name IS NULL OR NOT EXISTS (
        SELECT FROM leads
        WHERE leads.org_id = p_org_id AND phone = ANY (p_phones) AND person = person_key(messages.name)
          AND leads.id <> ALL (p_group)))
      AND (created_at, '1-message-' || id) < (p_before_at, p_before_key)
    ORDER BY created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
  RETURN QUERY
  SELECT page.created_at, page.sort_key, jsonb_build_object(
    'kind', page.kind, 'state', NULL, 'source', page.source, 'phone', page.number, 'word', page.word)
  FROM (
    SELECT consents.*, number, '6-consent-' || lpad(consents.place::text, 19, '0') AS sort_key
    FROM unnest(p_phones) AS number
    CROSS JOIN LATERAL unnest(ARRAY[number, erased_phone(p_org_id, number)]) AS written
    CROSS JOIN LATERAL (
      SELECT * FROM consents
      WHERE org_id = p_org_id AND consents.phone = written AND consents.kind IN ('opt_out', 'opt_in')
      OFFSET 0   -- by the number, never all of the clinic's
    ) AS consents
    WHERE (created_at, '6-consent-' || lpad(consents.place::text, 19, '0')) < (p_before_at, p_before_key)
    ORDER BY created_at DESC, sort_key DESC LIMIT p_limit
  ) AS page;
END $$;
REVOKE ALL ON FUNCTION timeline_messages FROM PUBLIC;
