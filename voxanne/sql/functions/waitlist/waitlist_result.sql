-- Purpose: an entry of the waitlist as the functions return it. "position" counts those who wait for
-- the same service, from 1; NULL when it waits no more.
CREATE FUNCTION waitlist_result(p_entry waitlist, p_replayed boolean) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN json_build_object(
    'success', true, 'waitlist_id', p_entry.id, 'status', p_entry.status,
    'version', p_entry.version,
    'position', CASE WHEN p_entry.status IN ('waiting', 'offered') THEN (
      SELECT count(*) + 1 FROM waitlist
      WHERE org_id = p_entry.org_id AND status IN ('waiting', 'offered')
        AND service_type = p_entry.service_type
        AND date_to >= (SELECT (current_moment() AT TIME ZONE timezone)::date
                        FROM organizations WHERE id = p_entry.org_id)
        AND (created_at, id) < (p_entry.created_at, p_entry.id)) END,
    'service_type', p_entry.service_type, 'practitioner_id', p_entry.practitioner_id,
    'date_from', p_entry.date_from, 'date_to', p_entry.date_to,
    'replayed', p_replayed, 'message', 'The wish is on the waitlist',
    'created_at', p_entry.created_at);
END $$;
REVOKE ALL ON FUNCTION waitlist_result FROM PUBLIC;
