-- Purpose: what a person's appointments add up to, and those that are to come, the next one first.
-- p_group: as lead_group answers it.
CREATE FUNCTION lead_history(p_org_id uuid, p_group uuid[], p_moment timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_upcoming_max constant integer := 20;
BEGIN
  RETURN (
    SELECT jsonb_build_object(
      'visits', count(*) FILTER (WHERE status = 'completed' OR status = 'confirmed' AND ends_at <= p_moment),
      'no_shows', count(*) FILTER (WHERE status = 'no_show'),
      'cancellations', count(*) FILTER (WHERE status = 'cancelled'),
      'last_visit_at', max(scheduled_at) FILTER (
        WHERE status IN ('confirmed', 'completed') AND scheduled_at <= p_moment),
      'source', (array_agg(source ORDER BY created_at, id))[1],
      'upcoming', (
        SELECT coalesce(
          jsonb_agg(appointment_line(page.booked) ORDER BY (page.booked).scheduled_at, (page.booked).id), '[]')
        FROM (
          SELECT booked
          FROM (
            SELECT appointments AS booked FROM appointments
            WHERE org_id = p_org_id AND contact_id = ANY (p_group) AND status = 'confirmed' AND ends_at > p_moment
            OFFSET 0   -- or they would be looked for among everybody's, in the order of time
          ) AS own
          ORDER BY (booked).scheduled_at, (booked).id LIMIT c_upcoming_max) AS page))
    FROM appointments
    WHERE org_id = p_org_id AND contact_id = ANY (p_group) AND status NOT IN ('held', 'expired'));
END $$;
REVOKE ALL ON FUNCTION lead_history FROM PUBLIC;
