-- Purpose: writes the weekly hours and breaks of a configuration's document.
-- Called by configure_clinic under its lock, after store_members, nowhere else.
CREATE FUNCTION store_weekly_hours(p_org_id uuid, p_document jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF p_document ? 'hours' THEN
    DELETE FROM opening_hours WHERE org_id = p_org_id;
    INSERT INTO opening_hours (org_id, practitioner_id, weekday, opens, closes)
    SELECT p_org_id, practitioner_id, (value ->> 'weekday')::smallint, (value ->> 'opens')::time,
      (value ->> 'closes')::time
    FROM jsonb_array_elements(p_document -> 'hours') AS value
    LEFT JOIN named_practitioners(p_org_id) ON called = folded_name(value ->> 'practitioner');
  END IF;
  IF p_document ? 'breaks' THEN
    DELETE FROM breaks WHERE org_id = p_org_id;
    INSERT INTO breaks (org_id, practitioner_id, weekday, starts, ends, label)
    SELECT p_org_id, practitioner_id, (value ->> 'weekday')::smallint, (value ->> 'starts')::time,
      (value ->> 'ends')::time, coalesce(btrim(value ->> 'label'), 'break')
    FROM jsonb_array_elements(p_document -> 'breaks') AS value
    LEFT JOIN named_practitioners(p_org_id) ON called = folded_name(value ->> 'practitioner');
  END IF;
END $$;
REVOKE ALL ON FUNCTION store_weekly_hours FROM PUBLIC;
