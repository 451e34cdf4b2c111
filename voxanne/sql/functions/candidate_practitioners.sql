-- Purpose: who could take an appointment: the one asked for, or everyone active, sorted by id (the
-- order of the locks). A clinic with no practitioner of its own is one, under its own id.
-- Outcomes: NULL when the practitioner asked for isn't an active one of this clinic.
CREATE FUNCTION candidate_practitioners(p_org_id uuid, p_practitioner_id uuid) RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_candidates uuid[];
BEGIN
  SELECT array_agg(id ORDER BY id) INTO v_candidates
  FROM practitioners
  WHERE org_id = p_org_id AND active AND NOT implicit
    AND (p_practitioner_id IS NULL OR id = p_practitioner_id);
  IF v_candidates IS NULL
     AND (p_practitioner_id IS NULL OR p_practitioner_id = p_org_id)
     AND NOT EXISTS (
       SELECT FROM practitioners WHERE org_id = p_org_id AND active AND NOT implicit) THEN
    RETURN ARRAY[p_org_id];
  END IF;
  RETURN v_candidates;
END $$;
REVOKE ALL ON FUNCTION candidate_practitioners FROM PUBLIC;
