-- Purpose: when the clinic's quiet hours end, in its own zone; NULL outside them.
CREATE FUNCTION quiet_end(p_org_id uuid, p_moment timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE
AS $$
DECLARE
  v_clinic organizations;
  v_wall timestamp;
  v_quiet boolean;
  v_ends timestamptz;
BEGIN
  SELECT * INTO v_clinic FROM organizations WHERE id = p_org_id;
  v_wall := p_moment AT TIME ZONE v_clinic.timezone;
  v_quiet := CASE
    WHEN v_clinic.quiet_from <= v_clinic.quiet_until
    THEN v_wall::time >= v_clinic.quiet_from AND v_wall::time < v_clinic.quiet_until
    ELSE v_wall::time >= v_clinic.quiet_from OR v_wall::time < v_clinic.quiet_until END;
  IF NOT v_quiet THEN
    RETURN NULL;
  END IF;
  v_ends := (v_wall::date + v_clinic.quiet_until) AT TIME ZONE v_clinic.timezone;
  IF v_wall::time >= v_clinic.quiet_until THEN
    v_ends := (v_wall::date + 1 + v_clinic.quiet_until) AT TIME ZONE v_clinic.timezone;
  END IF;
  RETURN greatest(v_ends, p_moment);
END $$;
REVOKE ALL ON FUNCTION quiet_end FROM PUBLIC;
