-- Purpose: what went out in a period, by channel, and how long a booking took to be in the calendar.
-- Outcomes: {channel: {"delivered", "failed", "waiting", "parked"}, …, "calendar_ms": {"p50", "p95"}}:
--   `delivered`: the vendor has it, or it arrived; `waiting`: it is on its way; `parked`: something must be
--   put right first. What was overtaken or not wanted isn't counted. The time is that from the booking's
--   commit to its entry's being read back, of bookings that staff didn't have tried again.
CREATE FUNCTION delivery_metrics(p_org_id uuid, p_from timestamptz, p_until timestamptz) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN (
    WITH gone AS MATERIALIZED (
      SELECT deliveries.* FROM appointments
      JOIN deliveries ON deliveries.org_id = p_org_id AND subject_id = appointments.id
      WHERE appointments.org_id = p_org_id AND scheduled_at >= p_from
        AND deliveries.created_at >= p_from AND deliveries.created_at <= p_until
        AND channel IN ('calendar', 'sms', 'email')
      UNION ALL   -- answers to what patients wrote
      SELECT deliveries.* FROM texts
      JOIN deliveries ON deliveries.org_id = p_org_id AND subject_id = texts.id
      WHERE texts.org_id = p_org_id AND texts.created_at >= p_from AND texts.kind = 'sms_reply'
    )
    SELECT jsonb_build_object('calendar_ms', (
        SELECT jsonb_build_object('p50', p50, 'p95', p95) FROM (
          SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took_ms) AS p50,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY took_ms) AS p95
          FROM (
            SELECT extract(epoch FROM updated_at - created_at) * 1000 AS took_ms FROM gone
            WHERE kind = 'calendar' AND version = 1 AND status = 'delivered' AND attempts_forgiven = 0
          ) AS measured) AS times))
      || coalesce((
        SELECT jsonb_object_agg(channel, jsonb_build_object(
          'delivered', delivered, 'failed', failed, 'waiting', waiting, 'parked', parked))
        FROM (
          SELECT channel,
            count(*) FILTER (WHERE status IN ('sent', 'delivered')) AS delivered,
            count(*) FILTER (WHERE status = 'failed') AS failed,
            count(*) FILTER (WHERE status IN ('queued', 'sending') AND isfinite(due_at)) AS waiting,
            count(*) FILTER (WHERE status = 'queued' AND NOT isfinite(due_at)) AS parked
          FROM gone GROUP BY channel) AS counted), '{}'));
END $$;
REVOKE ALL ON FUNCTION delivery_metrics FROM PUBLIC;
