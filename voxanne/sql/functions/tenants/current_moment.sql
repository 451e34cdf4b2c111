-- Purpose: the present instant, moved by the deployment's clock offset where one is set.
-- Guarantees: every process and session of the database agrees.
CREATE FUNCTION current_moment() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  RETURN clock_timestamp() + coalesce((SELECT clock_offset FROM public.clock), interval '0');
END $$;
REVOKE ALL ON FUNCTION current_moment FROM PUBLIC;
GRANT EXECUTE ON FUNCTION current_moment TO voxanne_api;
