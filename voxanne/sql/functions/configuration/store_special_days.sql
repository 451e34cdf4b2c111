-- Purpose: writes the date exceptions and absences of a configuration's document. What has passed
-- stays as it was, and is not written again.
-- Called by configure_clinic under its lock, after store_members, nowhere else.
CREATE FUNCTION store_special_days(p_org_id uuid, p_document jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_now timestamptz := current_moment();
  v_today date;
BEGIN
  SELECT (v_now AT TIME ZONE timezone)::date INTO v_today FROM organizations WHERE id = p_org_id;
  IF p_document ? 'exceptions' THEN
    DELETE FROM date_exceptions WHERE org_id = p_org_id AND day >= v_today;
    WITH said AS (
      SELECT practitioner_id, (value ->> 'day')::date AS day, (value ->> 'opens')::time AS opens,
        (value ->> 'closes')::time AS closes, coalesce(btrim(value ->> 'reason'), '') AS reason,
        coalesce(value ->> 'source', 'clinic') AS source
      FROM jsonb_array_elements(p_document -> 'exceptions') AS value
      LEFT JOIN named_practitioners(p_org_id) ON called = folded_name(value ->> 'practitioner')
    )
    INSERT INTO date_exceptions (org_id, practitioner_id, day, opens, closes, reason, source)
    SELECT p_org_id, practitioner_id, day, opens, closes, reason, source
    FROM said
    -- What the clinic says of a day wins over the public holiday.
    WHERE day >= v_today AND (source = 'clinic' OR day NOT IN (
      SELECT day FROM said WHERE source = 'clinic' AND practitioner_id IS NULL));
  END IF;
  IF p_document ? 'absences' THEN
    DELETE FROM absences WHERE org_id = p_org_id AND ends_at > v_now;
    INSERT INTO absences (org_id, practitioner_id, starts_at, ends_at, reason)
    SELECT p_org_id, practitioner_id, (value ->> 'starts_at')::timestamptz,
      (value ->> 'ends_at')::timestamptz, coalesce(btrim(value ->> 'reason'), '')
    FROM jsonb_array_elements(p_document -> 'absences') AS value
    JOIN named_practitioners(p_org_id) ON called = folded_name(value ->> 'practitioner')
    WHERE (value ->> 'ends_at')::timestamptz > v_now;
  END IF;
END $$;
REVOKE ALL ON FUNCTION store_special_days FROM PUBLIC;
