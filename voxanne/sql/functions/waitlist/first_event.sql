-- Purpose: the first of the clinic's events, as the log is ordered, that happened at p_from or later.
-- Cost: reads the log up to there; for what staff ask for, not for what happens all the time.
CREATE FUNCTION first_event(p_org_id uuid, p_from timestamptz) RETURNS events
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_event events;
BEGIN
  SELECT * INTO v_event FROM events
  WHERE org_id = p_org_id AND created_at >= p_from
  ORDER BY transaction_id, id LIMIT 1;
  RETURN v_event;
END $$;
REVOKE ALL ON FUNCTION first_event FROM PUBLIC;
