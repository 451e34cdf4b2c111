-- Purpose: may the clinic have this time zone? It must be IANA's, and a zone that changes under
-- booked appointments, whose time of day changes with it, must be meant.
-- Outcomes: NULL; or a refusal() INVALID_TIMEZONE, or NEEDS_CONFIRMATION with "upcoming".
CREATE FUNCTION check_configuration_zone(
  p_clinic organizations, p_document jsonb, p_confirmed boolean
) RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_zone text := btrim(p_document ->> 'timezone');
  v_upcoming bigint;
BEGIN
  IF coalesce(v_zone, p_clinic.timezone) = p_clinic.timezone THEN
    RETURN NULL;
  END IF;
  -- Its own files only: PostgreSQL would take "GMT+1" as well, and mean the other direction.
  IF v_zone ~ '^(posix|right)/' OR v_zone IN ('localtime', 'posixrules', 'Factory')
      OR NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = v_zone) THEN
    RETURN refusal('INVALID_TIMEZONE', jsonb_build_object('where', 'timezone',
      'message', format('There is no time zone %s; use an IANA name such as Europe/London', v_zone)));
  END IF;
  v_upcoming := count_upcoming(p_clinic.id, NULL, NULL, NULL);
  IF v_upcoming > 0 AND p_confirmed IS NOT TRUE THEN
    RETURN refusal('NEEDS_CONFIRMATION', jsonb_build_object('where', 'timezone', 'upcoming', v_upcoming,
      'message', format('Upcoming appointments: %s. Each keeps its moment, so its time of day in %s '
                        'differs from what was said in %s. Confirm to do it',
                        v_upcoming, v_zone, p_clinic.timezone)));
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION check_configuration_zone FROM PUBLIC;
