-- Purpose: one clinic after the other is looked through for what must never be there, for as long as
--   p_milliseconds; who asks again with `next` goes on from there. Counts, and without a word of which.
-- p_after: the clinic that came last; NULL: from the beginning.
-- Cost: p_milliseconds and one clinic's look, however many there are.
-- Outcomes: {"double_bookings", "crooked_leads", "next"}: of the clinics of this turn; `next` NULL: all
--   were seen.
CREATE FUNCTION inspect_records(p_after uuid, p_milliseconds integer) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
  v_until constant timestamptz := clock_timestamp() + make_interval(secs => p_milliseconds / 1000.0);
  v_now timestamptz := current_moment();
  v_organization uuid := coalesce(p_after, '00000000-0000-0000-0000-000000000000');
  v_double_bookings bigint := 0;
  v_crooked_leads bigint := 0;
BEGIN
  IF coalesce(current_setting('request.jwt.claims', true), '') <> '' THEN
    RETURN json_build_object('double_bookings', 0, 'crooked_leads', 0, 'next', NULL);
  END IF;
  LOOP
    SELECT id INTO v_organization FROM organizations WHERE id > v_organization ORDER BY id LIMIT 1;
    EXIT WHEN v_organization IS NULL;
    v_double_bookings := v_double_bookings + double_bookings(v_organization, v_now);
    v_crooked_leads := v_crooked_leads + crooked_leads(v_organization);
    EXIT WHEN clock_timestamp() >= v_until;
  END LOOP;
  RETURN json_build_object(
    'double_bookings', v_double_bookings, 'crooked_leads', v_crooked_leads, 'next', v_organization);
END $$;
REVOKE ALL ON FUNCTION inspect_records FROM PUBLIC;
GRANT EXECUTE ON FUNCTION inspect_records TO voxanne_api;
