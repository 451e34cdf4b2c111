-- Purpose: the time of p_span that a practitioner's calendar keeps for something that isn't ours; all
-- of time while it wasn't read for too long and the clinic doesn't book then (lower_inf tells).
CREATE FUNCTION busy_spans(p_org_id uuid, p_practitioner_id uuid, p_span tstzrange) RETURNS tstzmultirange
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_connection calendar_connections := calendar_of(p_org_id, p_practitioner_id);
BEGIN
  IF v_connection.id IS NULL THEN
    RETURN '{}';
  ELSIF EXISTS (
      SELECT FROM organizations
      WHERE id = p_org_id AND calendar_stale <> 'offer'
        AND is_stale(v_connection, calendar_stale_minutes, current_moment())) THEN
    RETURN '{(,)}';
  END IF;
  RETURN (
    SELECT coalesce(range_agg(tstzrange(starts_at, ends_at)), '{}') FROM busy_times
    WHERE org_id = p_org_id AND connection_id = v_connection.id
      AND tstzrange(starts_at, ends_at) && p_span);
END $$;
REVOKE ALL ON FUNCTION busy_spans FROM PUBLIC;
