-- Purpose: what staff should know of upcoming appointments that a change leaves outside the hours.
-- p_before: those that lay outside before it.
-- Outcomes: a list of one sentence, or none.
CREATE FUNCTION outside_hours_warning(p_org_id uuid, p_before uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_number integer;
BEGIN
  SELECT count(*) INTO v_number FROM unnest(appointments_outside_hours(p_org_id)) AS id
  WHERE id <> ALL (p_before);
  IF v_number = 0 THEN
    RETURN '[]';
  END IF;
  RETURN jsonb_build_array(format(
    'Upcoming appointments that would lie outside the hours, and stay: %s', v_number));
END $$;
REVOKE ALL ON FUNCTION outside_hours_warning FROM PUBLIC;
