-- Purpose: the queue. Waits for whoever is deciding about the same caller, key, practitioners or
-- rooms, until the transaction ends. Locks are for a quick and friendly answer; the exclusion
-- constraints are the guarantee.
-- Lock order, always: caller, idempotency key, practitioners by id, the clinic's rooms.
CREATE FUNCTION lock_diary(
  p_org_id uuid, p_phone text, p_idempotency_key text, p_practitioners uuid[], p_rooms boolean
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  -- Seeds keep the four kinds apart.
  c_caller constant bigint := 1;
  c_key constant bigint := 2;
  c_practitioner constant bigint := 3;
  c_rooms constant bigint := 4;
  v_org text := p_org_id::text;
  v_practitioner uuid;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(v_org || p_phone, c_caller));
  IF p_idempotency_key IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(v_org || p_idempotency_key, c_key));
  END IF;
  FOREACH v_practitioner IN ARRAY p_practitioners LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(v_org || v_practitioner::text, c_practitioner));
  END LOOP;
  IF p_rooms THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(v_org, c_rooms));
  END IF;
END $$;
REVOKE ALL ON FUNCTION lock_diary FROM PUBLIC;
