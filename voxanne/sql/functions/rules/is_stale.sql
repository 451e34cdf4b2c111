-- Purpose: whether a calendar's mirror is older than the clinic allows. One that was never read is.
CREATE FUNCTION is_stale(p_connection calendar_connections, p_stale_minutes integer, p_moment timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN coalesce(p_connection.synced_at <= p_moment - make_interval(mins => p_stale_minutes), true);
END $$;
REVOKE ALL ON FUNCTION is_stale FROM PUBLIC;
