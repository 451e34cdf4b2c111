-- Purpose: when a practitioner receives, as instants, for the clinic's local days from p_first to
-- p_last. The practitioner's own hours replace the clinic's.
-- Outcomes: NULL when no hours are configured (open at all times); an empty set when closed.
CREATE FUNCTION open_spans(
  p_org_id uuid, p_practitioner_id uuid, p_timezone text, p_first date, p_last date
) RETURNS tstzmultirange
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_hours_of uuid;
  v_found boolean;
BEGIN
  SELECT true, practitioner_id INTO v_found, v_hours_of
  FROM opening_hours
  WHERE org_id = p_org_id AND (practitioner_id = p_practitioner_id OR practitioner_id IS NULL)
  ORDER BY practitioner_id NULLS LAST
  LIMIT 1;
  IF v_found IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT coalesce(range_agg(tstzrange(
      (day + opens) AT TIME ZONE p_timezone,
      -- Inside the hour that a clock change skips, a span may end before it begins: it is empty.
      greatest((day + opens) AT TIME ZONE p_timezone, (day + closes) AT TIME ZONE p_timezone))), '{}')
    -- Timestamps without zone: days must not depend on the session's own zone.
    FROM generate_series(p_first::timestamp, p_last::timestamp, interval '1 day') AS day
    JOIN opening_hours AS hours
      ON hours.org_id = p_org_id AND hours.weekday = extract(isodow FROM day)
      AND hours.practitioner_id IS NOT DISTINCT FROM v_hours_of
  );
END $$;
REVOKE ALL ON FUNCTION open_spans FROM PUBLIC;
