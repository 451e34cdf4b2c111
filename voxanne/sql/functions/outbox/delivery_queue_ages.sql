-- Purpose: how long the oldest delivery that is due has been due, by channel, in seconds. Of all
--   organizations, and without a word of which.
-- Outcomes: {channel: seconds}, without the channels in which nothing is due.
CREATE FUNCTION delivery_queue_ages() RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_now timestamptz := current_moment();
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN '{}';   -- a tenant's session has no business with the others
  END IF;
  RETURN (
    SELECT coalesce(json_object_agg(channel, extract(epoch FROM v_now - oldest)), '{}')
    FROM (
      SELECT channel, min(due_at) AS oldest FROM deliveries
      WHERE status IN ('queued', 'sending') AND due_at <= v_now
      GROUP BY channel
    ) AS due);
END $$;
REVOKE ALL ON FUNCTION delivery_queue_ages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery_queue_ages TO voxanne_api;
