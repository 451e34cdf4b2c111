-- Purpose: how many live appointments of a clinic begin before an earlier one of the same practitioner
--   or in the same room is over: none, as long as the constraints stand. Where staff overbooked on
--   purpose doesn't count.
-- Guarantees: needs no constraint and none of their indexes, since it is there for when they are gone.
-- Cost: the live appointments that aren't over, by appointments_in_time; at most c_looked_at_max, those
--   that come first.
CREATE FUNCTION double_bookings(p_org_id uuid, p_moment timestamptz) RETURNS integer
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  c_looked_at_max constant integer := 20000;
  c_longest constant interval := '2 days';   -- of an appointment with its buffers
BEGIN
  RETURN (
    WITH live AS (
      SELECT id, practitioner_id, room_id, coalesce(blocked_from, scheduled_at) AS begins,
        coalesce(blocked_until, ends_at) AS ends
      FROM appointments
      WHERE org_id = p_org_id AND scheduled_at > p_moment - c_longest
        AND coalesce(blocked_until, ends_at) > p_moment
        AND status IN ('held', 'confirmed') AND NOT overlap_allowed
      ORDER BY scheduled_at
      LIMIT c_looked_at_max
    ), taken AS (
      SELECT id, practitioner_id AS whose, begins, ends FROM live
      UNION ALL
      SELECT id, room_id, begins, ends FROM live WHERE room_id IS NOT NULL
    ), swept AS (
      SELECT id, begins < max(ends) OVER (
        PARTITION BY whose ORDER BY begins, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS begins_inside
      FROM taken
    )
    SELECT count(DISTINCT id) FROM swept WHERE begins_inside);
END $$;
REVOKE ALL ON FUNCTION double_bookings FROM PUBLIC;
